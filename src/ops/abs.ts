import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { sign } from './sign.ts';
import { defineUnary } from './unary.ts';

/** y = |x|; the slope at 0 is 0. */
export const abs: Op<object> = defineUnary({
  name: 'abs',
  attrs: {},
  kernel: 'abs_f32',
  f: (x) => Math.abs(x),
  grad: ({ inputs: [x] }, [dy]) => [mul([dy as Value, sign(x as Value)])],
  tolerance: 'exact',
});
