import { describe, expect, test } from 'vitest';
import { Kernels, lengths, random, worst } from './arrays.ts';

const kernels = await Kernels.load(8);

const formulas = {
  reduce_sum_f32: (values: number[]) => values.reduce((sum, v) => sum + v, 0),
  reduce_squares_f32: (values: number[]) => values.reduce((sum, v) => sum + v * v, 0),
  reduce_max_f32: (values: number[]) => Math.max(...values),
  reduce_min_f32: (values: number[]) => Math.min(...values),
  reduce_prod_f32: (values: number[]) => values.reduce((product, v) => product * v, 1),
};
type Name = keyof typeof formulas;

/** What f makes of each column of the middle axis. */
function reduced(x: Float32Array, outer: number, length: number, inner: number, f: (values: number[]) => number): number[] {
  return Array.from({ length: outer * inner }, (_, i) => {
    const first = Math.floor(i / inner) * length * inner + (i % inner);
    return f(Array.from({ length }, (_, j) => x[first + j * inner] as number));
  });
}

describe.each(Object.keys(formulas) as Name[])('%s', (name) => {
  const f = formulas[name];
  const run = (x: Float32Array, outer: number, length: number, inner: number, divisor: number) => {
    const y = new Float32Array(outer * inner);
    kernels.call(name, { x, y, outer, length, inner, divisor });
    return y;
  };

  test('over the last axis, every length', () => {
    for (const length of lengths) {
      const x = random(3 * length, 1, -1.5, 1.5);
      expect(worst(run(x, 3, length, 1, 1), reduced(x, 3, length, 1, f))).toBeLessThan(1e-5);
    }
  });

  test('over a middle axis, every inner size', () => {
    for (const inner of [...lengths.filter((n) => n < 20), 37, 64]) {
      const x = random(2 * 9 * inner, 2, -1.5, 1.5);
      expect(worst(run(x, 2, 9, inner, 1), reduced(x, 2, 9, inner, f))).toBeLessThan(1e-5);
    }
  });

  test('a divisor divides the result', () => {
    const x = random(60, 3);
    const half = run(x, 4, 15, 1, 2);
    expect(half).toEqual(run(x, 4, 15, 1, 1).map((v) => v / 2));
    expect(run(x, 4, 3, 5, 2)).toEqual(run(x, 4, 3, 5, 1).map((v) => v / 2));
  });
});

describe.each([
  ['argmax_f32', Math.max],
  ['argmin_f32', Math.min],
] as const)('%s', (name, best) => {
  test('gives the first of equals', () => {
    for (const [outer, length, inner] of [
      [3, 11, 1],
      [2, 7, 5],
      [1, 1, 1],
      [2, 0, 3],
      [0, 4, 1],
    ] as const) {
      const x = random(outer * length * inner, 4).map(Math.round);
      const y = new Int32Array(outer * inner).fill(-1);
      kernels.call(name, { x, y, outer, length, inner, divisor: 1 });
      const want = reduced(x, outer, length, inner, (values) => Math.max(0, values.indexOf(best(...values))));
      expect([...y]).toEqual(want);
    }
  });
});
