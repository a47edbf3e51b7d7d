import { describe, expect, test } from 'vitest';
import { Kernels, lengths, random } from './arrays.ts';

const kernels = await Kernels.load(8);

const LEAST = -(2 ** 31);
const formulas = {
  reduce_sum_i32: (values: number[]) => values.reduce((sum, v) => (sum + v) | 0, 0),
  reduce_max_i32: (values: number[]) => Math.max(LEAST, ...values),
  reduce_min_i32: (values: number[]) => Math.min(-LEAST - 1, ...values),
  reduce_prod_i32: (values: number[]) => values.reduce(Math.imul, 1),
  argmax_i32: (values: number[]) => Math.max(0, values.indexOf(Math.max(...values))),
  argmin_i32: (values: number[]) => Math.max(0, values.indexOf(Math.min(...values))),
};

describe.each(Object.entries(formulas) as [keyof typeof formulas, (values: number[]) => number][])('%s', (name, f) => {
  test.each([
    ['few values', 3],
    ['values that overflow', 2 ** 31],
  ])('over any axis, %s', (_, limit) => {
    for (const length of lengths.filter((n) => n < 100)) {
      for (const [outer, inner] of [
        [3, 1],
        [2, 5],
        [1, 37],
      ] as const) {
        const x = Int32Array.from(random(outer * length * inner, 1, -limit, limit), Math.floor);
        const y = new Int32Array(outer * inner).fill(7);
        kernels.call(name, { x, y, outer, length, inner, divisor: 1 });
        const want = y.map((_, i) => {
          const first = Math.floor(i / inner) * length * inner + (i % inner);
          return f(Array.from({ length }, (_, j) => x[first + j * inner] as number));
        });
        expect(y).toEqual(want);
      }
    }
  });
});
