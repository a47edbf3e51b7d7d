// One epoch of TensorFlow.js on the same networks and data. Usage: node tfjs.mjs PEERS cnn|mlp wasm|cpu [batches]
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadMnist } from './mnist.mjs';

const [, , peers, name, backend, limit] = process.argv;
const require = createRequire(join(peers, 'index.js'));
const tf = require('@tensorflow/tfjs');
if (backend === 'wasm') {
  const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${join(peers, 'node_modules/@tensorflow/tfjs-backend-wasm/dist')}/`);
}
await tf.setBackend(backend);
await tf.ready();

const networks = {
  cnn: () => [
    tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.conv2d({ filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.flatten(),
    tf.layers.dense({ units: 10, activation: 'softmax' }),
  ],
  mlp: () => [
    tf.layers.dense({ inputShape: [784], units: 128, activation: 'relu' }),
    tf.layers.dense({ units: 64, activation: 'relu' }),
    tf.layers.dense({ units: 10, activation: 'softmax' }),
  ],
};
const model = tf.sequential({ layers: networks[name]() });
model.compile({ optimizer: tf.train.adam(0.001), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
const { train, test } = loadMnist();
const total = Math.ceil(train.count / 32);
const batches = limit ? Number(limit) : total;
const rows = Math.min(train.count, batches * 32);
const shape = name === 'cnn' ? [28, 28, 1] : [784];
const tensors = ({ x, y }, n) => [
  tf.tensor(x.subarray(0, n * 784), [n, ...shape]),
  tf.oneHot(tf.tensor1d(y.subarray(0, n), 'int32'), 10).toFloat(),
];
const [x, y] = tensors(train, rows);
await model.trainOnBatch(x.slice(0, 32), y.slice(0, 32));
const wall = performance.now();
const cpu = process.cpuUsage();
await model.fit(x, y, { batchSize: 32, epochs: 1, shuffle: true, verbose: 0 });
const { user, system } = process.cpuUsage(cpu);
const scale = total / batches;
const seconds = ((performance.now() - wall) / 1000) * scale;
let accuracy = null;
if (!limit) {
  const [testX, testY] = tensors(test, test.count);
  accuracy = (await model.evaluate(testX, testY, { batchSize: 100 })[1].data())[0];
}
console.log(
  JSON.stringify({
    runtime: `tfjs-${backend}`,
    network: name,
    seconds,
    cpuSeconds: ((user + system) / 1e6) * scale,
    accuracy,
    ...(limit && { batches }),
  }),
);
