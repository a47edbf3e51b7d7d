import { ThimbleError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';

/** Axes a strided kernel walks. */
const AXES = 6;

type Six<P extends string> = Record<`${P}${0 | 1 | 2 | 3 | 4 | 5}`, number>;

/** Record fields `p0..p5` of up to six values, right-aligned; missing leading ones are `fill`. */
export function axes6<P extends string>(prefix: P, values: readonly number[], fill: number): Six<P> {
  if (values.length > AXES) {
    throw new ThimbleError('SHAPE', `${values.length} axes that cannot be merged`, {
      expected: `at most ${AXES}`,
      hint: 'reshape to fewer axes',
    });
  }
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
