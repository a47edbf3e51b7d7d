import { type Rounding, scaled } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Factor } from './arithmeticInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { roundingCode } from './requantize.ts';

export interface RescaleAttributes extends Factor {
  readonly zero: number;
  readonly low: number;
  readonly high: number;
  readonly rounding: Exclude<Rounding, 'float'>;
}

/** x (i32) to another scale in i32: y = min(max(zero + round(x · multiplier · 2^(shift - 31)), low), high). */
export const rescale: Op<RescaleAttributes> = defineOp<RescaleAttributes>({
  name: 'rescale',
  attrs: { multiplier: 2 ** 30, shift: 1, zero: 0, low: -(2 ** 31), high: 2 ** 31 - 1, rounding: 'double' },
  infer: (inputs) => [{ dtype: 'i32', shape: expectInput(inputs, 0, 'i32').shape }],
  ref: ([x], { multiplier, shift, zero, low, high, rounding }) => [
    (x as RefTensor).data.map((value) => Math.min(Math.max((zero + scaled(value, multiplier, shift, rounding)) | 0, low), high)),
  ],
  lower(ctx) {
    const { rounding: _, ...factor } = ctx.attrs;
    const length = sizeOf((ctx.inputs[0] as TensorType).shape);
    ctx.step('rescale_i32', { x: ctx.in(0), y: ctx.out(), length, ...factor, rounding: roundingCode(ctx.attrs) });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0],
  tolerance: 'exact',
});
