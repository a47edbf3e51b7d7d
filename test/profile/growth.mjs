// Prints how much the resident memory grows, of each kind of model: bytes a run, and bytes a model that is made and dropped. Needs node --expose-gc.
// Usage: growth.mjs [recurrent.tflite]
import { readFileSync } from 'node:fs';
import { adam, conv2d, dense, exportOnnx, flatten, input, load, lstm, quantize, sequential } from '../../dist/index.js';
import { load as loadAtEdge } from '../../dist/runtime.js';

const RUNS = 10_000;
const MODELS = 200;

/** The least growth a repetition over three thirds, after a first one that warms up: collections and compilations are no leak. */
async function growth(repetitions, action) {
  const third = Math.floor(repetitions / 3);
  const slopes = [];
  for (let round = -1; round < 3; round++) {
    await settled();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < third; i++) await action(i);
    await settled();
    if (round >= 0) slopes.push((process.memoryUsage().rss - before) / third);
  }
  return Math.min(...slopes);
}

/** Memories are freed by finalizers, which run after a turn of the loop. */
async function settled() {
  for (let turn = 0; turn < 3; turn++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const image = sequential([
  input({ shape: [8, 8, 1], name: 'x' }),
  conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
  flatten(),
  dense({ units: 4 }),
]);
const pixels = Float32Array.from({ length: 64 }, (_, i) => i / 64);
const { onnx: eightBits } = await quantize(image, new Float32Array(64 * 8).fill(0.5), { scheme: 'int8' });
const sequence = sequential([input({ shape: [6, 4], name: 'x' }), lstm({ units: 8 }), dense({ units: 2 })]);
await image.compile({ optimizer: adam(), loss: 'sparseCategoricalCrossentropy', batchSize: 1 });
const trainable = image.export({ training: true });
const label = Int32Array.of(1);

/** By kind: makes a model, and what a run of it is. */
const kinds = {
  float: async () => {
    const model = await load(exportOnnx(image));
    return () => model.run({ [model.inputs[0].name]: pixels });
  },
  'int8, Q/DQ': async () => {
    const model = await load(eightBits);
    return () => model.run({ [model.inputs[0].name]: pixels });
  },
  recurrent: async () => {
    const model = await load(sequence.export());
    return () => model.run({ x: pixels.subarray(0, 24) });
  },
  training: async () => {
    const model = await loadAtEdge(trainable);
    return (i) => (i % 100 ? model.trainStep({ x: pixels, labels: label }) : model.restore(model.checkpoint()));
  },
};
/** What must be seen: 512 bytes a run, 128 KiB a model. */
const leaked = [];
kinds['a leak'] = async () => {
  leaked.push(new Uint8Array(2 ** 17).fill(1));
  return () => leaked.push(new Uint8Array(512).fill(1));
};
for (const path of process.argv.slice(2)) {
  const bytes = new Uint8Array(readFileSync(path));
  kinds[path.split('/').at(-2)] = async () => {
    const model = await load(bytes);
    const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array };
    const feeds = Object.fromEntries(
      model.inputs.map(({ name, dtype, shape }) => [name, new arrays[dtype](shape.reduce((a, b) => a * b, 1))]),
    );
    return (i) => (i % 50 ? model.run(feeds) : model.reset());
  };
}

const result = {};
for (const [kind, make] of Object.entries(kinds)) {
  const runs = await growth(RUNS, await make());
  const models = await growth(MODELS, async (i) => (await make())(i));
  result[kind] = { runs, models };
}
console.log(JSON.stringify(result));
