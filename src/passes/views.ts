import { normalizeAxis, type Shape, stridesOf } from '../core/shape.ts';
import type { Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import type { SliceAttributes } from '../ops/slice.ts';

/** A tensor as it lies in another: `strides` and `offset` count elements of `base`. */
export interface View {
  readonly base: Value;
  readonly offset: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

/** `value` seen through the transpositions, slices, reshapes and single gathers that make it, as far down as strides can tell. */
export function viewOf(value: Value): View {
  const node = producer(value);
  const step = node && steps[node.op];
  const moved = step && node.inputs[0]?.dtype === value.dtype ? step(viewOf(node.inputs[0]), node) : undefined;
  return moved ?? { base: value, offset: 0, shape: value.shape, strides: stridesOf(value.shape) };
}

const steps: Readonly<Record<string, (view: View, node: Node) => View | undefined>> = {
  transpose({ base, offset, shape, strides }, node) {
    const given = node.attrs.perm as readonly number[];
    const perm = given.length ? given : shape.map((_, i) => shape.length - 1 - i);
    const turned = (list: readonly number[]) => perm.map((axis) => list[axis] as number);
    return { base, offset, shape: turned(shape), strides: turned(strides) };
  },
  slice({ base, offset, strides }, node) {
    const { starts, sizes, steps: given } = node.attrs as unknown as SliceAttributes;
    return {
      base,
      offset: strides.reduce((sum, stride, axis) => sum + stride * (starts[axis] as number), offset),
      shape: sizes,
      strides: strides.map((stride, axis) => stride * (given[axis] ?? 1)),
    };
  },
  reshape(view, node) {
    const { shape } = node.outputs[0] as Value;
    const strides = reshapedStrides(view.shape, view.strides, shape);
    return strides && { ...view, shape, strides };
  },
  gather({ base, offset, shape, strides }, node) {
    const { origin, shape: indices } = node.inputs[1] as Value;
    if (origin.kind !== 'const' || indices.length > 0) return undefined;
    const axis = normalizeAxis(node.attrs.axis as number, shape.length);
    const index = Math.max(0, Math.min(origin.data[0] as number, (shape[axis] as number) - 1));
    const without = (list: readonly number[]) => list.filter((_, i) => i !== axis);
    return { base, offset: offset + index * (strides[axis] as number), shape: without(shape), strides: without(strides) };
  },
};

/** Strides under which a view of `from` has the shape `to`; undefined where it would have to be copied. */
function reshapedStrides(from: Shape, strides: readonly number[], to: Shape): number[] | undefined {
  if (from.includes(0)) return undefined;
  const axes = from.flatMap((extent, i) => (extent === 1 ? [] : [{ extent, stride: strides[i] as number }]));
  const result: number[] = [];
  let axis = axes.length - 1;
  /** Elements of `from` that the axes of `to` since the last boundary cover, and the stride of the next one. */
  let left = 1;
  let stride = 1;
  for (const extent of [...to].reverse()) {
    if (extent === 1) {
      result.push(stride);
      continue;
    }
    if (left === 1) {
      const found = axes[axis--];
      if (!found) return undefined;
      left = found.extent;
      stride = found.stride;
    }
    result.push(stride);
    // Axes that follow one another without a gap count as one.
    let run = stride * left;
    while (left % extent !== 0 && axes[axis]?.stride === run) {
      left *= (axes[axis] as { extent: number }).extent;
      run = stride * left;
      axis--;
    }
    if (left % extent !== 0) return undefined;
    left /= extent;
    stride *= extent;
  }
  return left === 1 && axis < 0 ? result.reverse() : undefined;
}
