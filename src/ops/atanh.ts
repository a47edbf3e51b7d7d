import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { square } from './square.ts';
import { sub } from './sub.ts';
import { defineUnary } from './unary.ts';

/** y = ½ ln((1 + x) / (1 - x)); NaN outside [-1, 1]. dx = dy / (1 - x²). */
export const atanh: Op<object> = defineUnary({
  name: 'atanh',
  attrs: {},
  kernel: 'atanh_f32',
  f: Math.atanh,
  grad: ({ inputs: [x] }, [dy]) => [div([dy as Value, sub([(x as Value).graph.scalar(1), square(x as Value)])])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
