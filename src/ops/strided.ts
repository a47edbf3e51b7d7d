import type { Shape } from '../core/shape.ts';

/** Axes a strided kernel walks. */
const AXES = 6;

type Six<P extends string> = Record<`${P}${0 | 1 | 2 | 3 | 4 | 5}`, number>;

/** Record fields `p0..p5` of up to six values, right-aligned; missing leading ones are `fill`. */
export function axes6<P extends string>(prefix: P, values: readonly number[], fill: number): Six<P> {
  const padded = [...new Array<number>(AXES - values.length).fill(fill), ...values];
  return Object.fromEntries(padded.map((value, i) => [`${prefix}${i}`, value])) as Six<P>;
}

/** Merges neighbouring axes that all of `strides` walk as one, and drops axes of extent 1: fewer, longer runs for the kernels. */
export function mergeAxes(shape: Shape, strides: readonly (readonly number[])[]): { shape: number[]; strides: number[][] } {
  const merged = { shape: [] as number[], strides: strides.map(() => [] as number[]) };
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis] as number;
    if (extent === 1) continue;
    const joins = merged.shape.length > 0 && strides.every((s, k) => merged.strides[k]?.at(-1) === (s[axis] as number) * extent);
    if (joins) {
      merged.shape[merged.shape.length - 1] = (merged.shape.at(-1) as number) * extent;
      strides.forEach((s, k) => {
        const own = merged.strides[k] as number[];
        own[own.length - 1] = s[axis] as number;
      });
    } else {
      merged.shape.push(extent);
      strides.forEach((s, k) => {
        merged.strides[k]?.push(s[axis] as number);
      });
    }
  }
  return merged;
}

/** A part of a walk over strided operands: its axes, each operand's strides along them, and the element each operand starts at. */
export interface Walk {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
  readonly starts: readonly number[];
}

/** The walk over `shape`, whole, or where more than six axes cannot be merged one part for each index of the outermost. Give the strides of all operands. */
export function walks(shape: Shape, strides: readonly (readonly number[])[]): Walk[] {
  let parts: Walk[] = [{ ...mergeAxes(shape, strides), starts: strides.map(() => 0) }];
  while ((parts[0] as Walk).shape.length > AXES) parts = parts.flatMap(apart);
  return parts;
}

const apart = ({ shape: [extent, ...shape], strides, starts }: Walk): Walk[] =>
  Array.from({ length: extent as number }, (_, i) => ({
    shape,
    strides: strides.map((list) => list.slice(1)),
    starts: starts.map((start, k) => start + i * (strides[k]?.[0] as number)),
  }));
