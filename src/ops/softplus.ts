import type { Op } from './define.ts';
import { sigmoid, softplus as softplusOf } from './reference.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = ln(1 + e^x). */
export const softplus: Op<object> = defineUnary({
  name: 'softplus',
  attrs: {},
  kernel: 'softplus_f32',
  f: (x) => softplusOf(x),
  grad: gradFrom('input', () => softplusGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from softplus's input and dy. */
export const softplusGrad: Op<object> = defineUnaryGrad({
  name: 'softplusGrad',
  attrs: {},
  kernel: 'softplus_f32_grad',
  f: (x, dy) => dy * sigmoid(x),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
