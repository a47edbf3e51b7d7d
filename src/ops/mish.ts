import type { Op } from './define.ts';
import { sigmoid, softplus } from './reference.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = x tanh(softplus(x)) (Misra 2020). */
export const mish: Op<object> = defineUnary({
  name: 'mish',
  attrs: {},
  kernel: 'mish_f32',
  f: (x) => x * Math.tanh(softplus(x)),
  grad: gradFrom('input', () => mishGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from mish's input and dy. */
export const mishGrad: Op<object> = defineUnaryGrad({
  name: 'mishGrad',
  attrs: {},
  kernel: 'mish_f32_grad',
  f: (x, dy) => dy * (Math.tanh(softplus(x)) + x * (1 - Math.tanh(softplus(x)) ** 2) * sigmoid(x)),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
