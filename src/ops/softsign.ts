import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = x / (1 + |x|). */
export const softsign: Op<object> = defineUnary({
  name: 'softsign',
  attrs: {},
  kernel: 'softsign_f32',
  f: (x) => x / (1 + Math.abs(x)),
  grad: gradFrom('input', () => softsignGrad),
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});

/** dx from softsign's input and dy. */
export const softsignGrad: Op<object> = defineUnaryGrad({
  name: 'softsignGrad',
  attrs: {},
  kernel: 'softsign_f32_grad',
  f: (x, dy) => dy / (1 + Math.abs(x)) ** 2,
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
