import { createRequire } from 'node:module';
import { join } from 'node:path';

/** onnxruntime-web on its WebAssembly backend. */
export async function openOnnxruntimeWeb(peers) {
  const ort = createRequire(join(peers, 'index.js'))('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return [{ runtime: 'onnxruntime-web', flavour: 'simd', load: loader(ort, { executionProviders: ['wasm'] }) }];
}

/** onnxruntime-node: the same with native instructions, the ceiling. */
export async function openOnnxruntimeNode(peers) {
  const ort = createRequire(join(peers, 'index.js'))('onnxruntime-node');
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', logSeverityLevel: 3 };
  return [{ runtime: 'onnxruntime-node', flavour: 'native', load: loader(ort, options) }];
}

const loader =
  (ort, options) =>
  async ({ form, bytes, kind }) => {
    if (kind !== 'onnx') return undefined;
    const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: 'all', ...options });
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', form.input, form.shape) };
    const [name] = session.outputNames;
    return { run: async () => (await session.run(feeds))[name].data, close: () => session.release() };
  };
