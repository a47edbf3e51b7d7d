import { describe, expect, test } from 'vitest';
import { Kernels, lengths, random, worst } from './arrays.ts';
import { type GradReference, gradients, type UnaryReference, unary } from './formulas.ts';

const kernels = await Kernels.load();
const POSITIVE = /log|sqrt/;

describe.each(Object.entries(unary) as [keyof typeof unary, UnaryReference][])('%s', (name, { f, alpha = 0, beta = 0 }) => {
  test.each([1e-6])('follows its formula to %s at every length, also in place', (tolerance) => {
    for (const length of lengths) {
      const x = random(length, 1, POSITIVE.test(name) ? 0.1 : -6, 6);
      const want = Array.from(x, f);
      const y = new Float32Array(length);
      kernels.call(name, { x, y, length, alpha, beta });
      expect(worst(y, want)).toBeLessThan(tolerance);
      kernels.call(name, { x, y: x, length, alpha, beta });
      expect(x).toEqual(y);
    }
  });
});

describe.each(Object.entries(gradients) as [keyof typeof gradients, GradReference][])('%s', (name, reference) => {
  const { f, slope, fromOutput, alpha = 0, beta = 0 } = reference;
  test('multiplies dy by the slope at every length, also in place', () => {
    for (const length of lengths) {
      const input = random(length, 2, POSITIVE.test(name) ? 0.1 : -6, 6);
      const dy = random(length, 3);
      const want = Array.from(input, (x, i) => slope(x) * (dy[i] as number));
      const x = fromOutput ? input.map(f) : input;
      const dx = new Float32Array(length);
      kernels.call(name, { x, dy, dx, length, alpha, beta });
      expect(worst(dx, want)).toBeLessThan(2e-6);
      kernels.call(name, { x, dy, dx: dy, length, alpha, beta });
      expect(dy).toEqual(dx);
      kernels.call(name, { x, dy: random(length, 3), dx: x, length, alpha, beta });
      expect(x).toEqual(dx);
    }
  });
});
