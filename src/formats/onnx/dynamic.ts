import { packQuads, quadShape } from '../../core/quads.ts';
import { sizeOf } from '../../core/shape.ts';
import type { Graph, Value } from '../../ir/graph.ts';
import { evaluate, evaluated, isConstant } from '../../ops/evaluate.ts';
import { add, broadcast, cast, dynamicQuantizeInt8, linearScaledInt8, linearSumsInt8, mul, slice, sub } from '../../ops/index.ts';
import { columnTotals, paddedColumns } from '../../ops/linearScaledInt8.ts';
import { bytesOf, integersOf, offset, offsets } from './bytes.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { convolve, convolveIntegers, convWindow } from './convolutions.ts';
import type { Elem } from './elements.ts';
import type { Operand } from './operand.ts';
import { integerProduct, lessZeroPoint } from './products.ts';
import { cells, type Products, recurrentRow } from './recurrent.ts';
import { reshapedTo } from './shapes.ts';

/** x as bytes with a scale and zero point from its own range, as values of the graph. */
const quantized = (x: Value) => dynamicQuantizeInt8.all(x) as readonly [Value, Value, Value];

/** u8 with a scale and zero point from the data's own range. */
function dynamicQuantize(n: NodeContext): Result {
  const [y, scale, zero] = quantized(n.f32(0));
  return [integersOf(y, 'uint8'), { value: scale, elem: 'float32' }, { value: offset(zero, offsets.uint8 as number), elem: 'uint8' }];
}

/** A constant matrix of 8-bit weights as `linearSumsInt8` takes it. */
interface Weights {
  readonly units: number;
  readonly w: Value;
  readonly totals: Value;
  /** None where all are 0. */
  readonly zeros: Value | undefined;
}

/** Row-major numbers of type `elem` and their zero points, one or one a column. */
function packed(graph: Graph, numbers: Float64Array, shape: readonly [number, number], elem: Elem, zeros: Float64Array): Weights {
  const units = shape[1];
  const less = offsets[elem] as number;
  const zeroOf = (column: number) => zeros[zeros.length === 1 ? 0 : column] as number;
  const centred = numbers.map((number, i) => number - zeroOf(i % units));
  // Where 8 bits do not hold the weights without their zero points, those are taken off the sums.
  const fits = centred.every((number) => number >= -128 && number <= 127);
  const bytes = Int8Array.from(fits ? centred : numbers.map((number) => number - less));
  const columns = (data: Int32Array) => graph.constant({ dtype: 'i32', shape: [data.length], data });
  return {
    units,
    w: graph.constant({ dtype: 'i8', shape: quadShape(shape), data: packQuads(bytes, shape) }),
    totals: columns(columnTotals(bytes, units)),
    zeros: fits ? undefined : columns(paddedColumns(Int32Array.from({ length: units }, (_, i) => zeroOf(i) - less))),
  };
}

/** Input `index` as weights with the zero points of input `zero`; undefined where they are not constant, or no matrix. */
function weightsOf(n: NodeContext, index: number, zero: number): Weights | undefined {
  const { value, elem } = n.operand(index);
  const points = n.has(zero) ? n.x(zero) : undefined;
  const shape = value.shape.slice(-2) as [number, number];
  const isMatrix = shape.length === 2 && sizeOf(value.shape) === sizeOf(shape) && sizeOf(shape) > 0;
  if (offsets[elem] === undefined || !isMatrix || !isConstant(value) || (points && !isConstant(points))) return undefined;
  const given = points ? evaluate(points) : Float64Array.of(0);
  return given.length === 1 || given.length === shape[1] ? packed(n.graph, evaluate(value), shape, elem, given) : undefined;
}

/** Rows of bytes and their zero point as an i8's; undefined where input `index` is not made of bytes. */
function rowsOf(n: NodeContext, index: number, zero: number): { x: Value; point: Value } | undefined {
  const { value, elem } = n.operand(index);
  const x = bytesOf(value, elem);
  const less = offsets[elem];
  if (!x || less === undefined || x.shape.length === 0) return undefined;
  if (!n.has(zero)) return { x, point: n.integers([-less], []) };
  const point = n.x(zero);
  return sizeOf(point.shape) === 1 ? { x, point: offset(reshapedTo(point, []), -less) } : undefined;
}

