import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

export interface HardSigmoidAttributes {
  readonly alpha: number;
  readonly beta: number;
}

const defaults: HardSigmoidAttributes = { alpha: 0.16666666666666666, beta: 0.5 };

/** y = min(max(alpha x + beta, 0), 1); the defaults are those of ONNX HardSwish and PyTorch. */
export const hardSigmoid: Op<HardSigmoidAttributes> = defineUnary({
  name: 'hardSigmoid',
  attrs: defaults,
  kernel: 'hard_sigmoid_f32',
  f: (x, attrs) => Math.min(Math.max(attrs.alpha * x + attrs.beta, 0), 1),
  coefficients: ({ alpha, beta }) => ({ alpha, beta }),
  grad: gradFrom('input', () => hardSigmoidGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from hardSigmoid's input and dy. */
export const hardSigmoidGrad: Op<HardSigmoidAttributes> = defineUnaryGrad({
  name: 'hardSigmoidGrad',
  attrs: defaults,
  kernel: 'hard_sigmoid_f32_grad',
  f: (x, dy, attrs) => (attrs.alpha * x + attrs.beta > 0 && attrs.alpha * x + attrs.beta < 1 ? dy * attrs.alpha : 0),
  coefficients: ({ alpha, beta }) => ({ alpha, beta }),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
