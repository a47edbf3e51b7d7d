import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

export interface LeakyReluAttributes {
  readonly alpha: number;
}

const defaults: LeakyReluAttributes = { alpha: 0.01 };

/** y = x > 0 ? x : alpha x (Maas et al. 2013). */
export const leakyRelu: Op<LeakyReluAttributes> = defineUnary({
  name: 'leakyRelu',
  attrs: defaults,
  kernel: 'leaky_relu_f32',
  f: (x, attrs) => (x > 0 ? x : attrs.alpha * x),
  coefficients: ({ alpha }) => ({ alpha }),
  grad: gradFrom('input', () => leakyReluGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from leakyRelu's input and dy. */
export const leakyReluGrad: Op<LeakyReluAttributes> = defineUnaryGrad({
  name: 'leakyReluGrad',
  attrs: defaults,
  kernel: 'leaky_relu_f32_grad',
  f: (x, dy, attrs) => (x > 0 ? dy : dy * attrs.alpha),
  coefficients: ({ alpha }) => ({ alpha }),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
