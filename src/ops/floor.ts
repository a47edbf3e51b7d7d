import type { Op } from './define.ts';
import { defineUnary } from './unary.ts';

/** The greatest whole number y <= x. */
export const floor: Op<object> = defineUnary({
  name: 'floor',
  attrs: {},
  kernel: 'floor_f32',
  f: Math.floor,
  grad: { none: 'its slope is 0 wherever it has one' },
  tolerance: 'exact',
});
