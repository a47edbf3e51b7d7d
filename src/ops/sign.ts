import type { Op } from './define.ts';
import { defineUnary } from './unary.ts';

/** y = -1, 0 or 1. */
export const sign: Op<object> = defineUnary({
  name: 'sign',
  attrs: {},
  kernel: 'sign_f32',
  f: (x) => Math.sign(x),
  grad: { none: 'its slope is 0 wherever it has one' },
  tolerance: 'exact',
});
