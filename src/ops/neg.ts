import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { defineUnary } from './unary.ts';

/** y = -x. */
export const neg: Op<object> = defineUnary({
  name: 'neg',
  attrs: {},
  kernel: 'neg_f32',
  f: (x) => -x,
  grad: (_, [dy]) => [neg(dy as Value)],
  tolerance: 'exact',
});
