import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

/** y = max(x, 0). */
export const relu: Op<object> = defineUnary({
  name: 'relu',
  attrs: {},
  kernel: 'relu_f32',
  f: (x) => Math.max(x, 0),
  grad: gradFrom('output', () => reluGrad),
  tolerance: 'exact',
});

/** dx = y > 0 ? dy : 0, from relu's output. */
export const reluGrad: Op<object> = defineUnaryGrad({
  name: 'reluGrad',
  attrs: {},
  kernel: 'relu_f32_grad',
  f: (y, dy) => (y > 0 ? dy : 0),
  tolerance: 'exact',
});
