import { ThimbleError } from '../core/errors.ts';
import { roundHalfEven } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { type Arithmetic, expectRequantization, requantization } from './requantize.ts';

export interface QuantizeAttributes {
  /** The step between two neighbouring numbers. */
  readonly scale: number;
  /** The 8-bit number of 0. */
  readonly zero: number;
  readonly low: number;
  readonly high: number;
  /** What becomes of halves: ONNX rounds to even, TFLite away from zero. */
  readonly ties: 'even' | 'away';
  /** In what the operator in front is computed, where a pass makes one on 8-bit numbers of both. */
  readonly arithmetic: Arithmetic;
  /** The step and zero point of the constant that this operator reads. */
  readonly operand: { readonly scale: number; readonly zero: number } | null;
}

const defaults: QuantizeAttributes = { scale: 1, zero: 0, low: -128, high: 127, ties: 'even', arithmetic: 'uint8', operand: null };

function expect({ scale, zero, low, high }: Omit<QuantizeAttributes, 'ties' | 'arithmetic' | 'operand'>): void {
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw new ThimbleError('UNSUPPORTED_ATTR', 'scale is a positive number', { got: String(scale) });
  }
  expectRequantization({ ...requantization, yZero: zero, low, high });
}

const rounded = (x: number, ties: 'even' | 'away'): number => (ties === 'even' ? roundHalfEven(x) : Math.sign(x) * Math.round(Math.abs(x)));

/** x (f32) as i8: round(x / scale) + zero, limited to low..high; NaN becomes `zero`. */
export const quantizeInt8: Op<QuantizeAttributes> = defineOp<QuantizeAttributes>({
  name: 'quantizeInt8',
  attrs: defaults,
  infer(inputs, attrs) {
    expect(attrs);
    return [{ dtype: 'i8', shape: expectInput(inputs, 0).shape }];
  },
  ref([x], { scale, zero, low, high, ties }) {
    const step = Math.fround(scale);
    return [
      (x as RefTensor).data.map((value) => {
        const number = rounded(Math.fround(value / step), ties) + zero;
        return Math.min(Math.max(Number.isNaN(number) ? zero : number, low), high);
      }),
    ];
  },
  lower(ctx) {
    const { scale, zero, low, high, ties } = ctx.attrs;
    const length = sizeOf((ctx.inputs[0] as TensorType).shape);
    ctx.step('quantize_s8', { x: ctx.in(0), y: ctx.out(), length, scale, zero, low, high, away: ties === 'away' ? 1 : 0 });
  },
  grad: { none: 'rounding has no gradient' },
  tolerance: 'exact',
});

/** x (i8) as f32: (x - zero) · scale. */
export const dequantizeInt8: Op<Pick<QuantizeAttributes, 'scale' | 'zero'>> = defineOp<Pick<QuantizeAttributes, 'scale' | 'zero'>>({
  name: 'dequantizeInt8',
  attrs: { scale: 1, zero: 0 },
  infer(inputs, attrs) {
    expect({ ...attrs, low: -128, high: 127 });
    return [{ dtype: 'f32', shape: expectInput(inputs, 0, 'i8').shape }];
  },
  ref: ([x], { scale, zero }) => [(x as RefTensor).data.map((value) => Math.fround((value - zero) * Math.fround(scale)))],
  lower(ctx) {
    const { scale, zero } = ctx.attrs;
    const length = sizeOf((ctx.inputs[0] as TensorType).shape);
    ctx.step('dequantize_s8', { x: ctx.in(0), y: ctx.out(), length, scale, zero, low: -128, high: 127, away: 0 });
  },
  grad: { none: 'whole numbers have no gradient' },
  tolerance: 'exact',
});
