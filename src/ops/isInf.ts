import type { Op } from './define.ts';
import { defineUnary } from './unary.ts';

export interface IsInfAttributes {
  /** Whether infinity counts. */
  readonly detectPositive: boolean;
  /** Whether -infinity counts. */
  readonly detectNegative: boolean;
}

/** 1 (i32) where x is infinite, else 0. */
export const isInf: Op<IsInfAttributes> = defineUnary<IsInfAttributes>({
  name: 'isInf',
  attrs: { detectPositive: true, detectNegative: true },
  kernel: 'is_inf_f32',
  result: 'i32',
  f: (x, { detectPositive, detectNegative }) =>
    (detectPositive && x === Number.POSITIVE_INFINITY) || (detectNegative && x === Number.NEGATIVE_INFINITY) ? 1 : 0,
  coefficients: ({ detectPositive, detectNegative }) => ({ alpha: detectPositive ? 1 : 0, beta: detectNegative ? 1 : 0 }),
  grad: { none: 'it is piecewise constant' },
  tolerance: 'exact',
});
