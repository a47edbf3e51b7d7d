import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { neg } from './neg.ts';
import { sqrt } from './sqrt.ts';
import { square } from './square.ts';
import { sub } from './sub.ts';
import { defineUnary } from './unary.ts';

/** y = arccos x; NaN outside [-1, 1]. dx = -dy / √(1 - x²). */
export const acos: Op<object> = defineUnary({
  name: 'acos',
  attrs: {},
  kernel: 'acos_f32',
  f: Math.acos,
  grad: ({ inputs: [x] }, [dy]) => [neg(div([dy as Value, sqrt(sub([(x as Value).graph.scalar(1), square(x as Value)]))]))],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
