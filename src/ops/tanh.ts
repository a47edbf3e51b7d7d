import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = tanh x. */
export const tanh: Op<object> = defineUnary({
  name: 'tanh',
  attrs: {},
  kernel: 'tanh_f32',
  f: (x) => Math.tanh(x),
  grad: gradFrom('output', () => tanhGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from tanh's output and dy. */
export const tanhGrad: Op<object> = defineUnaryGrad({
  name: 'tanhGrad',
  attrs: {},
  kernel: 'tanh_f32_grad',
  f: (y, dy) => dy * (1 - y * y),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
