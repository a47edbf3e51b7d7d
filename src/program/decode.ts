import { alignUp } from '../core/bytes.ts';
import { bytesPerElement, type DType } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { type HalfRuns, unpackHalves } from '../core/halves.ts';
import { sizeOf } from '../core/shape.ts';
import { checkTask, type Task } from '../core/task.ts';
import { type Method, type Program, type Region, regionNames, type Slot } from './format.ts';

export const MAGIC = 'THIM';
export const VERSION = 3;

/** Linear memory has 32-bit addresses. */
const MAX_BYTES = 2 ** 32;

/**
 * Reads a `.thimble` file. The image is a view of `bytes`, unless floats in it are packed.
 * @throws FORMAT where the file is truncated, not a program, or names memory outside its own map; VERSION for another version's file.
 */
export function decode(bytes: Uint8Array): Program {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || new TextDecoder().decode(bytes.subarray(0, 4)) !== MAGIC) {
    throw new ThimbleError('FORMAT', 'not a .thimble file', {
      expected: `a file that starts with "${MAGIC}"`,
      got: `${bytes.length} bytes`,
    });
  }
  const version = header.getUint32(4, true);
  if (version !== VERSION) {
    throw new ThimbleError('VERSION', 'this .thimble file is of another version', {
      expected: String(VERSION),
      got: String(version),
      hint: 'compile the model again',
    });
  }
  const length = header.getUint32(8, true);
  const imageAt = alignUp(12 + length);
  if (imageAt > bytes.length)
    throw new ThimbleError('FORMAT', 'the .thimble file is truncated', { expected: `${imageAt} bytes or more`, got: String(bytes.length) });
  const { halves = [], ...manifest } = parse(bytes.subarray(12, 12 + length));
  const program: Program = { ...manifest, image: unpacked(bytes.subarray(imageAt), halves, manifest) };
  checkMap(program);
  return program;
}

/** The image; a view where nothing in it is packed. */
function unpacked(bytes: Uint8Array, halves: unknown, { regions }: Omit<Program, 'image'>): Uint8Array {
  const runs: unknown[] = Array.isArray(halves) ? halves : [undefined];
  if (runs.length === 0) return bytes;
  const image = runs.every((run) => Array.isArray(run))
    ? unpackHalves(bytes, runs as unknown as HalfRuns, regions?.io?.address)
    : undefined;
  if (image) return image;
  throw new ThimbleError('FORMAT', 'the .thimble file is damaged: its packed floats do not fit its image');
}

function parse(json: Uint8Array): Omit<Program, 'image'> & { readonly halves?: HalfRuns } {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)) as Omit<Program, 'image'>;
  } catch (error) {
    throw new ThimbleError('FORMAT', `the manifest of the .thimble file is not JSON: ${(error as Error).message}`);
  }
}

/** Every address the manifest names must lie in the region it belongs to: kernels do not check. */
function checkMap(program: Program): void {
  const fail = (what: string): never => {
    throw new ThimbleError('FORMAT', `the .thimble file is damaged: ${what}`);
  };
  const { regions, totalBytes, methods, state, image } = program;
  if (!Number.isInteger(totalBytes) || totalBytes < 0 || totalBytes > MAX_BYTES) fail('its memory size is not one');
  for (const name of regionNames) {
    const region = regions?.[name];
    if (!region || !inside(region.address, region.bytes, { address: 0, bytes: totalBytes })) fail(`region "${name}" is outside the memory`);
  }
  if (image.length !== regions.io.address) fail(`its image has ${image.length} bytes, not ${regions.io.address}`);
  if (!Array.isArray(program.kernels) || !Array.isArray(state) || typeof methods !== 'object' || methods === null)
    fail('its manifest lacks a part');
  if (!program.kernels.every((name) => typeof name === 'string')) fail('its kernels have no names');
  const checkSlots = (slots: readonly Slot[], region: Region) => {
    if (!Array.isArray(slots)) fail('a list of tensors is missing');
    for (const slot of slots) if (!slotInside(slot, region)) fail(`tensor "${slot?.name}" is outside its region`);
  };
  checkSlots(state, regions.state);
  for (const [name, method] of Object.entries(methods as Record<string, Method>)) {
    checkSlots(method.inputs, regions.io);
    checkSlots(method.outputs, regions.io);
    for (const { name, shape, count } of method.outputs) {
      const counter = count && method.outputs.find((output) => output.name === count.name);
      if (count && !(counter?.dtype === 'i32' && shape[count.axis] !== undefined)) fail(`nothing counts the entries of "${name}"`);
    }
    const { calls } = method;
    if (!Array.isArray(calls) || calls.length % 2) fail(`method "${name}" has no calls`);
    for (let i = 0; i < calls.length; i += 2) {
      if (!(program.kernels[calls[i] as number] && inside(calls[i + 1] as number, 4, regions.static)))
        fail(`call ${i / 2} of "${name}" has no kernel or record`);
    }
  }
  if (Object.values(program.signatures ?? {}).some((name) => !methods[name])) fail('a signature has no method');
  if (!isSoundTraining(program)) fail('what it says of training does not fit its methods');
  if (program.task !== undefined) checkTaskFits(program.task, program);
}

/** Its input and output must be there. */
function checkTaskFits(task: Task, { methods }: Program): void {
  try {
    checkTask(task);
  } catch (error) {
    throw new ThimbleError('FORMAT', `the .thimble file is damaged: ${(error as Error).message}`);
  }
  const fits = Object.values(methods).some(
    ({ inputs, outputs }) => inputs.some(({ name }) => name === task.input) && outputs.some(({ name }) => name === task.output),
  );
  if (!fits) throw new ThimbleError('FORMAT', `the .thimble file is damaged: no method takes "${task.input}" and gives "${task.output}"`);
}

function isSoundTraining({ training, methods, state }: Program): boolean {
  if (training === undefined) return true;
  const { batchSize, learningRate, accumulationSteps, accumulated } = training;
  return (
    Number.isInteger(batchSize) &&
    Number.isInteger(accumulationSteps) &&
    Number.isInteger(accumulated) &&
    ['number', 'object'].includes(typeof learningRate) &&
    methods.train !== undefined &&
    (accumulationSteps <= 1 || methods.accumulate !== undefined) &&
    state.some(({ name }) => name === 'step')
  );
}

const inside = (address: number, bytes: number, region: Region): boolean =>
  Number.isInteger(address) &&
  Number.isInteger(bytes) &&
  address >= region.address &&
  bytes >= 0 &&
  address + bytes <= region.address + region.bytes;

const dtypes: readonly string[] = ['f32', 'i32', 'i8', 'u8', 'bool'] satisfies DType[];

const slotInside = (slot: Slot, region: Region): boolean =>
  typeof slot?.name === 'string' &&
  dtypes.includes(slot.dtype) &&
  ['string', 'undefined'].includes(typeof slot.type) &&
  Array.isArray(slot.shape) &&
  slot.shape.every((n) => Number.isInteger(n) && n >= 0) &&
  inside(slot.address, sizeOf(slot.shape) * bytesPerElement(slot.dtype), region);
