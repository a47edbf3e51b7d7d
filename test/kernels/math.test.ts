import { describe, expect, test } from 'vitest';
import type { Flavour } from '../../src/runtime/flavour.ts';
import { Kernels, ulps } from './arrays.ts';
import { unary } from './formulas.ts';
import { flavours } from './harness.ts';

/** Every exponent of both signs with several mantissas, and 40,001 steps over -20 … 20. */
function sweep(): Float32Array {
  const bits = new Uint32Array(255 * 2 * 37);
  for (let i = 0; i < bits.length; i++) bits[i] = ((i & 1) << 31) | (((i >> 1) % 255) << 23) | ((i * 226_663) & 0x7fffff);
  const grid = Float32Array.from({ length: 40_001 }, (_, i) => (i - 20_000) / 1000);
  return Float32Array.from([...new Float32Array(bits.buffer), ...grid]);
}

const xs = sweep();

/** Scalar and simd as one, since they give the same bits; relaxed to the same accuracy. */
const groups: readonly { only: readonly Flavour[] }[] = [{ only: ['scalar', 'simd'] }, { only: ['relaxed'] }];
const hosted = await flavours();

describe.each(groups.filter(({ only }) => only.every((flavour) => hosted.includes(flavour))))('in $only', async ({ only }) => {
  const kernels = await Kernels.load(8, only);

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
    ['ceil_f32', 0],
    ['floor_f32', 0],
    ['round_f32', 0],
    ['sin_f32', 0.501],
    ['cos_f32', 0.501],
    ['tan_f32', 0.501],
    ['asin_f32', 0.501],
    ['acos_f32', 0.501],
    ['atan_f32', 0.501],
    ['sinh_f32', 0.501],
    ['cosh_f32', 0.501],
    ['asinh_f32', 0.501],
    ['acosh_f32', 0.501],
    ['atanh_f32', 0.501],
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
    ['ceil_f32', [Infinity, -Infinity, -0.5, 1e30], [Infinity, -Infinity, -0, 1e30]],
    ['floor_f32', [Infinity, -Infinity, -0.5, 1e30], [Infinity, -Infinity, -1, 1e30]],
    ['round_f32', [0.5, 1.5, 2.5, -0.5, -1.5, 8388607.5, 1e30, Infinity], [0, 2, 2, -0, -2, 8388608, 1e30, Infinity]],
    ['sin_f32', [Infinity, -Infinity, 0, -0, 3e38, -3e38], [NaN, NaN, 0, -0, Math.sin(Math.fround(3e38)), Math.sin(Math.fround(-3e38))]],
    ['cos_f32', [Infinity, -Infinity, 0, -0, 3e38], [NaN, NaN, 1, 1, Math.cos(Math.fround(3e38))]],
    ['tan_f32', [Infinity, -Infinity, 0, -0], [NaN, NaN, 0, -0]],
    ['asin_f32', [1, -1, 1.01, -0], [Math.PI / 2, -Math.PI / 2, NaN, -0]],
    ['acos_f32', [1, -1, 1.01, -1.01], [0, Math.PI, NaN, NaN]],
    ['atan_f32', [Infinity, -Infinity, -0], [Math.PI / 2, -Math.PI / 2, -0]],
    ['sinh_f32', [Infinity, -Infinity, 90, -90, -0], [Infinity, -Infinity, Infinity, -Infinity, -0]],
    ['cosh_f32', [Infinity, -Infinity, 90, -90], [Infinity, Infinity, Infinity, Infinity]],
    ['asinh_f32', [Infinity, -Infinity, -0], [Infinity, -Infinity, -0]],
    ['acosh_f32', [Infinity, -Infinity, 1, 0.5], [Infinity, NaN, 0, NaN]],
    ['atanh_f32', [1, -1, 2, Infinity, -0], [Infinity, -Infinity, NaN, NaN, -0]],
  ] as const)('%s at the ends of its range', (name, given, want) => {
    const x = Float32Array.from([...given, NaN]);
    const y = new Float32Array(x.length);
    kernels.call(name, { x, y, length: x.length, alpha: 1, beta: 1 });
    expect(y).toEqual(Float32Array.from([...want, NaN]));
  });

  test('is_nan_f32 and is_inf_f32 tell apart what is not finite', () => {
    const x = Float32Array.of(0, NaN, Infinity, -Infinity, 3e38, -1, 1e-45);
    const run = (name: 'is_nan_f32' | 'is_inf_f32', alpha: number, beta: number) => {
      const y = new Int32Array(x.length);
      kernels.call(name, { x, y, length: x.length, alpha, beta });
      return [...y];
    };
    expect(run('is_nan_f32', 0, 0)).toEqual([0, 1, 0, 0, 0, 0, 0]);
    expect(run('is_inf_f32', 1, 1)).toEqual([0, 0, 1, 1, 0, 0, 0]);
    expect(run('is_inf_f32', 1, 0)).toEqual([0, 0, 1, 0, 0, 0, 0]);
    expect(run('is_inf_f32', 0, 1)).toEqual([0, 0, 0, 1, 0, 0, 0]);
  });
});
