import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { isConstant } from '../../ops/evaluate.ts';
import { add, gather, greater, max, min, slice, where } from '../../ops/index.ts';
import { part, reshapedTo } from '../moves.ts';
import type { NodeContext, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import { stridedSliceOptions } from './options.ts';
import { ofParts } from './signal.ts';

/** A box of input 0 keeps its type and quantization. */
const like = (n: NodeContext, value: Value): Operand => ({ ...n.operand(0), value });

function sliceRow(n: NodeContext): Operand {
  const { shape } = n.x(0);
  const sizes = n.numbers(2);
  if (sizes.length !== shape.length) throw damaged(`sizes [${sizes}] of ${formatShape(shape)}`);
  if (!isConstant(n.i32(1))) return computedSlice(n, sizes);
  const starts = n.numbers(1);
  return like(n, slice(n.x(0), { starts, sizes: sizes.map((size, i) => (size === -1 ? (shape[i] as number) - (starts[i] ?? 0) : size)) }));
}

/** A box whose place is computed, moved to lie within x. */
function computedSlice(n: NodeContext, sizes: readonly number[]): Operand {
  const begin = n.i32(1);
  const value = sizes.reduce((box, size, axis) => {
    const room = (n.shape(0)[axis] as number) - size;
    if (size === -1) n.refuse(`a computed start of axis ${axis}, which is taken to its end`, { expected: 'a size' });
    if (size < 0 || room < 0) throw damaged(`sizes [${sizes}] of ${formatShape(n.shape(0))}`);
    if (room === 0) return box;
    n.allow(size);
    const first = min([max([part(begin, 0, axis, 1), n.integers([0])]), n.integers([room])]);
    return gather([box, add([n.integers(Array.from({ length: size }, (_, i) => i)), first])], { axis });
  }, n.x(0));
  return like(n, value);
}

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

/** A strided slice of whole axes and of single places that are computed, x[:, i]; places are limited to the axis. */
function computedPlaces(n: NodeContext): Operand {
  const begin = n.i32(1);
  const steps = n.numbers(3);
  const { masks, has, between } = entriesOf(n, steps.length);
  let [value, axis] = [n.x(0), 0];
  const shape: number[] = [];
  const keep = (count: number) => {
    shape.push(...n.shape(0).slice(axis, axis + count));
    axis += count;
  };
  if (sizeOf(begin.shape) !== steps.length) throw damaged('begin, end and strides do not fit');
  steps.forEach((step, i) => {
    if (has(masks.ellipsisMask, i)) keep(between);
    else if (has(masks.newAxisMask, i)) shape.push(1);
    else if (has(masks.shrinkAxisMask, i)) {
      const extent = n.shape(0)[axis] as number;
      if (extent < 1) throw damaged(`a place of the empty axis ${axis}`);
      const first = part(begin, 0, i, 1);
      const fromFront = where([greater([n.integers([0]), first]), add([first, n.integers([extent])]), first]);
      value = gather([value, fromFront], { axis });
      axis++;
    } else if (has(masks.beginMask, i) && has(masks.endMask, i) && step === 1) keep(1);
    else n.refuse(`axis ${axis} from or to a computed place`, { expected: 'the whole axis, or one place of it' });
  });
  keep(n.shape(0).length - axis);
  return like(n, reshapedTo(value, shape));
}

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
