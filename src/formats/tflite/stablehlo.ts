import type { Value } from '../../ir/graph.ts';
import { add, max, min, mul, slice } from '../../ops/index.ts';
import { padded, part, reshapedTo } from '../moves.ts';
import { whole } from './arithmetic.ts';
import type { NodeContext, Row, Rows } from './context.ts';
import { UNSIGNED } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import { isOperand, type Operand } from './operand.ts';
import { reduceWindowOptions } from './options.ts';

/** `gaps` elements of `value` between those of each axis. */
function spread(n: NodeContext, x: Value, gaps: readonly number[], value: number): Value {
  return gaps.reduce((image, gap, axis) => {
    if (gap < 0) throw damaged(`${gap} elements between others`);
    const extent = image.shape[axis] as number;
    if (gap === 0 || extent < 2) return image;
    n.allow(gap);
    const [outer, inner] = [image.shape.slice(0, axis), image.shape.slice(axis + 1)];
    const pads = [...outer.map(() => [0, 0] as const), [0, 0] as const, [0, gap] as const, ...inner.map(() => [0, 0] as const)];
    const apart = padded(reshapedTo(image, [...outer, extent, 1, ...inner]), pads, 'constant', value);
    return part(reshapedTo(apart, [...outer, extent * (gap + 1), ...inner]), axis, 0, extent * (gap + 1) - gap);
  }, x);
}

/** The element in input `index`, as graphs hold it. */
const element = (n: NodeContext, index: number): number => n.number(index) - (n.elem(index) === 'uint8' ? UNSIGNED : 0);

/** Elements of input 1 before, after and between those of input 0; negative numbers cut. */
function pad(n: NodeContext): Operand {
  const operand = n.operand(0);
  const [rank, value] = [operand.value.shape.length, element(n, 1)];
  const amounts = [0, 1, 2].map((field) => n.node.options?.numbers(field, 'i64') ?? []);
  const [before, after, between] = amounts as [number[], number[], number[]];
  if (amounts.some(({ length }) => length !== rank)) throw damaged(`padding of ${amounts.map(({ length }) => length)} axes for ${rank}`);
  const apart = spread(n, operand.value, between, value);
  const pads = before.map((amount, axis) => [amount, after[axis] as number] as const);
  return { ...operand, value: padded(apart, pads, 'constant', value) };
}

/** DILATE of TFLite: the distances of elements along each axis, and what is between them. */
function dilate(n: NodeContext): Operand {
  const operand = n.operand(0);
  const distances = n.numbers(1);
  if (distances.length !== operand.value.shape.length)
    throw damaged(`${distances.length} distances for ${operand.value.shape.length} axes`);
  return {
    ...operand,
    value: spread(
      n,
      operand.value,
      distances.map((distance) => distance - 1),
      element(n, 2),
    ),
  };
}

/** Elements that windows along `axis` begin with, those that are `by` further. */
function shifted(x: Value, axis: number, by: number, size: number, stride: number): Value {
  const of = (one: number, others: (extent: number) => number) => x.shape.map((extent, i) => (i === axis ? one : others(extent)));
  return slice(x, { starts: of(by, () => 0), sizes: of(size, (extent) => extent), steps: of(stride, () => 1) });
}

/** What a subgraph of two numbers makes of all elements of each window and of input 1, an axis after the other. */
function reduceWindow(n: NodeContext): Operand {
  const operand = n.operand(0);
  const [{ bodySubgraphIndex }, value, rank] = [n.options(reduceWindowOptions), element(n, 1), operand.value.shape.length];
  const field = (id: number, fallback: number) => {
    const given = n.node.options?.numbers(id, 'i64') ?? [];
    return given.length ? given : new Array<number>(rank).fill(fallback);
  };
  const [windows, strides, gaps, distances] = [field(0, 1), field(1, 1), field(2, 1), field(3, 1)] as [
    number[],
    number[],
    number[],
    number[],
  ];
  const padding = n.node.options?.numbers(4, 'i64') ?? [];
  if ([windows, strides, gaps, distances].some((list) => list.length !== rank || list.some((extent) => extent < 1)))
    throw damaged(`windows [${windows}] with strides [${strides}] of ${rank} axes`);
  const pads = operand.value.shape.map((_, axis) => [padding[2 * axis] ?? 0, padding[2 * axis + 1] ?? 0] as const);
  const both = (a: Value, b: Value): Value => {
    const [result] = n.importer.subgraph(bodySubgraphIndex, [
      { ...operand, value: a },
      { ...operand, value: b },
    ]);
    return result && isOperand(result) ? result.value : n.refuse('a body that gives no number');
  };
  const apart = spread(
    n,
    operand.value,
    gaps.map((gap) => gap - 1),
    value,
  );
  const reduced = windows.reduce(
    (image, window, axis) => {
      const [stride, distance] = [strides[axis] as number, distances[axis] as number];
      const size = Math.floor(((image.shape[axis] as number) - (window - 1) * distance - 1) / stride) + 1;
      if (size < 1) throw damaged(`a window of ${window} on ${image.shape[axis]} elements`);
      if (window === 1 && stride === 1) return image;
      return Array.from({ length: window }, (_, i) => shifted(image, axis, i * distance, size, stride)).reduce(both);
    },
    padded(apart, pads, 'constant', value),
  );
  return { ...operand, value: both(reduced, n.x(1)) };
}

/** Sums and products of 16-bit integers keep their low bits. */
const wrapping =
  (op: Parameters<typeof whole>[0]): Row =>
  (n) =>
    n.wrapped(whole(op)(n) as Value);

/** Those operators of StableHLO that TFLite's interpreter has kernels for. */
export const stablehlo: Rows = {
  STABLEHLO_ADD: wrapping(add),
  STABLEHLO_MULTIPLY: wrapping(mul),
  STABLEHLO_MAXIMUM: whole(max),
  STABLEHLO_MINIMUM: whole(min),
  STABLEHLO_PAD: pad,
  STABLEHLO_REDUCE_WINDOW: reduceWindow,
  DILATE: dilate,
};
