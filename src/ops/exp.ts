import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { defineUnary } from './unary.ts';

/** y = e^x. */
export const exp: Op<object> = defineUnary({
  name: 'exp',
  attrs: {},
  kernel: 'exp_f32',
  f: (x) => Math.exp(x),
  grad: ({ outputs: [y] }, [dy]) => [mul([dy as Value, y as Value])],
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
