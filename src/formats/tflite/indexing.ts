import { normalizeAxis, sizeOf, stridesOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import {
  add,
  argMax,
  argMin,
  cast,
  concat,
  cumulative,
  div,
  equal,
  gather,
  greaterOrEqual,
  max,
  min,
  mod,
  mul,
  nonZero,
  reduceSum,
  scatter,
  topK,
  unique,
  where,
} from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import { type NodeContext, type Result, type Row, type Rows, widened } from './context.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import { cumsumOptions, gatherOptions, oneHotOptions } from './options.ts';
import { dequantized } from './quantizedConversion.ts';

const like = (n: NodeContext, value: Value, from = 0): Operand => ({ ...n.operand(from), value });

function gatherRow(n: NodeContext): Operand {
  const options = n.options(gatherOptions);
  const x = n.x(0);
  const { count: found } = n.counted(1);
  const indices = widened(n.counted(1));
  const axis = normalizeAxis(options.axis, x.shape.length);
  if (found && axis !== 0) n.refuse('indexes found at run time along an inner axis', { expected: 'axis 0' });
  if (found) return { ...like(n, gather([x, indices], { axis })), count: found };
  const batchDims = options.batchDims < 0 ? options.batchDims + indices.shape.length : options.batchDims;
  if (batchDims === 0) return like(n, gather([x, indices], { axis }));
  if (batchDims < 0 || batchDims > axis || batchDims > indices.shape.length) throw damaged(`${options.batchDims} batch axes`);
  const batch = x.shape.slice(0, batchDims);
  const between = x.shape.slice(batchDims, axis);
  const inner = x.shape.slice(axis + 1);
  const [items, outer, extent, count] = [sizeOf(batch), sizeOf(between), x.shape[axis] as number, sizeOf(indices.shape.slice(batchDims))];
  n.allow(items * outer);
  const starts = Array.from({ length: items * outer }, (_, i) => i * extent);
  const at = add([n.integers(starts, [items, outer, 1]), reshapedTo(indices, [items, 1, count])]);
  const rows = gather([reshapedTo(x, [items * outer * extent, sizeOf(inner)]), at], { axis: 0 });
  return like(n, reshapedTo(rows, [...batch, ...between, ...indices.shape.slice(batchDims), ...inner]));
}

/** Flat row index of each index tuple in the last axis, over the leading axes of `shape`. */
function tupleIndex(n: NodeContext, indices: Value, shape: readonly number[]): Value {
  const depth = indices.shape.at(-1) as number;
  if (depth > shape.length) throw damaged(`index tuples of ${depth} for ${shape.length} axes`);
  return reduceSum(mul([indices, n.integers(stridesOf(shape.slice(0, depth)))]), { axes: [-1] });
}

function gatherNd(n: NodeContext): Operand {
  const x = n.x(0);
  const indices = n.i32(1);
  const depth = indices.shape.at(-1) as number;
  const inner = x.shape.slice(depth);
  const rows = reshapedTo(x, [sizeOf(x.shape.slice(0, depth)), sizeOf(inner)]);
  const at = tupleIndex(n, indices, x.shape);
  return like(n, reshapedTo(gather([rows, at], { axis: 0 }), [...indices.shape.slice(0, -1), ...inner]));
}

/** Updates added into zeros at index tuples. */
function scatterNd(n: NodeContext): Operand {
  const indices = n.i32(0);
  const shape = n.numbers(2);
  const depth = indices.shape.at(-1) as number;
  const [rows, inner] = [sizeOf(shape.slice(0, depth)), sizeOf(shape.slice(depth))];
  const count = sizeOf(indices.shape.slice(0, -1));
  n.allow(rows * inner);
  const isFloat = n.x(1).dtype === 'f32';
  const given = reshapedTo(isFloat ? n.x(1) : n.i32(1), [count, inner]);
  const zeros = isFloat
    ? n.constant(new Float32Array(rows * inner), [rows, inner])
    : n.integers(new Int32Array(rows * inner), [rows, inner]);
  const sums = reshapedTo(scatter([zeros, reshapedTo(tupleIndex(n, indices, shape), [count]), given], { reduction: 'add' }), shape);
  return like(n, isFloat ? sums : n.narrow(sums), 1);
}

/** A dense tensor from places, values and a default. */
function sparseToDense(n: NodeContext): Operand {
  const shape = n.numbers(1);
  const size = sizeOf(shape);
  n.allow(size);
  const places = n.i32(0);
  const tuples = places.shape.length === 2 ? places : reshapedTo(places, [sizeOf(places.shape), 1]);
  const count = tuples.shape[0] as number;
  n.allow(count);
  const at = reshapedTo(tupleIndex(n, tuples, shape), [count]);
  const value = n.wide([n.x(2), n.x(3)], ([values, empty]) => {
    const fill = reshapedTo(empty as Value, []);
    const zeros = fill.dtype === 'f32' ? n.constant(new Float32Array(size)) : n.integers(new Int32Array(size));
    const spread = (one: Value, length: number) =>
      sizeOf(one.shape) === length
        ? reshapedTo(one, [length])
        : add([reshapedTo(one, []), one.dtype === 'f32' ? n.constant(new Float32Array(length)) : n.integers(new Int32Array(length))]);
    return reshapedTo(scatter([add([zeros, fill]), at, spread(values as Value, count)], { reduction: 'none' }), shape);
  });
  return like(n, value, 2);
}

/** Rows of a table; quantized tables give floats where the file says so. */
function embeddingLookup(n: NodeContext): Result {
  const table = n.operand(1);
  const rows = gather([table.value, n.i32(0)], { axis: 0 });
  const { quantization } = table;
  if (n.held() !== 'f32' || table.value.dtype === 'f32') return { ...table, value: rows };
  if (quantization && quantization.scales.length > 1) {
    const scales = gather([n.constant(quantization.scales), n.i32(0)], { axis: 0 });
    const column = reshapedTo(scales, [...scales.shape, ...rows.shape.slice(scales.shape.length).map(() => 1)]);
    return mul([cast(rows, { to: 'f32' }), column]);
  }
  return dequantized({ ...table, value: rows });
}

function oneHot(n: NodeContext): Operand {
  const indices = n.i32(0);
  const depth = n.number(1);
  if (!(depth >= 0)) throw damaged(`${depth} classes`);
  const axis = normalizeAxis(n.options(oneHotOptions).axis, indices.shape.length + 1);
  const at = [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)];
  n.allow(depth);
  const positions = n.integers(
    Array.from({ length: depth }, (_, i) => i),
    at.map((_, i) => (i === axis ? depth : 1)),
  );
  const hit = equal([reshapedTo(indices, at), positions]);
  return like(
    n,
    n.wide([n.x(2), n.x(3)], ([on, off]) => where([hit, reshapedTo(on as Value, []), reshapedTo(off as Value, [])])),
    2,
  );
}

