// Bytes of linear memory after three runs: the session's of thimble, all of the process's of others. Usage: node measure.mjs PEERS RUNTIME MODEL; prints JSON, null where the runtime
// does not run the model.
const memories = new Set();

/** Notes the memories that modules import and export from here on. */
function watch() {
  const { Memory, Instance, instantiate } = WebAssembly;
  const noteExports = (instance) => {
    for (const value of Object.values(instance.exports)) if (value instanceof Memory) memories.add(value);
    return instance;
  };
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, args) {
      const memory = new target(...args);
      memories.add(memory);
      return memory;
    },
  });
  WebAssembly.Instance = new Proxy(Instance, { construct: (target, args) => noteExports(new target(...args)) });
  WebAssembly.instantiate = async (...args) => {
    const result = await instantiate(...args);
    noteExports(result.instance ?? result);
    return result;
  };
}

watch();
const { cases } = await import('../models/cases.mjs');
const { openLiteRt } = await import('../models/runtimes/litert.mjs');
const { openOnnxruntimeWeb } = await import('../models/runtimes/onnxruntime.mjs');
const { openTfjs } = await import('../models/runtimes/tfjs.mjs');
const { openThimble } = await import('../models/runtimes/thimble.mjs');

const [, , peers, runtimeName, model] = process.argv;
const opens = { thimble: openThimble, 'onnxruntime-web': openOnnxruntimeWeb, 'tfjs-wasm': openTfjs, 'LiteRT.js': openLiteRt };
const [item] = (await cases(model)).filter(({ name }) => name === model);
const [runtime] = await opens[runtimeName](peers);

async function loaded() {
  for (const kind of item.dtype === 'int8' ? ['tflite', 'onnx'] : ['onnx', 'tflite']) {
    const form = item[kind];
    const found = form && (await runtime.load({ form, bytes: form.bytes, kind, dtype: item.dtype }).catch(() => undefined));
    if (found) return found;
  }
  return undefined;
}

const found = await loaded();
let result = null;
if (found) {
  for (let i = 0; i < 3; i++) await found.run();
  const { model } = found;
  // thimble's self-test of the relaxed kernels had a page of its own, which is garbage by now.
  const held = model ? [model.session.memory] : [...memories];
  const linearBytes = held.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  const { totalBytes, pages, regions } = model?.memory ?? {};
  result = { linearBytes, ...(model && { plan: { totalBytes, pages, regions } }) };
}
console.log(`\n${JSON.stringify(result)}`);
process.exit();
