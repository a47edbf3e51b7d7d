import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { defineUnary } from './unary.ts';

/** y = ln x. */
export const log: Op<object> = defineUnary({
  name: 'log',
  attrs: {},
  kernel: 'log_f32',
  f: (x) => Math.log(x),
  grad: ({ inputs: [x] }, [dy]) => [div([dy as Value, x as Value])],
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
