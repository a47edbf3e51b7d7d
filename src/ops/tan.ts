import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { square } from './square.ts';
import { defineUnary } from './unary.ts';

/** y = tan x, x in radians; dx = dy (1 + y²). */
export const tan: Op<object> = defineUnary({
  name: 'tan',
  attrs: {},
  kernel: 'tan_f32',
  f: Math.tan,
  grad: ({ outputs: [y] }, [dy]) => [add([dy as Value, mul([dy as Value, square(y as Value)])])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
