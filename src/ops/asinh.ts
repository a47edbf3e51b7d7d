import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { sqrt } from './sqrt.ts';
import { square } from './square.ts';
import { defineUnary } from './unary.ts';

/** y = ln(x + √(x² + 1)); dx = dy / √(x² + 1). */
export const asinh: Op<object> = defineUnary({
  name: 'asinh',
  attrs: {},
  kernel: 'asinh_f32',
  f: Math.asinh,
  grad: ({ inputs: [x] }, [dy]) => [div([dy as Value, sqrt(add([square(x as Value), (x as Value).graph.scalar(1)]))])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
