import type { Op } from './define.ts';
import { normalCdf, normalPdf } from './reference.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = x Φ(x), the erf form (Hendrycks and Gimpel 2016). */
export const gelu: Op<object> = defineUnary({
  name: 'gelu',
  attrs: {},
  kernel: 'gelu_f32',
  f: (x) => x * normalCdf(x),
  grad: gradFrom('input', () => geluGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from gelu's input and dy. */
export const geluGrad: Op<object> = defineUnaryGrad({
  name: 'geluGrad',
  attrs: {},
  kernel: 'gelu_f32_grad',
  f: (x, dy) => dy * (normalCdf(x) + x * normalPdf(x)),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
