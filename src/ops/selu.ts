import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

export interface SeluAttributes {
  readonly alpha: number;
  readonly gamma: number;
}

const defaults: SeluAttributes = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 };

/** y = gamma elu(x, alpha) (Klambauer et al. 2017). */
export const selu: Op<SeluAttributes> = defineUnary({
  name: 'selu',
  attrs: defaults,
  kernel: 'selu_f32',
  f: (x, attrs) => attrs.gamma * (x > 0 ? x : attrs.alpha * Math.expm1(x)),
  coefficients: ({ alpha, gamma }) => ({ alpha, beta: gamma }),
  grad: gradFrom('input', () => seluGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from selu's input and dy. */
export const seluGrad: Op<SeluAttributes> = defineUnaryGrad({
  name: 'seluGrad',
  attrs: defaults,
  kernel: 'selu_f32_grad',
  f: (x, dy, attrs) => dy * attrs.gamma * (x > 0 ? 1 : attrs.alpha * Math.exp(x)),
  coefficients: ({ alpha, gamma }) => ({ alpha, beta: gamma }),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
