import type { Op } from './define.ts';
import { defineUnary } from './unary.ts';

/** 1 (i32) where x is not a number, else 0. */
const notANumber: Op<object> = defineUnary({
  name: 'isNaN',
  attrs: {},
  kernel: 'is_nan_f32',
  result: 'i32',
  f: (x) => (Number.isNaN(x) ? 1 : 0),
  grad: { none: 'it is piecewise constant' },
  tolerance: 'exact',
});

export { notANumber as isNaN };
