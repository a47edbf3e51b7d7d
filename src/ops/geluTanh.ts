import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

/** y = x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))), the tanh form (Hendrycks and Gimpel 2016). */
export const geluTanh: Op<object> = defineUnary({
  name: 'geluTanh',
  attrs: {},
  kernel: 'gelu_tanh_f32',
  f: (x) => 0.5 * x * (1 + Math.tanh(inner(x))),
  grad: gradFrom('input', () => geluTanhGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from geluTanh's input and dy. */
export const geluTanhGrad: Op<object> = defineUnaryGrad({
  name: 'geluTanhGrad',
  attrs: {},
  kernel: 'gelu_tanh_f32_grad',
  f: (x, dy) =>
    dy * (0.5 * (1 + Math.tanh(inner(x))) + 0.5 * x * (1 - Math.tanh(inner(x)) ** 2) * Math.sqrt(2 / Math.PI) * (1 + 0.134145 * x * x)),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
