import type { Op } from './define.ts';
import { erf as erfOf } from './reference.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = erf x, the error function. */
export const erf: Op<object> = defineUnary({
  name: 'erf',
  attrs: {},
  kernel: 'erf_f32',
  f: (x) => erfOf(x),
  grad: gradFrom('input', () => erfGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from erf's input and dy. */
export const erfGrad: Op<object> = defineUnaryGrad({
  name: 'erfGrad',
  attrs: {},
  kernel: 'erf_f32_grad',
  f: (x, dy) => dy * (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
