import type { Op } from './define.ts';
import { sigmoid as sigmoidOf } from './reference.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = 1 / (1 + e^-x). */
export const sigmoid: Op<object> = defineUnary({
  name: 'sigmoid',
  attrs: {},
  kernel: 'sigmoid_f32',
  f: (x) => sigmoidOf(x),
  grad: gradFrom('output', () => sigmoidGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from sigmoid's output and dy. */
export const sigmoidGrad: Op<object> = defineUnaryGrad({
  name: 'sigmoidGrad',
  attrs: {},
  kernel: 'sigmoid_f32_grad',
  f: (y, dy) => dy * y * (1 - y),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
