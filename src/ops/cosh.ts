import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { sinh } from './sinh.ts';
import { defineUnary } from './unary.ts';

/** y = (e^x + e^-x) / 2; dx = dy sinh x. */
export const cosh: Op<object> = defineUnary({
  name: 'cosh',
  attrs: {},
  kernel: 'cosh_f32',
  f: Math.cosh,
  grad: ({ inputs: [x] }, [dy]) => [mul([dy as Value, sinh(x as Value)])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
