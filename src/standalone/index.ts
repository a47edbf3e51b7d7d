import { ThimbleError } from '../core/errors.ts';
import { kernelBytes } from '../hosts/kernels.ts';
import type { Program } from '../program/format.ts';
import type { Flavour } from '../runtime/flavour.ts';
import { cHeader } from './clients/c.ts';
import { goClient } from './clients/go.ts';
import { javascriptClient } from './clients/javascript.ts';
import { clientModel } from './clients/model.ts';
import { pythonClient } from './clients/python.ts';
import { rustClient } from './clients/rust.ts';
import { type Linked, link } from './link.ts';

export { ABI_VERSION } from './abi.ts';
export type { Linked } from './link.ts';

export interface StandaloneOptions {
  /** `wasm` (default): a reactor without imports; `wasi`: a command for WASI preview 1. */
  readonly target?: 'wasm' | 'wasi';
  /** Export the training step too. */
  readonly training?: boolean;
  /** Kernels to link: `simd` where left out; `scalar` for engines without SIMD; `relaxed` only for engines that have it. */
  readonly flavour?: Flavour;
  /** Keep weights and constants out of the module, for the host to write into its memory: then they are not held twice. */
  readonly separateWeights?: boolean;
}

/**
 * `program` as one WebAssembly module with all it needs; see `abi.ts` for its exports. Needs the package `binaryen`.
 * @throws INPUT for training of a program that has no training step, for a command with separate weights, for several signatures, or where binaryen is not installed.
 */
export async function compileStandalone(program: Program, options: StandaloneOptions = {}): Promise<Linked> {
  const { target = 'wasm', training = false, flavour = 'simd', separateWeights = false } = options;
  if (training && !program.training) {
    throw new ThimbleError('INPUT', 'this program has no training step', { node: program.name, hint: 'export the model with training' });
  }
  if (target === 'wasi' && separateWeights) {
    throw new ThimbleError('INPUT', 'a command has nobody who could give it its weights', { hint: 'compile it with the weights inside' });
  }
  if (Object.keys(program.signatures ?? {}).length > 1) {
    throw new ThimbleError('INPUT', 'a module runs one signature', { node: program.name, hint: 'a .thimble file holds several' });
  }
  return link(program, await kernelBytes(flavour), { target, training, separateWeights, passiveState: flavour !== 'scalar' });
}

/** Sources that call a module compiled with `target: 'wasm'`, by file name; `name` is the module's file without its extension. */
export function clients(
  program: Program,
  name: string,
  { training = false, separateWeights = false }: Pick<StandaloneOptions, 'training' | 'separateWeights'> = {},
): Readonly<Record<string, string>> {
  const model = clientModel(program, name, training, separateWeights);
  return {
    [`${model.name}.h`]: cHeader(model, program.regions),
    [`${model.name}.go`]: goClient(model),
    [`${model.name}.rs`]: rustClient(model),
    [`${model.name}.py`]: pythonClient(model),
    [`${model.name}.mjs`]: javascriptClient(model),
  };
}
