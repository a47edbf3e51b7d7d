import { normalizeAxis, sizeOf, stridesOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { isConstant } from '../../ops/evaluate.ts';
import {
  add,
  argMax,
  argMin,
  broadcast,
  cast,
  concat,
  cumulative,
  div,
  equal,
  gather,
  greater,
  greaterOrEqual,
  mod,
  mul,
  nonZero,
  reduceSum,
  scatter,
  slice,
  sub,
  topK,
  transpose,
  unique,
  where,
} from '../../ops/index.ts';
import { constantBytes, integersOf } from './bytes.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { count, table } from './counted.ts';
import type { Operand } from './operand.ts';
import { reshapedTo } from './shapes.ts';

const int64 = (value: Value): Operand => ({ value, elem: 'int64' });
const integers = (like: Value, data: ArrayLike<number>, shape: readonly number[] = [data.length]): Value =>
  like.graph.constant({ dtype: 'i32', shape, data: Int32Array.from(data) });
const integer = (like: Value, number: number): Value => integers(like, [number], []);

/** Indices with negative ones counted from the back of an axis of `extent`. */
export function fromFront(indices: Value, extent: number): Value {
  if (indices.origin.kind === 'const' && indices.origin.data.every((index) => index >= 0)) return indices;
  return add([indices, mul([greater([integer(indices, 0), indices]), integer(indices, extent)])]);
}

/** Σ of an index along each axis times the axis's stride: a flat index. `indices` has one value an axis, null for a plain count. */
function flatIndex(shape: readonly number[], indices: readonly (Value | null)[], like: Value): Value {
  const strides = stridesOf(shape);
  return indices
    .map((index, axis) => {
      const extent = shape[axis] as number;
      const stride = strides[axis] as number;
      if (index) return stride === 1 ? index : mul([index, integer(like, stride)]);
      const line = shape.map((_, i) => (i === axis ? extent : 1));
      return integers(
        like,
        table(extent, (i) => i * stride),
        line,
      );
    })
    .reduce((a, b) => add([a, b]));
}

const flat = (value: Value): Value => reshapedTo(value, [sizeOf(value.shape)]);

/** The flat index into `shape` of each element of `indices` along `axis`, the other axes counted. */
function elementIndex(indices: Value, shape: readonly number[], axis: number): Value {
  const strides = stridesOf(shape);
  const counted = indices.shape.flatMap((extent, i) => {
    if (i === axis) return [];
    const line = indices.shape.map((_, k) => (k === i ? extent : 1));
    return [
      integers(
        indices,
        table(extent, (k) => k * (strides[i] as number)),
        line,
      ),
    ];
  });
  const own = mul([fromFront(indices, shape[axis] as number), integer(indices, strides[axis] as number)]);
  return counted.reduce((a, b) => add([a, b]), own);
}

function gatherRow(n: NodeContext): Value | Operand {
  const axis = n.axis('axis', 0);
  const { value, elem } = n.operand(0);
  const at = fromFront(n.x(1), n.shape(0)[axis] as number);
  // Tables of quantized embeddings stay bytes.
  const bytes = isConstant(at) ? undefined : constantBytes(value, elem);
  return bytes ? integersOf(gather([bytes, at], { axis }), elem) : gather([value, at], { axis });
}

function gatherElements(n: NodeContext): Value {
  const x = n.x(0);
  const at = elementIndex(n.x(1), x.shape, n.axis('axis', 0));
  return gather([flat(x), at], { axis: 0 });
}

/** Flat row index of each index tuple in the last axis of `indices`, over the leading axes of `shape`. */
function tupleIndex(indices: Value, shape: readonly number[]): Value {
  const depth = indices.shape.at(-1) as number;
  const strides = stridesOf(shape.slice(0, depth));
  const extents = integers(indices, shape.slice(0, depth));
  const positive =
    indices.origin.kind === 'const' && indices.origin.data.every((index) => index >= 0)
      ? indices
      : add([indices, mul([greater([integer(indices, 0), indices]), extents])]);
  return reduceSum(mul([positive, integers(indices, strides)]), { axes: [-1] });
}

function gatherNd(n: NodeContext): Value {
  const x = n.x(0);
  const indices = n.x(1);
  const batchDims = n.int('batch_dims', 0);
  const depth = indices.shape.at(-1) as number;
  const batch = sizeOf(x.shape.slice(0, batchDims));
  const inner = x.shape.slice(batchDims + depth);
  const outer = indices.shape.slice(0, -1);
  const length = sizeOf(x.shape.slice(batchDims, batchDims + depth));
  let at = reshapedTo(tupleIndex(indices, x.shape.slice(batchDims)), [batch, sizeOf(outer) / Math.max(batch, 1)]);
  if (batch > 1)
    at = add([
      at,
      integers(
        indices,
        table(batch, (i) => i * length),
        [batch, 1],
      ),
    ]);
  const rows = gather([reshapedTo(x, [batch * length, sizeOf(inner)]), flat(at)], { axis: 0 });
  return reshapedTo(rows, [...outer, ...inner]);
}

const reductions = ['none', 'add', 'mul', 'min', 'max'] as const;
type Reduction = (typeof reductions)[number];
function reductionOf(n: NodeContext): Reduction {
  const reduction = n.text('reduction', 'none') as Reduction;
  if (!reductions.includes(reduction)) n.refuse(`reduction "${reduction}"`, { expected: reductions.join(', ') });
  return reduction;
}

function scatterElements(n: NodeContext): Value {
  const data = n.x(0);
  const at = flat(elementIndex(n.x(1), data.shape, n.axis('axis', 0)));
  return reshapedTo(scatter([flat(data), at, flat(n.x(2))], { reduction: reductionOf(n) }), data.shape);
}

function scatterNd(n: NodeContext): Value {
  const data = n.x(0);
  const indices = n.x(1);
  const depth = indices.shape.at(-1) as number;
  const inner = sizeOf(data.shape.slice(depth));
  const rows = reshapedTo(data, [sizeOf(data.shape.slice(0, depth)), inner]);
  const count = sizeOf(indices.shape.slice(0, -1));
  const updates = reshapedTo(n.x(2), [count, inner]);
  return reshapedTo(scatter([rows, flat(tupleIndex(indices, data.shape)), updates], { reduction: reductionOf(n) }), data.shape);
}

/** Writes `update` into the cache from position `write_indices[batch]` on (ONNX TensorScatter). */
function tensorScatter(n: NodeContext): Value {
  const past = n.x(0);
  const update = n.x(1);
  const axis = n.axis('axis', -2);
  const [extent, steps] = [past.shape[axis] as number, update.shape[axis] as number];
  const batch = past.shape[0] as number;
  const start = n.has(2) ? n.x(2) : n.integers(table(batch, () => 0));
  const line = (count: number, at: number) => update.shape.map((_, i) => (i === at ? count : 1));
  let position = add([reshapedTo(start, line(batch, 0)), n.integers(count(steps), line(steps, axis))]);
  if (n.text('mode', 'linear') === 'circular')
    position = sub([position, mul([greaterOrEqual([position, n.integers([extent], [])]), n.integers([extent], [])])]);
  const at = broadcast(
    flatIndex(
      past.shape,
      past.shape.map((_, i) => (i === axis ? position : null)).map((p, i) => p ?? lineOf(update, i)),
      past,
    ),
    {
      shape: update.shape,
    },
  );
  return reshapedTo(scatter([flat(past), flat(at), flat(update)], { reduction: 'none' }), past.shape);
}

/** 0, 1, 2, … along one axis of `like`. */
export const lineOf = (like: Value, axis: number): Value =>
  integers(
    like,
    count(like.shape[axis] as number),
    like.shape.map((extent, i) => (i === axis ? extent : 1)),
  );

function oneHot(n: NodeContext): Operand {
  const indices = n.x(0).dtype === 'i32' ? n.x(0) : cast(n.x(0), { to: 'i32' });
  const depth = n.number(1);
  const values = n.x(2);
  const rank = indices.shape.length + 1;
  const axis = normalizeAxis(n.int('axis', -1), rank);
  const shape = [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)];
  const positions = n.integers(
    count(depth),
    shape.map((_, i) => (i === axis ? depth : 1)),
  );
  const hit = equal([reshapedTo(fromFront(indices, depth), shape), positions]);
  const at = (i: number) => reshapedTo(slice(values, { starts: [i], sizes: [1] }), []);
  return { value: where([hit, at(1), at(0)]), elem: n.elem(2) };
}

