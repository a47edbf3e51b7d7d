import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { sqrt } from './sqrt.ts';
import { square } from './square.ts';
import { sub } from './sub.ts';
import { defineUnary } from './unary.ts';

/** y = ln(x + √(x² - 1)); NaN below 1. dx = dy / √(x² - 1). */
export const acosh: Op<object> = defineUnary({
  name: 'acosh',
  attrs: {},
  kernel: 'acosh_f32',
  f: Math.acosh,
  grad: ({ inputs: [x] }, [dy]) => [div([dy as Value, sqrt(sub([square(x as Value), (x as Value).graph.scalar(1)]))])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
