import type { Op } from './define.ts';
import { sigmoid } from './reference.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = x sigmoid(x), also called swish (Elfwing et al. 2018). */
export const silu: Op<object> = defineUnary({
  name: 'silu',
  attrs: {},
  kernel: 'silu_f32',
  f: (x) => x * sigmoid(x),
  grad: gradFrom('input', () => siluGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from silu's input and dy. */
export const siluGrad: Op<object> = defineUnaryGrad({
  name: 'siluGrad',
  attrs: {},
  kernel: 'silu_f32_grad',
  f: (x, dy) => dy * sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