/** arg max or min, optionally the last of equals: the first of the reversed axis. */
function argExtremum(op: typeof argMax | typeof argMin) {
  return (n: NodeContext): Operand => {
    const x = n.x(0);
    const axis = n.axis('axis', 0);
    const keepDims = n.int('keepdims', 1) !== 0;
    if (!n.int('select_last_index', 0)) return int64(op(x, { axis, keepDims }));
    const extent = x.shape[axis] as number;
    const turned = slice(x, {
      starts: x.shape.map((_, i) => (i === axis ? extent - 1 : 0)),
      sizes: x.shape,
      steps: x.shape.map((_, i) => (i === axis ? -1 : 1)),
    });
    return int64(sub([n.integers([extent - 1], []), op(turned, { axis, keepDims })]));
  };
}

function topKRow(n: NodeContext): Result {
  const k = n.has(1) ? n.number(1) : n.int('k');
  const [values, indices] = topK.all(n.x(0), {
    k,
    axis: n.axis('axis', -1),
    largest: n.int('largest', 1) !== 0,
  }) as [Value, Value];
  return [{ value: values, elem: n.elem(0) }, int64(indices)];
}

function cumulativeRow(mode: 'sum' | 'prod') {
  return (n: NodeContext): Value =>
    cumulative(n.x(0), {
      mode,
      axis: normalizeAxis(n.number(1), n.shape(0).length),
      exclusive: n.int('exclusive', 0) !== 0,
      reverse: n.int('reverse', 0) !== 0,
    });
}

