// One epoch of thimble on the networks of the benchmark. Usage: node bench/training/thimble.mjs cnn|mlp [flavour] [seed]
import { adam, conv2d, dense, flatten, input, maxPooling2d, sequential } from '../../dist/index.js';
import { loadMnist } from './mnist.mjs';

const networks = {
  cnn: (seed) =>
    sequential(
      [
        input({ shape: [28, 28, 1] }),
        conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
        maxPooling2d(),
        conv2d({ filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
        maxPooling2d(),
        flatten(),
        dense({ units: 10 }),
      ],
      { seed },
    ),
  mlp: (seed) =>
    sequential(
      [input({ shape: [784] }), dense({ units: 128, activation: 'relu' }), dense({ units: 64, activation: 'relu' }), dense({ units: 10 })],
      { seed },
    ),
};

const [, , name = 'cnn', flavour = 'simd', seed = '1'] = process.argv;
const { train, test } = loadMnist();
const model = networks[name](Number(seed));
await model.compile({
  optimizer: adam({ learningRate: 0.001 }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  batchSize: 32,
  flavour,
});
await model.preparePartial(train.count % 32);
const wall = performance.now();
const cpu = process.cpuUsage();
await model.fit(train.x, train.y, { epochs: 1, verbose: 0 });
const { user, system } = process.cpuUsage(cpu);
const seconds = (performance.now() - wall) / 1000;
const { accuracy } = await model.evaluate(test.x, test.y);
console.log(
  JSON.stringify({
    runtime: `thimble ${flavour}`,
    network: name,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    accuracy,
    bytes: model.memory.totalBytes,
  }),
);
