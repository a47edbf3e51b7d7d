import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { square } from './square.ts';
import { defineUnary } from './unary.ts';

/** y = 1 / x. */
export const reciprocal: Op<object> = defineUnary({
  name: 'reciprocal',
  attrs: {},
  kernel: 'reciprocal_f32',
  f: (x) => 1 / x,
  grad: ({ outputs: [y] }, [dy]) => [neg(mul([dy as Value, square(y as Value)]))],
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