function trilu(n: NodeContext): Value {
  const x = n.x(0);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const k = n.number(1, 0);
  const upper = n.int('upper', 1) !== 0;
  const kept = table(rows * columns, (i) => {
    const diagonal = (i % columns) - Math.floor(i / columns);
    return (upper ? diagonal >= k : diagonal <= k) ? 1 : 0;
  });
  return where([n.integers(kept, [rows, columns]), x, n.scalarLike(x, 0)]);
}

/** Reverses the first `sequence_lens[batch]` elements along the time axis. */
function reverseSequence(n: NodeContext): Value {
  const x = n.x(0);
  const batchAxis = n.axis('batch_axis', 1);
  const timeAxis = n.axis('time_axis', 0);
  const lengths = reshapedTo(
    n.x(1),
    x.shape.map((extent, i) => (i === batchAxis ? extent : 1)),
  );
  const time = lineOf(x, timeAxis);
  const inside = greater([lengths, time]);
  const turned = sub([sub([lengths, time]), n.integers([1], [])]);
  const source = where([inside, turned, time]);
  const at = flatIndex(
    x.shape,
    x.shape.map((_, i) => (i === timeAxis ? source : lineOf(x, i))),
    x,
  );
  return gather([flat(x), at], { axis: 0 });
}

function hardmax(n: NodeContext): Value {
  const x = n.f32(0);
  const axis = n.axis('axis', n.version < 13 ? 1 : -1);
  const rows = n.version < 13 ? reshapedTo(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]) : x;
  const along = n.version < 13 ? 1 : axis;
  const best = argMax(rows, { axis: along, keepDims: true });
  return reshapedTo(cast(equal([best, lineOf(rows, along)]), { to: 'f32' }), x.shape);
}

/** Coordinates [rank, found] of what is not 0. */
function nonZeroRow(n: NodeContext): Operand {
  const x = n.x(0);
  const [places, count] = nonZero.all(x) as [Value, Value];
  const strides = stridesOf(x.shape);
  const lines = x.shape.map((extent, axis) => {
    const line = mod([div([places, integer(places, strides[axis] as number)]), integer(places, Math.max(extent, 1))]);
    return reshapedTo(line, [1, places.shape[0] as number]);
  });
  const found = lines.length ? concat(lines, { axis: 0 }) : integers(x, [], [0, 1]);
  return { value: found, elem: 'int64', count, countAxis: 1 };
}

/** The slices of x, or the elements of all of x, whose condition holds. */
function compressRow(n: NodeContext): Operand {
  const axis = n.attribute('axis') ? n.axis('axis', 0) : null;
  const x = axis === null ? flat(n.x(0)) : n.x(0);
  const along = axis ?? 0;
  const condition = n.x(1);
  const kept = Math.min(condition.shape[0] as number, x.shape[along] as number);
  const [places, count] = nonZero.all(slice(condition, { starts: [0], sizes: [kept] })) as [Value, Value];
  return { value: gather([x, places], { axis: along }), elem: n.elem(0), count, countAxis: along };
}

/** Distinct elements, or slices along an axis. */
function uniqueRow(n: NodeContext): Result {
  const x = n.x(0);
  const axis = n.attribute('axis') ? n.axis('axis', 0) : null;
  const others = x.shape.map((_, i) => i).filter((i) => i !== axis);
  const moved = axis === null ? flat(x) : transpose(x, { perm: [axis, ...others] });
  const rows = moved.shape[0] as number;
  const [values, first, inverse, counts, count] = unique.all(reshapedTo(moved, [rows, sizeOf(moved.shape.slice(1))]), {
    sorted: n.int('sorted', 1) !== 0,
  }) as [Value, Value, Value, Value, Value];
  const found = reshapedTo(values, moved.shape);
  const value = axis === null ? found : transpose(found, { perm: x.shape.map((_, i) => (i === axis ? 0 : i < axis ? i + 1 : i)) });
  return [{ value, elem: n.elem(0), count, countAxis: axis ?? 0 }, { ...int64(first), count }, int64(inverse), { ...int64(counts), count }];
}

/** Gathers, scatters, searches: reads and writes at indices. */
export const indexing: Rows = {
  Gather: gatherRow,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  TensorScatter: tensorScatter,
  OneHot: oneHot,
  ArgMax: argExtremum(argMax),
  ArgMin: argExtremum(argMin),
  TopK: topKRow,
  CumSum: cumulativeRow('sum'),
  CumProd: cumulativeRow('prod'),
  Trilu: trilu,
  ReverseSequence: reverseSequence,
  Hardmax: hardmax,
  NonZero: nonZeroRow,
  Compress: compressRow,
  Unique: uniqueRow,
};