const argExtremum =
  (op: typeof argMax | typeof argMin): Row =>
  (n) => {
    const { value } = n.operand(0);
    const axis = normalizeAxis(n.number(1), value.shape.length);
    return op(value.dtype === 'i8' ? cast(value, { to: 'i32' }) : value, { axis, keepDims: false });
  };

function topKRow(n: NodeContext): Result {
  const x = n.operand(0);
  const wide = x.value.dtype === 'i8' ? cast(x.value, { to: 'i32' }) : x.value;
  const [values, indices] = topK.all(wide, { k: n.number(1), axis: -1, largest: true }) as [Value, Value];
  return [
    { ...x, value: x.value.dtype === 'i8' ? cast(values, { to: 'i8' }) : values },
    { value: indices, elem: 'int32' },
  ];
}

function cumsum(n: NodeContext): Value {
  const { exclusive, reverse } = n.options(cumsumOptions);
  return cumulative(n.x(0), {
    mode: 'sum',
    axis: normalizeAxis(n.number(1), n.shape(0).length),
    exclusive: exclusive !== 0,
    reverse: reverse !== 0,
  });
}

/** Coordinates [found, rank] of what is true. */
function whereRow(n: NodeContext): Operand {
  const x = n.x(0).dtype === 'f32' ? n.f32(0) : n.i32(0);
  const [places, count] = nonZero.all(x) as [Value, Value];
  const columns = stridesOf(x.shape).map((stride, axis) => {
    const column = mod([div([places, n.integers([stride], [])]), n.integers([Math.max(1, x.shape[axis] as number)], [])]);
    return reshapedTo(column, [places.shape[0] as number, 1]);
  });
  const value = columns.length ? (columns.length === 1 ? (columns[0] as Value) : concat(columns, { axis: 1 })) : n.integers([], [1, 0]);
  return { value, elem: 'int64', count };
}

