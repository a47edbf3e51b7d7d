import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { square } from './square.ts';
import { defineUnary } from './unary.ts';

/** y = arctan x; dx = dy / (1 + x²). */
export const atan: Op<object> = defineUnary({
  name: 'atan',
  attrs: {},
  kernel: 'atan_f32',
  f: Math.atan,
  grad: ({ inputs: [x] }, [dy]) => [div([dy as Value, add([square(x as Value), (x as Value).graph.scalar(1)])])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
