import { normalizeAxis, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { dynamicRow } from './dynamicQuantizeInt8.ts';
import { quantizedRow, type RoundRowsAttributes } from './roundRows.ts';

/** How many rows `shape` has, and of how many elements. */
function rowsOf(shape: readonly number[], axis: number): { rows: number; length: number } {
  const first = normalizeAxis(axis, shape.length);
  return { rows: sizeOf(shape.slice(0, first)), length: sizeOf(shape.slice(first)) };
}

/**
 * The 8-bit numbers that `roundRows` rounds x (f32) to: outputs numbers (i8, of x's shape), unit (f32 [rows]) and zero (i32 [rows]), which stand for
 * (number - zero) · unit.
 */
export const quantizeRowsInt8: Op<RoundRowsAttributes> = defineOp<RoundRowsAttributes>({
  name: 'quantizeRowsInt8',
  attrs: { axis: -1, asymmetric: false, even: false },
  infer(inputs, { axis }) {
    const { shape } = expectInput(inputs, 0);
    const { rows } = rowsOf(shape, axis);
    return [
      { dtype: 'i8', shape },
      { dtype: 'f32', shape: [rows] },
      { dtype: 'i32', shape: [rows] },
    ];
  },
  ref([x], { axis, asymmetric, even }) {
    const { shape, data } = x as RefTensor;
    const { rows, length } = rowsOf(shape, axis);
    const numbers = new Float64Array(data.length);
    const [units, zeros] = [new Float64Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const given = data.subarray(row * length, (row + 1) * length);
      const found = even ? dynamicRow(given) : quantizedRow(given, asymmetric);
      numbers.set(found.numbers, row * length);
      units[row] = found.unit;
      zeros[row] = found.zero;
    }
    return [numbers, units, zeros];
  },
  lower(ctx) {
    const { axis, asymmetric, even } = ctx.attrs;
    ctx.step('quantize_rows_s8', {
      x: ctx.in(0),
      y: ctx.out(0),
      unit: ctx.out(1),
      zero: ctx.out(2),
      ...rowsOf((ctx.inputs[0] as TensorType).shape, axis),
      asymmetric: asymmetric ? 1 : 0,
      even: even ? 1 : 0,
    });
  },
  grad: { none: 'whole numbers have no gradient' },
  tolerance: 'exact',
});