function matmulInteger(n: NodeContext): Operand {
  const rows = rowsOf(n, 0, 2);
  const weights = rows && weightsOf(n, 1, 3);
  if (weights && rows.x.shape.at(-1) === n.shape(1).at(-2)) {
    const { units, w, totals, zeros } = weights;
    return { value: linearSumsInt8([rows.x, rows.point, w, totals, ...(zeros ? [zeros] : [])], { units }), elem: 'int32' };
  }
  return { value: integerProduct(lessZeroPoint(n, 0, 2), lessZeroPoint(n, 1, 3)), elem: 'int32' };
}

/** Rows of bytes with their scale and zero point, times weights with a scale for all or one a column, plus a bias. */
function scaled(x: readonly [Value, Value, Value], { units, w, totals, zeros }: Weights, scales: Float64Array, bias?: Value): Value {
  const [rows, unit, point] = x;
  const { graph } = rows;
  const columns = paddedColumns(Float32Array.from({ length: units }, (_, i) => scales[scales.length === 1 ? 0 : i] as number));
  const added = bias ? reshapedTo(bias, [units]) : graph.constant({ dtype: 'f32', shape: [units], data: new Float32Array(units) });
  const factors = [reshapedTo(unit, []), graph.constant({ dtype: 'f32', shape: [columns.length], data: columns }), added];
  return linearScaledInt8([rows, point, w, totals, ...factors, ...(zeros ? [zeros] : [])], { units });
}

const isColumns = (value: Value, units: number): boolean => sizeOf(value.shape) === 1 || sizeOf(value.shape) === units;

/** A product of integers without their zero points, times both scales. */
function floatProduct(a: Value, b: Value, scales: readonly Value[], bias: Value | undefined): Value {
  const sums = cast(integerProduct(a, b), { to: 'f32' });
  const y = scales.reduce((value, scale) => mul([value, sizeOf(scale.shape) === 1 ? reshapedTo(scale, []) : scale]), sums);
  return bias ? add([y, bias]) : y;
}

/** x in bytes with its own range, times constant weights: ONNX Runtime's DynamicQuantizeLinear, MatMulInteger, Cast, Mul and Add in one. */
function dynamicQuantizeMatMul(n: NodeContext): Operand {
  const rows = quantized(n.f32(0));
  const [x, unit, point] = rows;
  const weights = weightsOf(n, 1, 3);
  const [scale, bias] = [n.f32(2), n.has(4) ? n.f32(4) : undefined];
  if (weights && isConstant(scale) && isColumns(scale, weights.units)) {
    return { value: scaled(rows, weights, evaluate(scale), bias), elem: 'float32' };
  }
  const centred = sub([cast(x, { to: 'i32' }), point]);
  return { value: floatProduct(centred, lessZeroPoint(n, 1, 3), [unit, scale], bias), elem: 'float32' };
}

/** MatMulInteger with its result as floats: A, B, both scales, both zero points, bias. */
function matmulIntegerToFloat(n: NodeContext): Operand {
  const rows = rowsOf(n, 0, 4);
  const weights = rows && weightsOf(n, 1, 5);
  const [unit, scale, bias] = [n.f32(2), n.f32(3), n.has(6) ? n.f32(6) : undefined];
  if (weights && sizeOf(unit.shape) === 1 && isConstant(scale) && isColumns(scale, weights.units)) {
    return { value: scaled([rows.x, unit, rows.point], weights, evaluate(scale), bias), elem: 'float32' };
  }
  return { value: floatProduct(lessZeroPoint(n, 0, 4), lessZeroPoint(n, 1, 5), [unit, scale], bias), elem: 'float32' };
}

/**
 * A convolution of bytes whose zero point may be known at run time only with constant weights: in floats, which hold the sums exactly below 2^24 and
 * round them as their conversion to floats would beyond.
 */
