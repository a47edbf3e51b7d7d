import { chooseKernels, type Flavour, type Kernels } from '../runtime/flavour.ts';

const bytes: Record<Flavour, () => Promise<{ default: Uint8Array<ArrayBuffer> }>> = {
  scalar: () => import('../../dist/kernels/scalar.wasm'),
  simd: () => import('../../dist/kernels/simd.wasm'),
  relaxed: () => import('../../dist/kernels/relaxed.wasm'),
};

/** The bytes of `flavour`. They are part of the bundle, in a chunk of their own, so this works without a file system. */
export async function kernelBytes(flavour: Flavour): Promise<Uint8Array<ArrayBuffer>> {
  return (await bytes[flavour]()).default;
}

const modules = new Map<Flavour, Promise<WebAssembly.Module>>();

/** The kernels of `flavour`, compiled once per process. */
export function kernelModule(flavour: Flavour): Promise<WebAssembly.Module> {
  let module = modules.get(flavour);
  if (!module) {
    module = kernelBytes(flavour).then(WebAssembly.compile);
    modules.set(flavour, module);
  }
  return module;
}

/** The kernels of `flavour`; with `auto`, the fastest this host runs right. @throws INPUT where it runs none. */
export const kernelsFor = (flavour: Flavour | 'auto'): Promise<Kernels> => chooseKernels(flavour, kernelModule);
