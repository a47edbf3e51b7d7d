import { doublingHighProduct, fixedPoint, scaled } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { checkScaling, exponential, left, reciprocal, right, type SoftmaxInt8Attributes, softmaxScaling } from './softmaxInt8.ts';

export interface LogSoftmaxInt8Attributes extends SoftmaxInt8Attributes {
  /** Numbers with 26 bits behind the point in steps of x. */
  readonly stepsMultiplier: number;
  readonly stepsShift: number;
}

/** The attributes for inputs of `scale` (TFLite PreprocessLogSoftmaxScalingExp). */
export function logSoftmaxScaling(scale: number): LogSoftmaxInt8Attributes {
  const scaling = softmaxScaling(scale);
  const steps = fixedPoint(2 ** (31 - scaling.shift) / scaling.multiplier);
  return { ...scaling, stepsMultiplier: steps.multiplier, stepsShift: steps.shift };
}

const times = doublingHighProduct;
/** 1/4 and the binary digits of whole numbers where 25 bits are behind the point. */
const QUARTER = 2 ** 23;
const ROOT = 1518500250;
const FOURTH_ROOT = 1805811301;

/** ln of x / 2^19 >= 1 with 26 bits behind the point (log_x_for_x_greater_than_or_equal_to_1 of the reference). */
function logarithm(x: number): number {
  const zeros = Math.clz32(x);
  const rootZeros = Math.clz32(times(x, ROOT)) - 1;
  const r = Math.min(left(times(left(x, zeros - 1), ROOT), 1), left(x, rootZeros));
  const power = Math.max((12 - zeros) * 2 ** 25 + QUARTER, (12 - rootZeros) * 2 ** 25 - QUARTER);
  const middle = Math.floor((r + FOURTH_ROOT + 1) / 2);
  const q = (2 * (r - FOURTH_ROOT)) | 0;
  const square = times(q, q);
  const numerator = (times(q, r) + times(times(q, square), 117049297)) | 0;
  const denominator = (times(middle, (1057819769 + q + times(127690142, square)) | 0) + times(638450708, q)) | 0;
  return left((times(power, 1488522236) + times(right(numerator, 6), reciprocal(denominator))) | 0, 1);
}

/** logSoftmax over the last axis of x (i8): i8 of scale 1/16 and zero point 127, with the bits of TFLite's reference. */
export const logSoftmaxInt8: Op<LogSoftmaxInt8Attributes> = defineOp<LogSoftmaxInt8Attributes>({
  name: 'logSoftmaxInt8',
  attrs: logSoftmaxScaling(1),
  infer(inputs, attrs) {
    checkScaling(attrs);
    return [{ dtype: 'i8', shape: expectInput(inputs, 0, 'i8').shape }];
  },
  ref([x], { multiplier, shift, diffMin, stepsMultiplier, stepsShift }) {
    const { shape, data } = x as RefTensor;
    const columns = shape.at(-1) ?? 1;
    const y = new Float64Array(data.length);
    const wide = (difference: number) => scaled(difference, multiplier, shift, 'double');
    for (let row = 0; row < data.length; row += columns) {
      const values = data.subarray(row, row + columns);
      const differences = values.map((value) => value - Math.max(...values));
      const sum = differences.reduce(
        (total, difference) => total + (difference >= diffMin ? right(exponential(wide(difference)), 12) : 0),
        0,
      );
      const total = logarithm(sum);
      const least = Math.max(diffMin - 1, scaled(total - 2 ** 31, stepsMultiplier, stepsShift, 'double'));
      differences.forEach((difference, c) => {
        const whole = difference > least ? right((wide(difference) - total) | 0, 22) + 127 : -128;
        y[row + c] = Math.min(Math.max(whole, -128), 127);
      });
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const columns = shape.at(-1) ?? 1;
    ctx.step('log_softmax_s8', { x: ctx.in(0), y: ctx.out(), rows: columns ? sizeOf(shape) / columns : 0, columns, ...ctx.attrs });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0],
  tolerance: 'exact',
});
