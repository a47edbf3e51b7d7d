import { formatBytes } from '../core/bytes.ts';
import { ThimbleError } from '../core/errors.ts';
import { type Budget, mostBytes } from '../plan/budget.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { decode, MAGIC } from '../program/decode.ts';
import { pagesOf } from '../program/format.ts';
import type { Kernels } from '../runtime/flavour.ts';
import { InferenceModel } from './model.ts';

/** Whether `bytes` start as a `.thimble` file does. */
export const isStored = (bytes: Uint8Array): boolean => [...MAGIC].every((character, i) => bytes[i] === character.charCodeAt(0));

/** The model of a `.thimble` file. Its plan has the regions; the buffers of its methods are not in the file. @throws FORMAT, VERSION, BUDGET. */
export function loadStored(bytes: Uint8Array, kernels: Kernels, budget: Budget | undefined): InferenceModel {
  const program = decode(bytes);
  const { name, totalBytes } = program;
  const { static: records, const: constants, state, io, arena } = program.regions;
  const regions = { static: records.bytes, const: constants.bytes, state: state.bytes, io: io.bytes, arena: arena.bytes };
  const memory: MemoryPlan = { name, totalBytes, pages: pagesOf(program), small: false, regions, methods: [] };
  if (budget !== 'least' && totalBytes > mostBytes(budget)) {
    throw new ThimbleError('BUDGET', `"${name}" needs ${totalBytes.toLocaleString('en-US')} bytes`, {
      expected: `at most ${formatBytes(mostBytes(budget))}`,
      hint: 'the memory of a .thimble file is settled: compile the model again with this budget',
    });
  }
  return new InferenceModel(program, kernels, memory);
}
