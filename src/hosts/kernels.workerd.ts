// In place of `kernels.ts` on Cloudflare Workers, which compile no bytes: an import of a .wasm file is a module there. Every isolate
// has SIMD, so there are no scalar kernels.
import relaxed from '../../dist/kernels/relaxed.wasm';
import simd from '../../dist/kernels/simd.wasm';
import { ThimbleError } from '../core/errors.ts';
import { chooseKernels, type Flavour, type Kernels } from '../runtime/flavour.ts';

const modules: Partial<Record<Flavour, unknown>> = { simd, relaxed };

/** The kernels of `flavour`. @throws INPUT for scalar ones. */
export async function kernelModule(flavour: Flavour): Promise<WebAssembly.Module> {
  const module = modules[flavour];
  if (!module) throw new ThimbleError('INPUT', `there are no ${flavour} kernels on Workers`, { expected: Object.keys(modules).join(', ') });
  return module as WebAssembly.Module;
}

/** Bytes of kernels cannot be had here. @throws INPUT. */
export async function kernelBytes(flavour: Flavour): Promise<Uint8Array<ArrayBuffer>> {
  throw new ThimbleError('INPUT', `the bytes of the ${flavour} kernels cannot be had on Workers`, {
    hint: 'compile standalone modules with the command line',
  });
}

/** The kernels of `flavour`; with `auto`, the fastest this host runs right. @throws INPUT where it runs none. */
export const kernelsFor = (flavour: Flavour | 'auto'): Promise<Kernels> =>
  chooseKernels(flavour, async (name) => modules[name] as WebAssembly.Module | undefined);
