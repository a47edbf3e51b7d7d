import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

export interface EluAttributes {
  readonly alpha: number;
}

const defaults: EluAttributes = { alpha: 1 };

/** y = x > 0 ? x : alpha (e^x - 1) (Clevert et al. 2016). */
export const elu: Op<EluAttributes> = defineUnary({
  name: 'elu',
  attrs: defaults,
  kernel: 'elu_f32',
  f: (x, attrs) => (x > 0 ? x : attrs.alpha * Math.expm1(x)),
  coefficients: ({ alpha }) => ({ alpha }),
  grad: gradFrom('input', () => eluGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from elu's input and dy. */
export const eluGrad: Op<EluAttributes> = defineUnaryGrad({
  name: 'eluGrad',
  attrs: defaults,
  kernel: 'elu_f32_grad',
  f: (x, dy, attrs) => (x > 0 ? dy : dy * attrs.alpha * Math.exp(x)),
  coefficients: ({ alpha }) => ({ alpha }),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
