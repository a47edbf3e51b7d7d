import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { sqrt } from './sqrt.ts';
import { square } from './square.ts';
import { sub } from './sub.ts';
import { defineUnary } from './unary.ts';

/** y = arcsin x; NaN outside [-1, 1]. dx = dy / √(1 - x²). */
export const asin: Op<object> = defineUnary({
  name: 'asin',
  attrs: {},
  kernel: 'asin_f32',
  f: Math.asin,
  grad: ({ inputs: [x] }, [dy]) => [div([dy as Value, sqrt(sub([(x as Value).graph.scalar(1), square(x as Value)]))])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
