import type { TypedArray } from '../core/dtype.ts';
import { PANEL, packPanels, unpackPanels } from '../core/panels.ts';
import { type Shape, sizeOf, stridesOf } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';

/** The data of a constant. */
export function dataOf(value: Value): TypedArray {
  if (value.origin.kind !== 'const') throw new Error(`"${value.name}" is not a constant`);
  return value.origin.data;
}

/** Calls `visit(to, from)` for the first element of each run along the last axis of transpose(x, perm): its index there, and in x of `shape`. */
function eachRun(shape: Shape, perm: readonly number[], visit: (to: number, from: number) => void): void {
  const strides = stridesOf(shape);
  const extents = perm.slice(0, -1).map((axis) => shape[axis] as number);
  const steps = perm.slice(0, -1).map((axis) => strides[axis] as number);
  const counter = extents.map(() => 0);
  const size = sizeOf(shape);
  const run = shape[perm.at(-1) ?? 0] ?? 1;
  let from = 0;
  for (let to = 0; to < size; to += run) {
    visit(to, from);
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      from += steps[axis] as number;
      counter[axis] = (counter[axis] as number) + 1;
      if ((counter[axis] as number) < (extents[axis] as number)) break;
      from -= (steps[axis] as number) * (extents[axis] as number);
      counter[axis] = 0;
    }
  }
}

/** Elements in a run of `eachRun`, and the distance between them in x. */
const runOf = (shape: Shape, perm: readonly number[]) => ({
  run: shape[perm.at(-1) ?? 0] ?? 1,
  step: stridesOf(shape)[perm.at(-1) ?? 0] ?? 1,
});

/** For each element of transpose(x, perm), its index in x of `shape`. */
export function transposedIndexes(shape: Shape, perm: readonly number[]): Int32Array {
  const indexes = new Int32Array(sizeOf(shape));
  const { run, step } = runOf(shape, perm);
  eachRun(shape, perm, (to, from) => {
    for (let i = 0; i < run; i++) indexes[to + i] = from + i * step;
  });
  return indexes;
}

/** A constant with its axes permuted. */
export function constantTransposed(value: Value, perm: readonly number[]): Value {
  const data = dataOf(value);
  const turned = new (data.constructor as new (n: number) => TypedArray)(data.length);
  const { run, step } = runOf(value.shape, perm);
  eachRun(value.shape, perm, (to, from) => {
    for (let i = 0; i < run; i++) turned[to + i] = data[from + i * step] as number;
  });
  return value.graph.constant({ dtype: value.dtype, shape: perm.map((axis) => value.shape[axis] as number), data: turned }, value.name);
}

/**
 * Weights of a dense layer (in panels) behind a flatten of transpose(v, perm), for a flatten of v itself; `shape` and `perm` are without
 * the batch axis.
 */
export function flattenedRows(weights: Value, shape: Shape, perm: readonly number[]): { shape: Shape; data: Float32Array } {
  const [, panels, depth] = weights.shape as [number, number, number, number];
  const packed = dataOf(weights) as Float32Array;
  const data = new Float32Array(packed.length);
  const indexes = transposedIndexes(shape, perm);
  for (let panel = 0; panel < panels; panel++) {
    for (let row = 0; row < depth; row++) {
      const from = (panel * depth + row) * PANEL;
      data.set(packed.subarray(from, from + PANEL), (panel * depth + (indexes[row] as number)) * PANEL);
    }
  }
  return { shape: weights.shape, data };
}

/** Multiplies each output column of weights in panels by its factor. */
export function scaledColumns(weights: Value, logical: Shape, groups: number, factors: ArrayLike<number>): Float32Array {
  const rows = unpackPanels(dataOf(weights) as Float32Array, logical, groups);
  const columns = logical.at(-1) as number;
  for (let i = 0; i < rows.length; i++) rows[i] = (rows[i] as number) * (factors[i % columns] as number);
  return packPanels(rows, logical, groups);
}
