import { ThimbleError } from '../core/errors.ts';
import { INPUT_OFFSET } from '../core/quads.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { type ProductInt8, productInt8 } from './conv2dInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { expectFactors, expectRequantization, factorFields, requantized } from './requantize.ts';

/** So many rows are multiplied with weights in rows as fast as with quads. */
const FEW_ROWS = 3;
/** So many units fill at most half a panel of quads. */
const FEW_UNITS = 4;

/** Whether a dense layer is one for `linearRowsInt8`. */
export const isRowwise = (rows: number, units: number): boolean => rows <= FEW_ROWS || units <= FEW_UNITS;

/** Row-major weights [K, units] as the operator takes them: [units, K]. */
export function packRows(weights: Int8Array, units: number): Int8Array<ArrayBuffer> {
  const rows = new Int8Array(weights.length);
  const depth = units ? weights.length / units : 0;
  for (let k = 0; k < depth; k++) for (let unit = 0; unit < units; unit++) rows[unit * depth + k] = weights[k * units + unit] as number;
  return rows;
}

/**
 * `linear` of i8 for few rows or units: y = requantized(bias + (x + 128) · wᵀ). Inputs: x [rows, K], w [units, K] (`packRows`), bias i32 [units] with the
 * zero point of x folded in (`foldedBias`), then factors as `conv2dInt8` takes them. No scratch: it reads both operands where they lie. `xZero` is only said:
 * nothing is padded.
 */
export const linearRowsInt8: Op<ProductInt8> = defineOp<ProductInt8>({
  name: 'linearRowsInt8',
  attrs: productInt8,
  infer(inputs, attrs) {
    const [rows, depth] = expectInput(inputs, 0, 'i8', 2).shape as readonly [number, number];
    const [units, given] = expectInput(inputs, 1, 'i8', 2).shape as readonly [number, number];
    const bias = expectInput(inputs, 2, 'i32', 1).shape;
    if (given !== depth || bias[0] !== units) {
      throw new ThimbleError('SHAPE', 'the weights or the bias do not fit', {
        expected: `${formatShape([units, depth])}, ${formatShape([units])}`,
        got: `${formatShape([units, given])}, ${formatShape(bias)}`,
      });
    }
    expectRequantization(attrs);
    expectFactors(inputs, 3, units, attrs);
    return [{ dtype: 'i8', shape: [rows, units] }];
  },
  ref([x, w, bias, ...factors], attrs) {
    const [units, depth] = (w as RefTensor).shape as readonly [number, number];
    const [left, right, start] = [x, w, bias].map((input) => (input as RefTensor).data) as [Float64Array, Float64Array, Float64Array];
    const rows = (x as RefTensor).shape[0] as number;
    const sums = Float64Array.from({ length: rows * units }, (_, i) => {
      const [row, unit] = [Math.floor(i / units), i % units];
      let sum = start[unit] as number;
      for (let k = 0; k < depth; k++) sum += ((left[row * depth + k] as number) + INPUT_OFFSET) * (right[unit * depth + k] as number);
      return sum | 0;
    });
    return [requantized(sums, units, factors, attrs)];
  },
  lower(ctx) {
    const [rows, depth] = (ctx.inputs[0] as TensorType).shape as readonly [number, number];
    ctx.step('linear_rows_s8', {
      x: ctx.in(0),
      w: ctx.in(1),
      bias: ctx.in(2),
      y: ctx.out(),
      rows,
      columns: (ctx.inputs[1] as TensorType).shape[0] as number,
      depth,
      ...factorFields(ctx, 3),
    });
  },
  grad: { none: 'it takes and gives whole numbers' },
  macs: ([x, w]) => sizeOf((x as TensorType).shape) * ((w as TensorType).shape[0] as number),
  tolerance: 'exact',
});
