import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { defineUnary } from './unary.ts';

/** y = x². */
export const square: Op<object> = defineUnary({
  name: 'square',
  attrs: {},
  kernel: 'square_f32',
  f: (x) => x * x,
  grad: ({ inputs: [x] }, [dy]) => [mul([dy as Value, add([x as Value, x as Value])])],
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
