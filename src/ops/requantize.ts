import { ThimbleError } from '../core/errors.ts';
import { type Rounding, roundHalfEven, scaled } from '../core/fixedPoint.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import type { Address, LowerContext } from './step.ts';

/** From i32 sums to 8-bit numbers: y = min(max(yZero + round(sum · factor), low), high). */
export interface Requantization {
  readonly yZero: number;
  readonly low: number;
  readonly high: number;
  readonly rounding: Rounding;
}

export const requantization: Requantization = { yZero: 0, low: -128, high: 127, rounding: 'double' };

/**
 * In what ONNX Runtime on x86 computes an operator between dequantizations and a quantization: in a kernel on 8-bit numbers of this type, whose zero points take
 * part in the sums that are rounded, or in floats. Numbers are held as i8 in any case: 128 less than a uint8.
 */
export type Arithmetic = 'uint8' | 'int8' | 'float';
export const ARITHMETICS: readonly Arithmetic[] = ['uint8', 'int8', 'float'];

/** How much larger the numbers are that the kernel sees. */
export const offsetOf = (arithmetic: Arithmetic): number => (arithmetic === 'uint8' ? 128 : 0);

/** Codes of the roundings in records. */
export const roundingCode = ({ rounding }: { readonly rounding: Rounding }): number => ['double', 'single', 'float'].indexOf(rounding);

/** @throws UNSUPPORTED_ATTR where zero point and limits are not those of an i8. */
export function expectRequantization({ yZero, low, high, rounding }: Requantization): void {
  const isByte = (value: number) => Number.isInteger(value) && value >= -128 && value <= 127;
  if (!isByte(yZero) || !isByte(low) || !isByte(high) || low > high) {
    throw new ThimbleError('UNSUPPORTED_ATTR', 'zero point and limits of an i8 are whole numbers', {
      expected: '-128..127, low <= high',
      got: `zero ${yZero}, ${low}..${high}`,
    });
  }
  if (!['double', 'single', 'float'].includes(rounding)) {
    throw new ThimbleError('UNSUPPORTED_ATTR', `no rounding "${rounding}"`, { expected: 'double, single or float' });
  }
}

/**
 * Checks the factors from input `first` on: multiplier and shift (i32), or one scale (f32) with float rounding, each of `channels` elements or one.
 * Returns their number of elements.
 */
export function expectFactors(inputs: readonly TensorType[], first: number, channels: number, { rounding }: Requantization): number {
  const dtypes = rounding === 'float' ? (['f32'] as const) : (['i32', 'i32'] as const);
  if (inputs.length !== first + dtypes.length) {
    throw new ThimbleError('SHAPE', `${rounding} rounding takes ${rounding === 'float' ? 'a scale' : 'a multiplier and a shift'}`, {
      expected: `${first + dtypes.length} inputs`,
      got: String(inputs.length),
    });
  }
  const counts = dtypes.map((dtype, i) => sizeOf(expectInput(inputs, first + i, dtype).shape));
  if (counts.some((count) => count !== counts[0] || (count !== 1 && count !== channels))) {
    throw new ThimbleError('SHAPE', 'the factors do not fit', {
      expected: `1 or ${channels}`,
      got: inputs
        .slice(first)
        .map(({ shape }) => formatShape(shape))
        .join(', '),
    });
  }
  return counts[0] as number;
}

/** i32 `sums` (channels innermost) as 8-bit numbers; `factors` are the inputs `expectFactors` checked. */
export function requantized(sums: Float64Array, channels: number, factors: readonly RefTensor[], attrs: Requantization): Float64Array {
  const { yZero, low, high, rounding } = attrs;
  const [first, second] = factors;
  const { data } = first as RefTensor;
  return sums.map((sum, i) => {
    const c = data.length === 1 ? 0 : i % channels;
    const value =
      rounding === 'float'
        ? roundHalfEven(Math.fround(Math.fround(sum) * (data[c] as number)))
        : scaled(sum, data[c] as number, second?.data[c] as number, rounding);
    return Math.min(Math.max(value + yZero, low), high);
  });
}

/** The record's fields for factors from input `first` on. */
export function factorFields(ctx: LowerContext<Requantization>, first: number) {
  const { yZero, low, high, rounding } = ctx.attrs;
  const isFloat = rounding === 'float';
  const absent = 0 as Address | 0;
  return {
    multiplier: isFloat ? absent : ctx.in(first),
    shift: isFloat ? absent : ctx.in(first + 1),
    scale: isFloat ? ctx.in(first) : absent,
    perChannel: sizeOf((ctx.inputs[first] as TensorType).shape) === 1 ? 0 : 1,
    yZero,
    low,
    high,
    rounding: roundingCode(ctx.attrs),
  };
}

/** x (i32, channels innermost) as i8. Inputs: x, then multiplier and shift (i32) or a scale (f32), of one element or one a channel. */
export const requantize: Op<Requantization> = defineOp<Requantization>({
  name: 'requantize',
  attrs: requantization,
  infer(inputs, attrs) {
    const { shape } = expectInput(inputs, 0, 'i32');
    expectRequantization(attrs);
    expectFactors(inputs, 1, shape.at(-1) ?? 1, attrs);
    return [{ dtype: 'i8', shape }];
  },
  ref([x, ...factors], attrs) {
    const { shape, data } = x as RefTensor;
    return [requantized(data, shape.at(-1) ?? 1, factors, attrs)];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const channels = shape.at(-1) ?? 1;
    ctx.step('requantize_s8', {
      x: ctx.in(0),
      y: ctx.out(),
      rows: channels ? sizeOf(shape) / channels : 0,
      channels,
      ...factorFields(ctx, 1),
    });
  },
  grad: { none: 'it takes and gives whole numbers' },
  tolerance: 'exact',
});
