import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

export interface HardSwishAttributes {
  /** Above 0. */
  readonly alpha: number;
  readonly beta: number;
}

const defaults: HardSwishAttributes = { alpha: 0.16666666666666666, beta: 0.5 };

/** d/dx of x ramp(x): ramp is the line where it is between 0 and 1. */
const slope = (line: number, ramp: number) => (ramp <= 0 ? 0 : ramp >= 1 ? 1 : line + ramp);

/** y = x hardSigmoid(x) (Howard et al. 2019), computed as x min(max(x + beta / alpha, 0), 1 / alpha) / (1 / alpha): with the defaults x relu6(x + 3) / 6. */
export const hardSwish: Op<HardSwishAttributes> = defineUnary({
  name: 'hardSwish',
  attrs: defaults,
  kernel: 'hard_swish_f32',
  f: (x, attrs) => x * Math.min(Math.max(attrs.alpha * x + attrs.beta, 0), 1),
  coefficients: ({ alpha, beta }) => ({ alpha: beta / alpha, beta: 1 / alpha }),
  grad: gradFrom('input', () => hardSwishGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from hardSwish's input and dy. */
export const hardSwishGrad: Op<HardSwishAttributes> = defineUnaryGrad({
  name: 'hardSwishGrad',
  attrs: defaults,
  kernel: 'hard_swish_f32_grad',
  f: (x, dy, attrs) => dy * slope(attrs.alpha * x, attrs.alpha * x + attrs.beta),
  coefficients: ({ alpha, beta }) => ({ alpha, beta }),
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
