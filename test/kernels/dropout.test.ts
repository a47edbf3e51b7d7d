import { expect, test } from 'vitest';
import { keeps } from '../../src/kernels/random.ts';
import { Kernels, lengths, random } from './arrays.ts';

const kernels = await Kernels.load(8);

function dropout(x: Float32Array, seed: number, step: number, salt: number, rate: number): Float32Array {
  const y = new Float32Array(x.length);
  kernels.call('dropout_f32', { x, y, seed: Int32Array.of(seed), step: Int32Array.of(step), length: x.length, salt, rate });
  return y;
}

test('keeps the elements that the TypeScript twin keeps, at every length, also in place', () => {
  for (const length of lengths) {
    for (const [seed, step, salt, rate] of [
      [0, 0, 0, 0.5],
      [-1, 7, 3, 0.1],
      [123456789, 1000, 1, 0.9],
    ] as const) {
      const x = random(length, 1, 1, 2);
      const kept = keeps(seed, step, salt, rate);
      const y = dropout(x, seed, step, salt, rate);
      const scale = Math.fround(1 / Math.fround(1 - Math.fround(rate)));
      expect(y).toEqual(x.map((v, i) => (kept(i) ? v * scale : 0)));
      kernels.call('dropout_f32', { x, y: x, seed: Int32Array.of(seed), step: Int32Array.of(step), length, salt, rate });
      expect(x).toEqual(y);
    }
  }
});

test('rate 0 is the identity', () => {
  const x = random(100, 2);
  expect(dropout(x, 1, 2, 3, 0)).toEqual(x);
});

test('masks have the asked rate and are independent between seeds, steps and salts', () => {
  const n = 40_000;
  const ones = new Float32Array(n).fill(1);
  const masks = [
    [1, 1, 1],
    [2, 1, 1],
    [1, 2, 1],
    [1, 1, 2],
  ].map(([seed, step, salt]) => dropout(ones, seed as number, step as number, salt as number, 0.25).map((v) => Number(v > 0)));
  const share = (mask: Float32Array) => mask.reduce((sum, v) => sum + v, 0) / n;
  // Five standard deviations.
  const spread = (p: number) => 5 * Math.sqrt((p * (1 - p)) / n);
  for (const mask of masks) {
    expect(Math.abs(share(mask) - 0.75)).toBeLessThan(spread(0.75));
    for (const lag of [1, 2, 4, 64]) {
      const together = mask.map((v, i) => v * (mask[(i + lag) % n] as number));
      expect(Math.abs(share(together) - 0.75 ** 2)).toBeLessThan(spread(0.75 ** 2));
    }
  }
  for (const [i, a] of masks.entries()) {
    for (const b of masks.slice(i + 1))
      expect(Math.abs(share(a.map((v, k) => v * (b[k] as number))) - 0.75 ** 2)).toBeLessThan(spread(0.75 ** 2));
  }
});