/** The distinct elements in the order of their first occurrence, and which of them each element is. */
function uniqueRow(n: NodeContext): Result {
  const x = n.operand(0);
  const values: Value = x.value.dtype === 'f32' ? x.value : n.held32(0);
  const size = sizeOf(x.value.shape);
  const [found, , places, , count] = unique.all(reshapedTo(values, [size, 1]), { sorted: false }) as [Value, Value, Value, Value, Value];
  const distinct = reshapedTo(found, [size]);
  return [{ ...x, value: x.value.dtype === 'i8' ? cast(distinct, { to: 'i8' }) : distinct, count }, places];
}

/** How many boundaries each number is at or above. */
function bucketize(n: NodeContext): Value {
  const boundaries = n.node.options?.numbers(0, 'f32') ?? [];
  const x = n.x(0).dtype === 'f32' ? n.f32(0) : cast(n.i32(0), { to: 'f32' });
  const hit = cast(greaterOrEqual([reshapedTo(x, [...x.shape, 1]), n.constant(boundaries)]), { to: 'i32' });
  return reduceSum(hit, { axes: [-1] });
}

/** A box written into a tensor at a place known when the model runs. */
function dynamicUpdateSlice(n: NodeContext): Operand {
  const x = n.x(0);
  const update = n.x(1);
  const first = n.i32(2);
  const strides = stridesOf(x.shape);
  const limits = n.integers(x.shape.map((extent, i) => extent - (update.shape[i] as number)));
  const start = min([max([first, n.integers([0], [])]), limits]);
  const origin = reduceSum(mul([start, n.integers(strides)]), { axes: [0] });
  const own = stridesOf(update.shape);
  n.allow(2 * sizeOf(update.shape));
  const offsets = Array.from({ length: sizeOf(update.shape) }, (_, i) =>
    update.shape.reduce((sum, extent, axis) => sum + (Math.floor(i / (own[axis] as number)) % extent) * (strides[axis] as number), 0),
  );
  const at = add([n.integers(offsets), origin]);
  const value = n.wide([x, update], ([into, box]) =>
    reshapedTo(
      scatter([reshapedTo(into as Value, [sizeOf(x.shape)]), at, reshapedTo(box as Value, [sizeOf(update.shape)])], { reduction: 'none' }),
      x.shape,
    ),
  );
  return like(n, value);
}

/** Gathers, scatters, searches: reads and writes at indices. */
export const indexing: Rows = {
  GATHER: gatherRow,
  GATHER_ND: gatherNd,
  SCATTER_ND: scatterNd,
  SPARSE_TO_DENSE: sparseToDense,
  EMBEDDING_LOOKUP: embeddingLookup,
  ONE_HOT: oneHot,
  ARG_MAX: argExtremum(argMax),
  ARG_MIN: argExtremum(argMin),
  TOPK_V2: topKRow,
  CUMSUM: cumsum,
  WHERE: whereRow,
  UNIQUE: uniqueRow,
  BUCKETIZE: bucketize,
  DYNAMIC_UPDATE_SLICE: dynamicUpdateSlice,
};
