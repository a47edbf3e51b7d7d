// Writes the files of the hosts' program: digits.thimble, a digits network that can train, and digits.bin, 640 digits to train on and test with.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { preprocessing } from '../../dist/data.js';

const digits = fileURLToPath(new URL('../../src/data/digits/digits.csv.gz', import.meta.url));
const ROWS = 640;
const PIXELS = 64;
/** A grey picture of 8×8, from 0 to 1. */
const TASK = {
  input: 'input',
  output: 'predictions',
  labels: [...'0123456789'],
  scores: 'logits',
  preprocessing: preprocessing({ width: 8, height: 8, channels: 1, mean: 0, deviation: 255 }),
};

/** @param thimble the exports of `thimble` */
export async function writeFixture(thimble, folder) {
  const rows = gunzipSync(readFileSync(digits)).toString().trim().split('\n').slice(0, ROWS);
  const data = Uint8Array.from(rows.flatMap((row) => row.split(',').map(Number)));
  const model = await digitsModel(thimble, data);
  const files = { 'digits.thimble': model.export({ training: true, name: 'digits', task: TASK }), 'digits.bin': data };
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  const text = (name) => `Uint8Array.from(atob(${JSON.stringify(Buffer.from(files[name]).toString('base64'))}), (c) => c.charCodeAt(0))`;
  writeFileSync(
    join(folder, 'fixture.mjs'),
    `export const model = ${text('digits.thimble')};\nexport const data = ${text('digits.bin')};\n`,
  );
}

/** A small CNN after one epoch: it has something to say, and something left to learn. */
async function digitsModel({ sequential, input, conv2d, maxPooling2d, flatten, dropout, dense, adam, exponentialDecay }, data) {
  const model = sequential(
    [
      input({ shape: [8, 8, 1], name: 'input' }),
      conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
      maxPooling2d(),
      conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
      flatten(),
      dropout({ rate: 0.2 }),
      dense({ units: 10 }),
    ],
    { seed: 7 },
  );
  const learningRate = exponentialDecay({ initialLearningRate: 0.003, decaySteps: 100, decayRate: 0.9 });
  await model.compile({ optimizer: adam({ learningRate }), loss: 'sparseCategoricalCrossentropy', batchSize: 32 });
  const x = new Float32Array(ROWS * PIXELS);
  const y = new Int32Array(ROWS);
  for (let i = 0; i < ROWS; i++) {
    for (let p = 0; p < PIXELS; p++) x[i * PIXELS + p] = data[i * (PIXELS + 1) + p] / 16;
    y[i] = data[i * (PIXELS + 1) + PIXELS];
  }
  await model.fit(x, y, { epochs: 1, verbose: 0 });
  return model;
}
