import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { isConstant } from '../../ops/evaluate.ts';
import { add, gather, greater, max, min, slice, where } from '../../ops/index.ts';
import { part, reshapedTo } from '../moves.ts';
import { type Affine, affine, difference, known } from './affine.ts';
import type { NodeContext, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import { stridedSliceOptions } from './options.ts';
import { ofParts } from './signal.ts';

/** A box of input 0 keeps its type and quantization. */
const like = (n: NodeContext, value: Value): Operand => ({ ...n.operand(0), value });

function sliceRow(n: NodeContext): Operand {
  const { shape } = n.x(0);
  const [begin, size] = [n.i32(1), n.i32(2)];
  if (!isConstant(begin) || !isConstant(size)) return computedSlice(n, begin, size);
  const [starts, sizes] = [n.numbers(1), n.numbers(2)];
  if (sizes.length !== shape.length) throw damaged(`sizes [${sizes}] of ${formatShape(shape)}`);
  return like(n, slice(n.x(0), { starts, sizes: sizes.map((size, i) => (size === -1 ? (shape[i] as number) - (starts[i] ?? 0) : size)) }));
}

/** A box whose place is computed, moved to lie within x. */
function computedSlice(n: NodeContext, begin: Value, size: Value): Operand {
  const { shape } = n.x(0);
  if ([begin, size].some((list) => sizeOf(list.shape) !== shape.length)) throw damaged('begin and sizes do not fit');
  const box = shape.reduce((value, extent, axis) => {
    const [start, count] = [known(affine(begin, axis)), known(affine(size, axis))];
    if (count === undefined) throw n.importer.needsConstant(size, `the size of axis ${axis}`);
    if (start === undefined && count === -1) return openEnd(n, axis);
    if (start !== undefined) return part(value, axis, start, count === -1 ? extent - start : count);
    return run(n, value, axis, part(begin, 0, axis, 1), count, 1);
  }, n.x(0));
  return like(n, box);
}

/** `size` elements of an axis from a computed place on, moved to lie within the axis. */
function run(n: NodeContext, value: Value, axis: number, first: Value, size: number, step: number): Value {
  const room = (value.shape[axis] as number) - ((size - 1) * step + 1);
  if (size < 1 || room < 0) throw damaged(`${size} elements of axis ${axis} of ${formatShape(value.shape)}`);
  if (room === 0) return part(value, axis, 0, size);
  n.allow(size);
  const start = min([max([first, n.integers([0])]), n.integers([room])]);
  return gather([value, add([n.integers(Array.from({ length: size }, (_, i) => i * step)), start])], { axis });
}

const openEnd = (n: NodeContext, axis: number): never =>
  n.refuse(`the size of axis ${axis} is known at run time only`, { expected: 'an end that is the start and a constant number' });

/** One axis of a strided slice: its first element, step and count. */
interface Stride {
  readonly start: number;
  readonly step: number;
  readonly size: number;
}

/** Which entry of a strided slice names which axes: masks, and how many axes an ellipsis takes. */
interface Entries {
  readonly masks: { readonly [K in keyof typeof stridedSliceOptions]: number };
  readonly has: (mask: number, i: number) => boolean;
  readonly between: number;
}

function entriesOf(n: NodeContext, count: number): Entries {
  const masks = n.options(stridedSliceOptions);
  const has = (mask: number, i: number) => ((mask >> i) & 1) === 1;
  const all = Array.from({ length: count }, (_, i) => i);
  const added = all.filter((i) => has(masks.newAxisMask, i) && !has(masks.ellipsisMask, i)).length;
  const ellipses = all.filter((i) => has(masks.ellipsisMask, i)).length;
  const between = n.shape(0).length - (count - added - ellipses);
  if (ellipses > 1 || between < 0) throw damaged('begin, end and strides do not fit');
  return { masks, has, between };
}

/** A strided slice with places that are computed, x[:, i] or x[:, i:i + 3]; places are limited to the axis. */
function computedPlaces(n: NodeContext): Operand {
  const [begin, end] = [n.i32(1), n.i32(2)];
  const steps = n.numbers(3);
  const { masks, has, between } = entriesOf(n, steps.length);
  let [value, axis] = [n.x(0), 0];
  const shape: number[] = [];
  const keep = (count: number) => {
    shape.push(...n.shape(0).slice(axis, axis + count));
    axis += count;
  };
  if ([begin, end].some((list) => sizeOf(list.shape) !== steps.length)) throw damaged('begin, end and strides do not fit');
  /** An axis from entry i on. */
  const take = (step: number, i: number) => {
    const extent = n.shape(0)[axis] as number;
    const first = () => fromFront(n, part(begin, 0, i, 1), extent);
    if (has(masks.shrinkAxisMask, i)) {
      if (extent < 1) throw damaged(`a place of the empty axis ${axis}`);
      value = gather([value, first()], { axis });
    } else {
      const from = has(masks.beginMask, i) ? undefined : affine(begin, i);
      const taken = within(n, axis, { extent, step, from, to: has(masks.endMask, i) ? undefined : affine(end, i) });
      value = typeof taken === 'number' ? run(n, value, axis, first(), taken, step) : strided(value, axis, taken);
      shape.push(value.shape[axis] as number);
    }
    axis++;
  };
  steps.forEach((step, i) => {
    if (has(masks.ellipsisMask, i)) keep(between);
    else if (has(masks.newAxisMask, i)) shape.push(1);
    else take(step, i);
  });
  keep(n.shape(0).length - axis);
  return like(n, reshapedTo(value, shape));
}

/** A computed place (i32 [1]), counted from the back where it is below 0, from the front. */
const fromFront = (n: NodeContext, place: Value, extent: number): Value =>
  where([greater([n.integers([0]), place]), add([place, n.integers([extent])]), place]);

/** One axis of a strided slice by its bounds, undefined for open ones: where it lies, or its size where its start is computed. */
function within(
  n: NodeContext,
  axis: number,
  { extent, step, from, to }: { extent: number; step: number; from: Affine | undefined; to: Affine | undefined },
): Stride | number {
  const offset = n.options(stridedSliceOptions).offset !== 0;
  const [first, last] = [from && known(from), to && known(to)];
  const isKnown = (bound: Affine | undefined, number: number | undefined) => bound === undefined || number !== undefined;
  if (isKnown(from, first) && isKnown(to, last))
    return strideOf(extent, first, offset && last !== undefined ? (first ?? 0) + last : last, step);
  const distance = from && to && (offset ? last : difference(to, from));
  if (distance === undefined || step < 1) return openEnd(n, axis);
  return Math.ceil(distance / step);
}

const strided = (value: Value, axis: number, { start, step, size }: Stride): Value =>
  slice(value, {
    starts: value.shape.map((_, i) => (i === axis && size ? start : 0)),
    sizes: value.shape.map((extent, i) => (i === axis ? size : extent)),
    steps: value.shape.map((_, i) => (i === axis ? step : 1)),
  });

/** Python's slices: masks leave ends open, an ellipsis takes the axes in between, axes are added and dropped (tf.strided_slice). */
function stridedSlice(n: NodeContext): Operand {
  if (![1, 2].every((index) => isConstant(n.i32(index)))) return computedPlaces(n);
  const x = n.x(0);
  const [begin, end, steps] = [n.numbers(1), n.numbers(2), n.numbers(3)];
  if (end.length !== begin.length || steps.length !== begin.length) throw damaged('begin, end and strides do not fit');
  const { masks, has, between } = entriesOf(n, begin.length);
  const taken: Stride[] = [];
  const shape: number[] = [];
  const whole = (count: number) => {
    for (let i = 0; i < count; i++) {
      const size = x.shape[taken.length] as number;
      taken.push({ start: 0, step: 1, size });
      shape.push(size);
    }
  };
  begin.forEach((first, i) => {
    if (has(masks.ellipsisMask, i)) whole(between);
    else if (has(masks.newAxisMask, i)) shape.push(1);
    else {
      const extent = x.shape[taken.length] as number;
      const last = masks.offset ? first + (end[i] as number) : (end[i] as number);
      const drops = has(masks.shrinkAxisMask, i);
      const one = drops
        ? { start: first < 0 ? first + extent : first, step: 1, size: 1 }
        : strideOf(extent, has(masks.beginMask, i) ? undefined : first, has(masks.endMask, i) ? undefined : last, steps[i] as number);
      taken.push(one);
      if (!drops) shape.push(one.size);
    }
  });
  whole(x.shape.length - taken.length);
  const isWhole = taken.every(({ start, step, size }, axis) => start === 0 && step === 1 && size === x.shape[axis]);
  const box = {
    starts: taken.map(({ start, size }) => (size ? start : 0)),
    sizes: taken.map(({ size }) => size),
    steps: taken.map(({ step }) => step),
  };
  return like(n, reshapedTo(isWhole ? x : slice(x, box), shape));
}

function strideOf(extent: number, begin: number | undefined, end: number | undefined, step: number): Stride {
  if (step === 0) throw damaged('a stride is 0');
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const limit = (at: number) => Math.max(low, Math.min(high, at < 0 ? at + extent : at));
  const start = begin === undefined ? (step > 0 ? low : high) : limit(begin);
  const stop = end === undefined ? (step > 0 ? high : low) : limit(end);
  return { start, step, size: Math.max(0, Math.ceil((stop - start) / step)) };
}

/** Boxes and single places of a tensor. */
export const slicing: Rows = { SLICE: ofParts(sliceRow), STRIDED_SLICE: ofParts(stridedSlice) };