function convInteger(n: NodeContext): Operand {
  const { value, elem } = n.operand(0);
  const bytes = bytesOf(value, elem);
  const w = lessZeroPoints(n, n.x(1), 3);
  const found = n.has(2) && sizeOf(n.shape(2)) === 1 ? offset(reshapedTo(n.x(2), []), -(offsets[elem] as number)) : undefined;
  if (!bytes || !found || !isConstant(w)) {
    const x = n.has(2) ? sub([value, n.x(2)]) : value;
    return { value: convolveIntegers(x, w, n.int('group', 1), convWindow(n, x, w)), elem: 'int32' };
  }
  const float = (integers: Value) => cast(integers, { to: 'f32' });
  const x = sub([float(bytes), float(found)]);
  const weights = n.graph.constant(evaluated(float(w)));
  const sums = convolve(x, weights, undefined, n.int('group', 1), convWindow(n, x, weights));
  return { value: cast(sums, { to: 'i32', whole: true }), elem: 'int32' };
}

/** w without its zero points, of which there is one or one an output channel. */
function lessZeroPoints(n: NodeContext, w: Value, zero: number): Value {
  if (!n.has(zero)) return w;
  const points = n.x(zero);
  return sub([w, reshapedTo(points, sizeOf(points.shape) === 1 ? [] : [sizeOf(points.shape), ...w.shape.slice(1).map(() => 1)])]);
}

/**
 * ONNX Runtime's LSTM that quantizes its inputs and its hidden state at every step, one range for each direction's batch. Inputs as LSTM's, weights
 * [directions, inputs, 4 · units] and [directions, units, 4 · units] in 8 bits, then scale and zero point of either.
 */
function dynamicQuantizeLstm(n: NodeContext): Result {
  const [w, r] = [matrices(n, 1, 8), matrices(n, 2, 10)];
  const width = n.shape(2).at(-1) as number;
  const bias = (d: number, half: number) => (n.has(3) ? slice(n.f32(3), { starts: [d, half * width], sizes: [1, width] }) : undefined);
  const products = (d: number): Products => ({
    w: (x) => scaled(quantized(x), (w[d] as Matrix).weights, (w[d] as Matrix).scales, bias(d, 0)),
    r: (h) => scaled(quantized(h), (r[d] as Matrix).weights, (r[d] as Matrix).scales, bias(d, 1)),
  });
  // What the row asks for besides their products are the shapes of the weights.
  const stand = (index: number) => {
    const [directions, inputs, gates] = n.shape(index) as [number, number, number];
    return { value: broadcast(n.graph.scalar(0), { shape: [directions, gates, inputs] }), elem: 'float32' as const };
  };
  const rest = [3, 4, 5, 6, 7].map((index) => n.binding(index));
  return recurrentRow(cells.LSTM, products)(n.with([n.operand(0), stand(1), stand(2), ...rest]));
}

interface Matrix {
  readonly weights: Weights;
  readonly scales: Float64Array;
}

/** Each direction's matrix of input `index` with the scales and zero points that follow from input `scale` on. */
function matrices(n: NodeContext, index: number, scale: number): Matrix[] {
  const [directions, rows, columns] = n.shape(index) as [number, number, number];
  const [numbers, scales, zeros] = [index, scale, scale + 1].map((input) => Float64Array.from(n.numbers(input)));
  const own = (data: Float64Array, d: number) => data.subarray((d * data.length) / directions, ((d + 1) * data.length) / directions);
  return Array.from({ length: directions }, (_, d) => ({
    weights: packed(n.graph, own(numbers as Float64Array, d), [rows, columns], n.elem(index), own(zeros as Float64Array, d)),
    scales: own(scales as Float64Array, d),
  }));
}

/** Products of rows that are quantized when the model runs. */
export const dynamic: Rows = {
  DynamicQuantizeLinear: dynamicQuantize,
  MatMulInteger: matmulInteger,
  ConvInteger: convInteger,
};

/** Those of ONNX Runtime. */
export const dynamicContrib: Rows = {
  DynamicQuantizeMatMul: dynamicQuantizeMatMul,
  MatMulIntegerToFloat: matmulIntegerToFloat,
  DynamicQuantizeLSTM: dynamicQuantizeLstm,
};
