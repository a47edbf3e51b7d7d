import type { Value } from '../ir/graph.ts';
import { cos } from './cos.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { defineUnary } from './unary.ts';

/** y = sin x, x in radians. */
export const sin: Op<object> = defineUnary({
  name: 'sin',
  attrs: {},
  kernel: 'sin_f32',
  f: Math.sin,
  grad: ({ inputs: [x] }, [dy]) => [mul([dy as Value, cos(x as Value)])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
