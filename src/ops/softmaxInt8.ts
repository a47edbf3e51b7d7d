import { ThimbleError } from '../core/errors.ts';
import { doublingHighProduct, roundingShift, scaled } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface SoftmaxInt8Attributes {
  /** beta · scale of x as a fixed-point factor with 26 bits behind the point (TFLite PreprocessSoftmaxScaling with 5 integer bits). */
  readonly multiplier: number;
  readonly shift: number;
  /** Differences from the largest number below this give 0. */
  readonly diffMin: number;
}

/** The attributes for inputs of `scale`, after TFLite's PreprocessSoftmaxScaling and CalculateInputRadius. */
export function softmaxScaling(scale: number, beta = 1): SoftmaxInt8Attributes {
  const factor = Math.min(beta * scale * 2 ** 26, 2 ** 31 - 1);
  const shift = Math.floor(Math.log2(factor)) + 1;
  const multiplier = Math.round((factor / 2 ** shift) * 2 ** 31);
  const [m, s] = multiplier === 2 ** 31 ? [2 ** 30, shift + 1] : [multiplier, shift];
  return { multiplier: m, shift: s, diffMin: -Math.floor((31 * 2 ** 26) / 2 ** s) };
}

export const right = (x: number, exponent: number): number => Number(roundingShift(BigInt(x), exponent));
/** x · 2^exponent, saturated. */
export const left = (x: number, exponent: number): number => Math.max(-(2 ** 31), Math.min(x * 2 ** exponent, 2 ** 31 - 1));
const times = doublingHighProduct;

/** exp of x / 2^26 <= 0 as a fraction of 2^31 (gemmlowp exp_on_negative_values). */
export function exponential(x: number): number {
  if (x === 0) return 2 ** 31 - 1;
  const quarter = 2 ** 24;
  const part = (x & (quarter - 1)) - quarter;
  // Taylor series around -1/8.
  const t = left(part, 5) + 2 ** 28;
  const square = times(t, t);
  const sum = right(times(right(times(square, square), 2) + times(square, t), 715827883) + square, 1);
  let result = 1895147668 + times(1895147668, t + sum);
  const rest = part - x;
  [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242].forEach((factor, i) => {
    if (rest & (2 ** (24 + i))) result = times(result, factor);
  });
  return result;
}

/** 1 / (1 + x) of a fraction of 2^31 (gemmlowp one_over_one_plus_x_for_x_in_0_1: Newton-Raphson). */
export function reciprocal(x: number): number {
  const half = Math.trunc((x + 2 ** 31) / 2);
  let y = 1515870810 + times(half, -1010580540);
  for (let i = 0; i < 3; i++) y += left(times(y, 2 ** 29 - times(half, y)), 2);
  return left(y, 1);
}

/** @throws UNSUPPORTED_ATTR for what `softmaxScaling` does not give. */
export function checkScaling({ multiplier, shift, diffMin }: SoftmaxInt8Attributes): void {
  if (multiplier >= 2 ** 30 && multiplier < 2 ** 31 && shift >= 0 && shift <= 31 && diffMin <= 0) return;
  throw new ThimbleError('UNSUPPORTED_ATTR', 'the scale of x is too small or too large', {
    expected: 'what softmaxScaling gives: shift 0..31',
    got: JSON.stringify({ multiplier, shift, diffMin }),
  });
}

/** softmax over the last axis of x (i8): i8 of scale 1/256 and zero point -128, with the bits of TFLite's reference. */
export const softmaxInt8: Op<SoftmaxInt8Attributes> = defineOp<SoftmaxInt8Attributes>({
  name: 'softmaxInt8',
  attrs: softmaxScaling(1),
  infer(inputs, attrs) {
    checkScaling(attrs);
    return [{ dtype: 'i8', shape: expectInput(inputs, 0, 'i8').shape }];
  },
  ref([x], { multiplier, shift, diffMin }) {
    const { shape, data } = x as RefTensor;
    const columns = shape.at(-1) ?? 1;
    const y = new Float64Array(data.length);
    for (let row = 0; row < data.length; row += columns) {
      const values = data.subarray(row, row + columns);
      const largest = Math.max(...values);
      const powers = Array.from(values, (value) =>
        value - largest >= diffMin ? exponential(scaled(value - largest, multiplier, shift, 'double')) : -1,
      );
      const sum = powers.reduce((total, power) => total + (power < 0 ? 0 : right(power, 12)), 0);
      const zeros = Math.clz32(sum);
      const scale = reciprocal(((sum << zeros) >>> 0) - 2 ** 31);
      powers.forEach((power, c) => {
        const whole = power < 0 ? 0 : right(times(scale, power), 12 - zeros + 31 - 8);
        y[row + c] = Math.min(whole - 128, 127);
      });
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const columns = shape.at(-1) ?? 1;
    ctx.step('softmax_s8', { x: ctx.in(0), y: ctx.out(), rows: columns ? sizeOf(shape) / columns : 0, columns, ...ctx.attrs });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0],
  tolerance: 'exact',
});
