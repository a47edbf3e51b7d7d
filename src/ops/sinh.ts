import type { Value } from '../ir/graph.ts';
import { cosh } from './cosh.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { defineUnary } from './unary.ts';

/** y = (e^x - e^-x) / 2; dx = dy cosh x. */
export const sinh: Op<object> = defineUnary({
  name: 'sinh',
  attrs: {},
  kernel: 'sinh_f32',
  f: Math.sinh,
  grad: ({ inputs: [x] }, [dy]) => [mul([dy as Value, cosh(x as Value)])],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
