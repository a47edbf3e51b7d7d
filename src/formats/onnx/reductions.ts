import { normalizeAxis, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import {
  abs,
  add,
  cast,
  div,
  exp,
  log,
  max,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceSquares,
  reduceSum,
  reshape,
  sqrt,
  sub,
} from '../../ops/index.ts';
import type { NodeContext, Row, Rows } from './context.ts';
import { type Elem, integerRange } from './elements.ts';
import { wrapped } from './math.ts';
import type { Operand } from './operand.ts';

interface Over {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** An ONNX reduction: axes from the second input, or from the attribute of older operator sets. */
const reduction =
  (reduce: (x: Value, over: Over) => Value, alone: (x: Value) => Value = (x) => reduce(x, { axes: [], keepDims: true })): Row =>
  (n) => {
    const x = n.x(0);
    const rank = x.shape.length;
    const given = n.list(1, 'axes')?.map((axis) => normalizeAxis(axis, rank)) ?? [];
    const elem = n.elem(0);
    if (given.length === 0 && n.int('noop_with_empty_axes', 0)) return { value: alone(x), elem };
    const axes = given.length ? given : x.shape.map((_, i) => i);
    return { value: wrapped(reduce(x, { axes, keepDims: n.int('keepdims', 1) !== 0 }), elem), elem };
  };

/** Types all of whose numbers a 32-bit integer holds. */
const narrow: readonly Elem[] = ['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32'];

/** The largest or smallest of nothing is the other end of the type. */
const extremum = (reduce: (x: Value, over: Over) => Value, end: 0 | 1): Row => {
  const row = reduction(reduce, identity);
  return (n) => {
    const result = row(n) as Operand;
    if (sizeOf(n.shape(0)) > 0 || n.x(0).dtype === 'f32') return result;
    const elem = n.elem(0);
    const number = narrow.includes(elem) ? integerRange[elem]?.[end] : undefined;
    if (number === undefined) return n.refuse(`the extreme of no ${elem}`);
    return { value: n.filled('i32', result.value.shape, number), elem };
  };
};

const float = (x: Value): Value => (x.dtype === 'f32' ? x : cast(x, { to: 'f32' }));
/** Computes in f32 and converts back where the operand holds integers. */
const inFloat =
  (reduce: (x: Value, over: Over) => Value) =>
  (x: Value, over: Over): Value =>
    x.dtype === 'f32' ? reduce(x, over) : cast(reduce(float(x), over), { to: 'i32' });

const absolute = (x: Value): Value =>
  x.dtype === 'f32' ? abs(x) : max([x, sub([x.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(0) }), x])]);

function mean(x: Value, over: Over): Value {
  if (x.dtype === 'f32') return reduceMean(x, over);
  const count = sizeOf(over.axes.map((axis) => x.shape[axis] as number));
  return div([reduceSum(x, over), x.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(count) })]);
}

/** log Σ eˣ with the largest x taken out first, so that nothing overflows; -∞ of nothing. */
function logSumExp(x: Value, over: Over): Value {
  if (sizeOf(x.shape) === 0) return log(reduceSum(exp(x), over));
  const largest = reduceMax(x, { axes: over.axes, keepDims: true });
  const sum = add([log(reduceSum(exp(sub([x, largest])), { axes: over.axes, keepDims: true })), largest]);
  return over.keepDims ? sum : reshape(sum, { shape: x.shape.filter((_, i) => !over.axes.includes(i)) });
}

function meanVarianceNormalization(n: NodeContext): Value {
  const x = n.f32(0);
  const axes = n.ints('axes', [0, 2, 3]).map((axis) => normalizeAxis(axis, x.shape.length));
  const centred = sub([x, reduceMean(x, { axes, keepDims: true })]);
  const deviation = sqrt(
    div([reduceSquares(centred, { axes, keepDims: true }), n.graph.scalar(sizeOf(axes.map((axis) => x.shape[axis] as number)))]),
  );
  return div([centred, add([deviation, n.graph.scalar(1e-9)])]);
}

function lpNormalization(n: NodeContext): Value {
  const x = n.f32(0);
  const axes = [n.axis('axis', -1)];
  const norm = n.int('p', 2) === 1 ? reduceSum(abs(x), { axes, keepDims: true }) : sqrt(reduceSquares(x, { axes, keepDims: true }));
  return div([x, max([norm, n.graph.scalar(1e-12)])]);
}

const identity = (x: Value): Value => x;

/** Sums, extremes and norms over axes. */
export const reductions: Rows = {
  ReduceSum: reduction(reduceSum, identity),
  ReduceMean: reduction(mean, identity),
  ReduceMax: extremum(reduceMax, 0),
  ReduceMin: extremum(reduceMin, 1),
  ReduceProd: reduction(reduceProd, identity),
  ReduceL1: reduction((x, over) => reduceSum(absolute(x), over)),
  ReduceL2: reduction(inFloat((x, over) => sqrt(reduceSquares(x, over)))),
  ReduceLogSum: reduction(inFloat((x, over) => log(reduceSum(x, over)))),
  ReduceLogSumExp: reduction(inFloat(logSumExp)),
  ReduceSumSquare: reduction(inFloat(reduceSquares)),
  MeanVarianceNormalization: meanVarianceNormalization,
  LpNormalization: lpNormalization,
};
