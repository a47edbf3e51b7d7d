import { expect, it } from 'vitest';
import { compare } from './compare.mjs';

const tensor = (...data: number[]) => ({ dtype: 'f32' as const, shape: [data.length], data: Float32Array.from(data) });
const tolerance = { rtol: 1e-4, atol: 1e-4, ofLargest: 2e-6 };

it('numbers may carry the rounding of the largest finite one, and no more', () => {
  expect(compare(tensor(500, 0.001), tensor(500, 0), tolerance)).toBeUndefined();
  expect(compare(tensor(500, 0.0012), tensor(500, 0), tolerance)).toBe('element 1 is 0.0012000000569969416, not 0');
  expect(compare(tensor(5, 0.001), tensor(5, 0), tolerance)).toContain('element 1');
  expect(compare(tensor(Number.POSITIVE_INFINITY, 0.001), tensor(Number.POSITIVE_INFINITY, 0), tolerance)).toContain('element 1');
  expect(compare(tensor(Number.NaN, 0), tensor(Number.NaN, 0), tolerance)).toBeUndefined();
  expect(compare(tensor(Number.NaN), tensor(0), tolerance)).toContain('element 0');
});
