import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

/** The shape of the scales of `shape`: one a column; of panels [groups, panels, K, 8] one a column of each panel. */
export const columnScales = (shape: Shape): Shape => (shape.length === 4 ? [...shape.slice(0, 2), shape[3] as number] : shape.slice(-1));

/** How `shape` is laid out: parts with scales of their own, rows of each, and columns. */
export function columnExtents(shape: Shape): { outer: number; rows: number; columns: number } {
  const columns = shape.at(-1) as number;
  const outer = shape.length === 4 ? sizeOf(shape.slice(0, 2)) : 1;
  return { outer, rows: sizeOf(shape.length === 4 ? shape.slice(2, 3) : shape.slice(0, -1)), columns };
}

/**
 * Weights that are held in bytes, as floats: y = x · scale of the column. Inputs: x i8, panels [groups, panels, K, 8] or rows […, columns], scales f32
 * (`columnScales`).
 */
export const dequantizeColumns: Op<object> = defineOp<object>({
  name: 'dequantizeColumns',
  attrs: {},
  infer(inputs) {
    const { shape } = expectInput(inputs, 0, 'i8');
    const scales = expectInput(inputs, 1, 'f32').shape;
    const want = columnScales(shape);
    if (!sameShape(scales, want))
      throw new ThimbleError('SHAPE', 'there is not one scale a column', { expected: formatShape(want), got: formatShape(scales) });
    return [{ dtype: 'f32', shape }];
  },
  ref([x, scales]) {
    const { data, shape } = x as RefTensor;
    const { rows, columns } = columnExtents(shape);
    const scaleOf = (i: number) => scales?.data[Math.floor(i / (rows * columns)) * columns + (i % columns)] as number;
    return [data.map((value, i) => Math.fround(value * scaleOf(i)))];
  },
  lower(ctx) {
    ctx.step('dequantize_s8_columns', {
      x: ctx.in(0),
      scales: ctx.in(1),
      y: ctx.out(),
      ...columnExtents((ctx.inputs[0] as TensorType).shape),
    });
  },
  grad: { none: 'whole numbers have no gradient' },
  tolerance: 'exact',
});
