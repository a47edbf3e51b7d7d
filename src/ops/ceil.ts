import type { Op } from './define.ts';
import { defineUnary } from './unary.ts';

/** The least whole number y >= x. */
export const ceil: Op<object> = defineUnary({
  name: 'ceil',
  attrs: {},
  kernel: 'ceil_f32',
  f: Math.ceil,
  grad: { none: 'its slope is 0 wherever it has one' },
  tolerance: 'exact',
});
