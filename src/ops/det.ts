import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

const parts = (shape: Shape) => ({ batch: sizeOf(shape.slice(0, -2)), n: shape.at(-1) as number });

/** Gaussian elimination on n rows; `rows` is used up. */
function determinant(rows: Float64Array[]): number {
  let product = 1;
  for (let k = 0; k < rows.length; k++) {
    const size = (row: Float64Array | undefined) => Math.abs(row?.[k] as number);
    let best = k;
    for (let i = k + 1; i < rows.length; i++) if (size(rows[i]) > size(rows[best])) best = i;
    const row = rows[best] as Float64Array;
    const pivot = row[k] as number;
    if (pivot === 0) return 0;
    if (best !== k) [rows[best], rows[k]] = [rows[k] as Float64Array, row];
    product *= best === k ? pivot : -pivot;
    for (const other of rows.slice(k + 1)) {
      const factor = (other[k] as number) / pivot;
      for (let j = k; j < rows.length; j++) other[j] = (other[j] as number) - factor * (row[j] as number);
    }
  }
  return product;
}

/** Determinants of x [..., n, n] → [...]; 1 where n is 0. */
export const det: Op<object> = defineOp<object>({
  name: 'det',
  attrs: {},
  infer(inputs) {
    const { shape } = expectInput(inputs, 0);
    if (shape.length < 2 || shape.at(-1) !== shape.at(-2)) {
      throw new ThimbleError('SHAPE', 'a determinant needs square matrices', { expected: '[..., n, n]', got: formatShape(shape) });
    }
    return [{ dtype: 'f32', shape: shape.slice(0, -2) }];
  },
  ref([x]) {
    const { shape, data } = x as RefTensor;
    const { batch, n } = parts(shape);
    return [
      Float64Array.from({ length: batch }, (_, b) =>
        determinant(Array.from({ length: n }, (_, i) => data.slice((b * n + i) * n, (b * n + i + 1) * n))),
      ),
    ];
  },
  lower(ctx) {
    const { batch, n } = parts((ctx.inputs[0] as TensorType).shape);
    ctx.step('det_f32', { x: ctx.in(0), y: ctx.out(), scratch: ctx.scratch(n * n * 8), batch, n });
  },
  grad: { none: 'its slope needs the inverse, which has no kernel' },
  macs([x]) {
    const { batch, n } = parts((x as TensorType).shape);
    return (batch * n * (n - 1) * (2 * n - 1)) / 6;
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
});
