import { expect, test } from 'vitest';
import { Kernels, ulps } from './arrays.ts';
import { unary } from './formulas.ts';

const kernels = await Kernels.load(8);

/** Every exponent of both signs with several mantissas, and 40,001 steps over -20 … 20. */
function sweep(): Float32Array {
  const bits = new Uint32Array(255 * 2 * 37);
  for (let i = 0; i < bits.length; i++) bits[i] = ((i & 1) << 31) | (((i >> 1) % 255) << 23) | ((i * 226_663) & 0x7fffff);
  const grid = Float32Array.from({ length: 40_001 }, (_, i) => (i - 20_000) / 1000);
  return Float32Array.from([...new Float32Array(bits.buffer), ...grid]);
}

const xs = sweep();

/** Largest error in ulps where the result is a normal number that f32 holds. */
function largestError(name: keyof typeof unary, within: (x: number, y: number) => boolean = () => true): number {
  const { f, alpha = 0, beta = 0 } = unary[name] as { f: (x: number) => number; alpha?: number; beta?: number };
  let result = 0;
  for (let from = 0; from < xs.length; from += 10_000) {
    const x = xs.slice(from, from + 10_000);
    const y = new Float32Array(x.length);
    kernels.call(name, { x, y, length: x.length, alpha, beta });
    x.forEach((value, i) => {
      const want = f(value);
      if (Math.abs(want) < 1.2e-38 || Math.abs(want) > 3.4e38 || !within(value, want)) return;
      result = Math.max(result, ulps(y[i] as number, want));
    });
  }
  return result;
}

test.each([
  ['exp_f32', 1],
  ['log_f32', 0.8],
  ['sqrt_f32', 0.5],
  ['reciprocal_f32', 0.5],
  ['tanh_f32', 1.3],
  ['erf_f32', 2.4],
  ['sigmoid_f32', 2.3],
  ['softplus_f32', 2.8],
  ['softsign_f32', 1.5],
  ['elu_f32', 1.4],
  ['selu_f32', 1.9],
] as const)('%s is within %s ulp of the exact result', (name, limit) => {
  expect(largestError(name)).toBeLessThanOrEqual(limit);
});

test.each(['gelu_f32', 'gelu_tanh_f32', 'silu_f32', 'mish_f32'] as const)('%s is within 16 ulp where it is above 0.001', (name) => {
  expect(largestError(name, (_, y) => Math.abs(y) > 1e-3)).toBeLessThanOrEqual(16);
});

test.each([
  ['exp_f32', [Infinity, -Infinity, 89, -104, -103, 0], [Infinity, 0, Infinity, 0, 1.401298464324817e-45, 1]],
  ['log_f32', [Infinity, 0, -0, -1, 1, 1.401298464324817e-45], [Infinity, -Infinity, -Infinity, NaN, 0, -103.27893]],
  ['tanh_f32', [Infinity, -Infinity, 40, -40, 1e-40], [1, -1, 1, -1, 1e-40]],
  ['erf_f32', [Infinity, -Infinity, 10, -10], [1, -1, 1, -1]],
  ['sigmoid_f32', [Infinity, -Infinity, 1e30, -1e30], [1, 0, 1, 0]],
  ['softplus_f32', [Infinity, -Infinity, 1e30, -1e30], [Infinity, 0, 1e30, 0]],
  ['gelu_f32', [1e30, -1e30, 100, -100], [1e30, -0, 100, -0]],
  ['gelu_tanh_f32', [1e30, -1e30, 100, -100], [1e30, -0, 100, -0]],
  ['silu_f32', [1e30, -1e30, 200, -200], [1e30, -0, 200, -0]],
  ['mish_f32', [1e30, -1e30, 200, -200], [1e30, -0, 200, -0]],
  ['elu_f32', [Infinity, -Infinity, -200], [Infinity, -1, -1]],
] as const)('%s at the ends of its range', (name, given, want) => {
  const x = Float32Array.from([...given, NaN]);
  const y = new Float32Array(x.length);
  kernels.call(name, { x, y, length: x.length, alpha: 1, beta: 1 });
  expect(y).toEqual(Float32Array.from([...want, NaN]));
});
