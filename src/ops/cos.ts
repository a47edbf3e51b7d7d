import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { sin } from './sin.ts';
import { defineUnary } from './unary.ts';

/** y = cos x, x in radians. */
export const cos: Op<object> = defineUnary({
  name: 'cos',
  attrs: {},
  kernel: 'cos_f32',
  f: Math.cos,
  grad: ({ inputs: [x] }, [dy]) => [neg(mul([dy as Value, sin(x as Value)]))],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
