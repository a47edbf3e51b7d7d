import { decode } from '../program/decode.ts';
import { type Flavour, flavourOf, type Kernels } from '../runtime/flavour.ts';
import { RuntimeModel } from '../runtime/model.ts';
import { kernelsFor } from './kernels.ts';

export * from '../runtime/index.ts';

export interface RuntimeOptions {
  /** Kernels to run on; where left out or `auto`, the fastest this host accepts that pass their self-test. `simd` and `scalar` give the same bits everywhere. */
  readonly flavour?: Flavour | 'auto' | undefined;
  /** A module of kernels (`thimble/kernels/*.wasm`) in place of the ones that are part of the package. */
  readonly kernels?: WebAssembly.Module | undefined;
}

/**
 * A `.thimble` file, ready to run.
 * @throws FORMAT for damaged bytes, VERSION for a file of another version, INPUT where the host does not run the kernels asked for.
 */
export async function load(bytes: Uint8Array | ArrayBuffer, { flavour = 'auto', kernels }: RuntimeOptions = {}): Promise<RuntimeModel> {
  const program = decode(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes);
  const chosen: Kernels = kernels
    ? { module: kernels, flavour: flavourOf(kernels), reason: 'its module was given' }
    : await kernelsFor(flavour);
  return new RuntimeModel(program, chosen);
}
