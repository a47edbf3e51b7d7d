import { normalizeAxis, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { dynamicRow } from './dynamicQuantizeInt8.ts';

export interface RoundRowsAttributes {
  /** A row is all of this axis and those after it. */
  readonly axis: number;
  /** Rows have a zero point: 255 steps from their lowest to their highest number, else 127 to either side of 0. */
  readonly asymmetric: boolean;
  /** As ONNX DynamicQuantizeLinear has it: a zero point that follows from the lowest number, halves to even. */
  readonly even: boolean;
}

const { fround } = Math;
/** The largest f32. */
const MOST = (2 - 2 ** -23) * 2 ** 127;

/** The nearest whole number, halves away from zero. */
const rounded = (x: number): number => Math.sign(x) * Math.round(Math.abs(x));
const byte = (x: number): number => Math.max(-128, Math.min(x, 127));

/** The range of a row, which includes 0. */
function rangeOf(row: Float64Array): [number, number] {
  return [row.reduce((a, b) => Math.min(a, b), 0), row.reduce((a, b) => Math.max(a, b), 0)];
}

/**
 * A row as 8-bit numbers: (number - zero) · unit (SymmetricQuantizeFloats and AsymmetricQuantizeFloats of TFLite, whose builds for processors with
 * vectors, the reference resolver of them included, take the width of the range in f32 and round before they add the zero point).
 */
export function quantizedRow(row: Float64Array, asymmetric: boolean): { numbers: Float64Array; unit: number; zero: number } {
  const [low, high] = rangeOf(row);
  if (low === high) return { numbers: new Float64Array(row.length), unit: 1, zero: 0 };
  const most = Math.max(-low, high);
  const scale = fround(high - low) / 255;
  const unit = fround(asymmetric ? scale : most / 127);
  const steps = Math.min(fround(asymmetric ? 1 / unit : 127 / most), MOST);
  const isLowNearer = 128 - low / scale < 127 + high / scale;
  const zero = asymmetric ? byte(rounded(isLowNearer ? -128 - low / scale : 127 - high / scale)) : 0;
  return { numbers: row.map((value) => byte(rounded(fround(value * steps)) + zero)), unit, zero };
}

/**
 * Rows of x (f32) rounded to the 8-bit numbers of their own range and back: what TFLite's hybrid operators, and dynamic quantization in ONNX, make of
 * their inputs. The gradient passes straight through.
 */
export const roundRows: Op<RoundRowsAttributes> = defineOp<RoundRowsAttributes>({
  name: 'roundRows',
  attrs: { axis: -1, asymmetric: false, even: false },
  infer(inputs, { axis }) {
    const { shape } = expectInput(inputs, 0);
    normalizeAxis(axis, shape.length);
    return [{ dtype: 'f32', shape }];
  },
  ref([x], { axis, asymmetric, even }) {
    const { shape, data } = x as RefTensor;
    const length = sizeOf(shape.slice(normalizeAxis(axis, shape.length)));
    const y = new Float64Array(data.length);
    for (let at = 0; at < data.length; at += length) {
      const row = data.subarray(at, at + length);
      const { numbers, unit, zero } = even ? dynamicRow(row) : quantizedRow(row, asymmetric);
      y.set(
        numbers.map((number) => (number - zero) * unit),
        at,
      );
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const length = sizeOf(shape.slice(normalizeAxis(ctx.attrs.axis, shape.length)));
    const rows = length ? sizeOf(shape) / length : 0;
    ctx.step('round_rows_f32', {
      x: ctx.in(0),
      y: ctx.out(),
      rows,
      length,
      asymmetric: ctx.attrs.asymmetric ? 1 : 0,
      even: ctx.attrs.even ? 1 : 0,
    });
  },
  grad: (_, [dy]) => [dy ?? null],
  inplace: [0],
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
