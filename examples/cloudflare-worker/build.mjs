// Writes model.thimble: a network trained on handwritten digits whose last layer goes on learning in the Worker; the layers before it are frozen, so
// they cost no gradients and no moments there. With your own data: imageFolder of thimble/data in place of the digits.
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { activation, adam, conv2d, dense, flatten, input, maxPooling2d, sequential } from 'thimble';
import { preprocessing } from 'thimble/data';

const [, , csv = new URL('../../src/data/digits/digits.csv.gz', import.meta.url), out = new URL('model.thimble', import.meta.url)] =
  process.argv;
const rows = gunzipSync(readFileSync(csv))
  .toString()
  .trim()
  .split('\n')
  .map((row) => row.split(',').map(Number));
const x = Float32Array.from(rows.flatMap((row) => row.slice(0, 64).map((pixel) => pixel / 16)));
const y = Int32Array.from(rows, (row) => row[64]);

const model = sequential(
  [
    input({ shape: [8, 8, 1], name: 'image' }),
    conv2d({ filters: 8, kernelSize: 3, padding: 'same' }),
    activation({ activation: 'relu' }),
    maxPooling2d(),
    conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
    flatten(),
    dense({ units: 10, name: 'head' }),
  ],
  { seed: 1 },
);
const training = { loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] };
await model.compile({ ...training, optimizer: adam({ learningRate: 0.003 }) });
const { history } = await model.fit(x, y, { epochs: 8, verbose: 0 });

model.setTrainable((layer) => layer.layerName === 'head');
await model.compile({ ...training, optimizer: adam({ learningRate: 0.01 }), batchSize: 16 });
const task = {
  labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
  input: 'image',
  output: 'predictions',
  scores: 'logits',
  preprocessing: preprocessing({ width: 8, height: 8, channels: 1, filter: 'area', mean: 0, deviation: 255 }),
};
const bytes = model.export({ training: true, name: 'digits', task });
writeFileSync(out, bytes);
console.log(
  `model.thimble: ${(bytes.length / 1024).toFixed(1)} KB, accuracy ${(history.accuracy.at(-1) * 100).toFixed(1)} %, memory ${model.memory.pages * 64} KB`,
);
