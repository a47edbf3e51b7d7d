import { ThimbleError } from './errors.ts';

/** Extents, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements: the product of the extents, 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((extent, i) => extent === b[i]);

export const formatShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}

/** `axis` counted from the front; throws SHAPE where it is outside -rank..rank-1. */
export function normalizeAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ThimbleError('SHAPE', `axis ${axis} is outside a tensor of rank ${rank}`, {
      expected: `${-rank}..${rank - 1}`,
      got: String(axis),
    });
  }
  return axis < 0 ? axis + rank : axis;
}

/** The shape two operands broadcast to (numpy rules); throws SHAPE where they do not. */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - (rank - a.length)] ?? 1;
    const right = b[axis - (rank - b.length)] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ThimbleError('SHAPE', `${formatShape(a)} and ${formatShape(b)} do not broadcast`, { hint: 'each axis must be equal or 1' });
    }
    return left === 1 ? right : left;
  });
}
