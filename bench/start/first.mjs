// One inference of DS-CNN, then the milliseconds since the process started. Usage: node first.mjs RUNTIME MODEL PEERS
import { readFileSync } from 'node:fs';

const [, , runtime, path, peers] = process.argv;
const input = new Float32Array(490).fill(0.5);

const runs = {
  bare: () => undefined,
  async runtime() {
    const { load } = await import('../../dist/runtime.js');
    const model = await load(readFileSync(path));
    model.run({ [model.inputs[0].name]: input });
  },
  async thimble() {
    const { load } = await import('../../dist/index.js');
    const model = await load(readFileSync(path));
    model.run({ [model.inputs[0].name]: input });
  },
  async 'onnxruntime-web'() {
    const { openOnnxruntimeWeb } = await import('../models/runtimes/onnxruntime.mjs');
    const [opened] = await openOnnxruntimeWeb(peers);
    const model = await opened.load({ form: { input, shape: [1, 1, 49, 10] }, bytes: readFileSync(path), kind: 'onnx' });
    await model.run();
  },
  /** It has no file of this network: its first layer, made here, stands for it. That is less than the others do. */
  async 'tfjs-wasm'() {
    const { startTfjs } = await import('../models/runtimes/tfjs.mjs');
    const tf = await startTfjs(peers);
    const x = tf.tensor(input, [1, 49, 10, 1]);
    tf.fused
      .conv2d({ x, filter: tf.zeros([10, 4, 1, 64]), strides: [2, 2], pad: 'same', bias: tf.zeros([64]), activation: 'relu' })
      .dataSync();
  },
  async 'LiteRT.js'() {
    const { openLiteRt } = await import('../models/runtimes/litert.mjs');
    const [opened] = await openLiteRt(peers);
    const model = await opened.load({ form: { input, shape: [1, 49, 10, 1] }, bytes: readFileSync(path), kind: 'tflite' });
    await model.run();
  },
};
await runs[runtime]();
// performance.now() counts from the start of the process.
console.log(`\n${performance.now()}`);
process.exit();
