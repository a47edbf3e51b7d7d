// The tasks on which activations, losses and optimizers are compared: real digits, a small convolutional network and a deep dense one.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { conv2d, dense, flatten, input, maxPooling2d, sequential } from '../../dist/index.js';
import { loadMnist } from '../training/mnist.mjs';

/** Initialisers that keep the variance of what flows through layers of each activation (He 2015, Glorot 2010, Klambauer 2017). */
const initializers = { selu: 'lecunNormal', tanh: 'glorotUniform', sigmoid: 'glorotUniform', softsign: 'glorotUniform' };
const kernelFor = (activation) => initializers[activation] ?? 'heNormal';

/** The embedded digits; every fifth of them is a test image. */
function loadDigits() {
  const text = gunzipSync(readFileSync(new URL('../../src/data/digits/digits.csv.gz', import.meta.url))).toString();
  const rows = text
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number));
  const take = (which) => ({
    x: Float32Array.from(which.flatMap((row) => row.slice(0, 64).map((pixel) => pixel / 16))),
    y: Int32Array.from(which, (row) => row[64]),
  });
  return { train: take(rows.filter((_, i) => i % 5 !== 0)), test: take(rows.filter((_, i) => i % 5 === 0)) };
}

export const tasks = [
  {
    name: 'digits, CNN',
    about: '1,437 images of 8 × 8; conv 8, pool, conv 16, dense 10',
    pixels: 64,
    epochs: 30,
    target: 0.97,
    load: loadDigits,
    model: (activation, seed, last = 'linear') =>
      sequential(
        [
          input({ shape: [8, 8, 1] }),
          conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation, kernelInitializer: kernelFor(activation) }),
          maxPooling2d(),
          conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation, kernelInitializer: kernelFor(activation) }),
          flatten(),
          dense({ units: 10, activation: last }),
        ],
        { seed },
      ),
  },
  {
    name: 'MNIST, 8 dense layers',
    about: '10,000 images of 28 × 28; 7 × dense 64, dense 10',
    pixels: 784,
    epochs: 6,
    target: 0.93,
    load: loadMnist,
    model: (activation, seed, last = 'linear') =>
      sequential(
        [
          input({ shape: [784] }),
          ...Array.from({ length: 7 }, () => dense({ units: 64, activation, kernelInitializer: kernelFor(activation) })),
          dense({ units: 10, activation: last }),
        ],
        { seed },
      ),
  },
];

/** Every fifth training row is held back to choose a learning rate by. */
export function withValidation({ train: { x, y } }, pixels) {
  const take = (isWanted) => {
    const rows = Array.from(y.keys()).filter(isWanted);
    const images = new Float32Array(rows.length * pixels);
    rows.forEach((row, i) => {
      images.set(x.subarray(row * pixels, (row + 1) * pixels), i * pixels);
    });
    return { x: images, y: Int32Array.from(rows, (row) => y[row]) };
  };
  return { train: take((row) => row % 5 !== 2), test: take((row) => row % 5 === 2) };
}
