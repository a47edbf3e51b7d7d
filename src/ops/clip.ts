import type { Op } from './define.ts';
import { defineUnary, defineUnaryGrad, gradFrom } from './unary.ts';

export interface ClipAttributes {
  readonly min: number;
  readonly max: number;
}

const defaults: ClipAttributes = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

/** y = min(max(x, min), max); dx is dy strictly between the bounds. */
export const clip: Op<ClipAttributes> = defineUnary({
  name: 'clip',
  attrs: defaults,
  kernel: 'clip_f32',
  f: (x, attrs) => Math.min(Math.max(x, attrs.min), attrs.max),
  coefficients: ({ min, max }) => ({ alpha: min, beta: max }),
  grad: gradFrom('output', () => clipGrad),
  tolerance: 'exact',
});

/** dx from clip's output and dy. */
export const clipGrad: Op<ClipAttributes> = defineUnaryGrad({
  name: 'clipGrad',
  attrs: defaults,
  kernel: 'clip_f32_grad',
  f: (y, dy, attrs) => (y > attrs.min && y < attrs.max ? dy : 0),
  coefficients: ({ min, max }) => ({ alpha: min, beta: max }),
  tolerance: 'exact',
});
