import { describe, test } from 'vitest';
import { depthwiseScratch } from '../../src/kernels/scratch.ts';
import { random } from './arrays.ts';
import { draw, expectProduct, unlimited } from './products.ts';

interface Case {
  readonly batch: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly dilationY: number;
  readonly dilationX: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly groups: number;
}

/** Every stride with every dilation, images smaller than the kernel, padding wider than the image and less than none (a crop). */
function drawCase(seed: number): Case {
  const next = draw(seed);
  const inChannels = seed < 18 ? seed : next(1, 21);
  const multiplier = seed % 5 === 4 ? 3 : 1;
  return {
    batch: next(seed % 17 === 3 ? 0 : 1, 3),
    inHeight: next(seed % 11 === 3 ? 0 : 1, 11),
    inWidth: next(1, 13),
    inChannels,
    outHeight: next(seed % 13 === 3 ? 0 : 1, 9),
    outWidth: next(1, 11),
    outChannels: inChannels * multiplier,
    kernelHeight: next(1, 5),
    kernelWidth: next(1, 5),
    strideY: next(1, 4),
    strideX: next(1, 4),
    dilationY: next(1, 4),
    dilationX: next(1, 4),
    padTop: next(-2, 5),
    padLeft: next(-2, 5),
    groups: inChannels,
  };
}

/** Indexes of x, w and y of every product. */
function forEachProduct(c: Case, visit: (x: number, w: number, y: number) => void): void {
  const multiplier = c.outChannels / c.inChannels;
  for (let n = 0; n < c.batch; n++)
    for (let oy = 0; oy < c.outHeight; oy++)
      for (let ox = 0; ox < c.outWidth; ox++)
        for (let ky = 0; ky < c.kernelHeight; ky++)
          for (let kx = 0; kx < c.kernelWidth; kx++) {
            const iy = oy * c.strideY + ky * c.dilationY - c.padTop;
            const ix = ox * c.strideX + kx * c.dilationX - c.padLeft;
            if (iy < 0 || ix < 0 || iy >= c.inHeight || ix >= c.inWidth) continue;
            for (let k = 0; k < c.outChannels; k++) {
              const x = ((n * c.inHeight + iy) * c.inWidth + ix) * c.inChannels + Math.floor(k / multiplier);
              const y = ((n * c.outHeight + oy) * c.outWidth + ox) * c.outChannels + k;
              visit(x, (ky * c.kernelWidth + kx) * c.outChannels + k, y);
            }
          }
}

const add = (array: Float64Array, i: number, value: number) => {
  array[i] = (array[i] as number) + value;
};

describe.each([...Array(120).keys()])('depthwise convolution, case %i', (seed) => {
  const c = drawCase(seed);
  const x = random(c.batch * c.inHeight * c.inWidth * c.inChannels, seed);
  const y = random(c.batch * c.outHeight * c.outWidth * c.outChannels, seed + 1);
  const w = random(c.kernelHeight * c.kernelWidth * c.outChannels, seed + 2);
  const bias = random(c.outChannels, seed + 3);
  const value = (array: Float32Array, i: number) => array[i] as number;
  const rest = { ...c, residual: 0 as const, scratch: { bytes: depthwiseScratch }, blockRows: 0 };

  test.each([true, false])('forward, bias: %s', (withBias) => {
    const want = Float64Array.from(y, (_, i) => (withBias ? value(bias, i % c.outChannels) : 0));
    forEachProduct(c, (i, j, k) => add(want, k, value(x, i) * value(w, j)));
    const limits = { low: -2, high: 3 };
    const output = new Float32Array(y.length);
    expectProduct(
      'depthwise_conv2d_f32',
      { ...rest, x, w, bias: withBias ? bias : 0, y: output, ...limits },
      output,
      want.map((v) => Math.min(Math.max(v, -2), 3)),
    );
  });

  test('input gradient', () => {
    const want = new Float64Array(x.length);
    forEachProduct(c, (i, j, k) => add(want, i, value(y, k) * value(w, j)));
    const output = new Float32Array(x.length);
    expectProduct('depthwise_conv2d_f32_grad_input', { ...rest, x: output, w, bias: 0, y, ...unlimited }, output, want, y);
  });

  test('weight gradient', () => {
    const want = new Float64Array(w.length);
    forEachProduct(c, (i, j, k) => add(want, j, value(y, k) * value(x, i)));
    const output = new Float32Array(w.length);
    expectProduct('depthwise_conv2d_f32_grad_weight', { ...rest, x, w: output, bias: 0, y, ...unlimited }, output, want, x);
  });
});
