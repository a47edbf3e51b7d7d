import { dtypeOf, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { Samples } from './samples.ts';

/** A row of arrays: a view of the data, and a class index or a target. */
export interface Row {
  readonly x: Tensor;
  readonly y: number | Tensor;
}

/** Rows of tensors whose first axis counts them; integer vectors `y` are class indexes. @throws INPUT where their numbers differ. */
export function arrays(x: Tensor, y: Tensor | Int32Array): Samples<Row> {
  const labels = ArrayBuffer.isView(y) ? y : y.dtype === 'i32' && y.shape.length === 1 ? (y.data as Int32Array) : undefined;
  const targets = ArrayBuffer.isView(y) ? undefined : y;
  const count = x.shape[0] ?? 0;
  const given = targets ? targets.shape[0] : labels?.length;
  if (given !== count)
    throw new ThimbleError('INPUT', `${count} rows of x and ${given} of y`, { expected: 'as many of one as of the other' });
  const at = (index: number): Row => ({ x: rowOf(x, index), y: labels ? (labels[index] as number) : rowOf(targets as Tensor, index) });
  return Samples.of({ count, labels, at });
}

function rowOf({ shape, data }: Tensor, index: number): Tensor {
  const own = shape.slice(1);
  const row = data.subarray(index * sizeOf(own), (index + 1) * sizeOf(own)) as TypedArray;
  return { dtype: dtypeOf(row), shape: own, data: row };
}
