import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = √x. */
export const sqrt: Op<object> = defineUnary({
  name: 'sqrt',
  attrs: {},
  kernel: 'sqrt_f32',
  f: (x) => Math.sqrt(x),
  grad: gradFrom('output', () => sqrtGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from sqrt's output and dy. */
export const sqrtGrad: Op<object> = defineUnaryGrad({
  name: 'sqrtGrad',
  attrs: {},
  kernel: 'sqrt_f32_grad',
  f: (y, dy) => (dy * 0.5) / y,
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
