import { ThimbleError } from '../core/errors.ts';
import { scaled } from '../core/fixedPoint.ts';
import { inverseSqrt } from '../core/inverseSqrt.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface L2NormalizationInt8Attributes {
  readonly zero: number;
  /** Of the 7 bits that the results have behind the point, those that x is moved left by before it is scaled: TFLite does 0 for int8, 7 for uint8. */
  readonly leftShift: number;
}

/** Rows of more numbers have squares that may not fit 32 bits. */
const MOST_COLUMNS = 33_000;

/** x / √Σx² over the last axis of x (i8), in steps of 1/128 (i8), with the bits of TFLite's reference. */
export const l2NormalizationInt8: Op<L2NormalizationInt8Attributes> = defineOp<L2NormalizationInt8Attributes>({
  name: 'l2NormalizationInt8',
  attrs: { zero: 0, leftShift: 0 },
  infer(inputs, { leftShift }) {
    const { shape } = expectInput(inputs, 0, 'i8');
    const columns = shape.at(-1) ?? 1;
    if (columns > MOST_COLUMNS)
      throw new ThimbleError('SHAPE', `rows of ${columns} numbers`, { expected: `at most ${MOST_COLUMNS}, whose squares fit 32 bits` });
    if (!(leftShift >= 0 && leftShift <= 7)) throw new RangeError(`x moved left by ${leftShift} bits of 7`);
    return [{ dtype: 'i8', shape }];
  },
  ref([x], { zero, leftShift }) {
    const { shape, data } = x as RefTensor;
    const columns = shape.at(-1) ?? 1;
    const y = new Float64Array(data.length);
    for (let row = 0; row < data.length; row += columns) {
      const values = data.subarray(row, row + columns).map((value) => value - zero);
      const { multiplier, shift } = inverseSqrt(values.reduce((sum, value) => sum + value * value, 0));
      values.forEach((value, c) => {
        const whole = scaled(value * 2 ** leftShift, multiplier, shift + 7 - leftShift, 'double');
        y[row + c] = Math.min(Math.max(whole, -128), 127);
      });
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const columns = shape.at(-1) ?? 1;
    ctx.step('l2_normalization_s8', { x: ctx.in(0), y: ctx.out(), rows: columns ? sizeOf(shape) / columns : 0, columns, ...ctx.attrs });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0],
  tolerance: 'exact',
});
