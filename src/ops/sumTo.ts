import { type Shape, sameShape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { reduceSum } from './reduceSum.ts';
import { reshape } from './reshape.ts';

/** Undoes broadcasting: sums `value` over the axes along which `shape` was repeated. */
export function sumTo(value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const missing = value.shape.length - shape.length;
  const axes = value.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < missing || (shape[axis - missing] === 1 && value.shape[axis] !== 1));
  return reshape(axes.length ? reduceSum(value, { axes }) : value, { shape });
}
