import { type Shape, sizeOf } from '../../core/shape.ts';
import { producer, type Value } from '../../ir/graph.ts';
import { evaluate, evaluated, isConstant } from '../../ops/evaluate.ts';
import {
  add,
  broadcast,
  cast,
  clip,
  dequantizeInt8,
  div,
  max,
  min,
  mul,
  quantizeInt8,
  reduceMax,
  reduceMin,
  reshape,
  round,
  slice,
  sub,
} from '../../ops/index.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { convolve, convolveIntegers, convWindow } from './convolutions.ts';
import { type Elem, elemOf, integerRange } from './elements.ts';
import type { Operand } from './operand.ts';
import { integerProduct } from './products.ts';
import { reshapedTo } from './shapes.ts';

/** Types that numbers are quantized to. */
const quantizedTypes: readonly Elem[] = ['int2', 'uint2', 'int4', 'uint4', 'int8', 'uint8', 'int16', 'uint16'];

const float = (value: Value): Value => (value.dtype === 'f32' ? value : cast(value, { to: 'f32' }));

/** Rounds half to even, adds the zero point and saturates, as ONNX QuantizeLinear does. */
function saturated(n: NodeContext, scaled: Value, zero: Value | undefined, elem: Elem): Operand {
  const range = integerRange[elem];
  if (!range || !quantizedTypes.includes(elem))
    return n.refuse(`quantized elements of type ${elem}`, { expected: quantizedTypes.join(', ') });
  const whole = round(scaled);
  const moved = zero ? add([whole, float(zero)]) : whole;
  return { value: cast(clip(moved, { min: range[0], max: range[1] }), { to: 'i32' }), elem };
}

/** Scales and zero points broadcast to x: one for all, one along `axis`, or one a block of `block` elements of `axis`. */
function spread(value: Value, shape: Shape, axis: number, block: number): Value {
  if (sizeOf(value.shape) === 1) return reshapedTo(value, []);
  if (!block) {
    return reshapedTo(
      value,
      shape.map((_, i) => (i === axis ? (value.shape[0] as number) : 1)),
    );
  }
  const apart = value.shape.flatMap((extent, i) => (i === axis ? [extent, 1] : [extent]));
  const repeated = value.shape.flatMap((extent, i) => (i === axis ? [extent, block] : [extent]));
  const whole = value.shape.map((extent, i) => (i === axis ? extent * block : extent));
  const spread = reshape(broadcast(reshape(value, { shape: apart }), { shape: repeated }), { shape: whole });
  // The last block may be cut.
  return whole[axis] === shape[axis] ? spread : slice(spread, { starts: shape.map(() => 0), sizes: shape });
}

/** How much larger a type's numbers are than those of the i8 that holds them; undefined for types of another width. */
const offsets: Partial<Record<Elem, number>> = { int8: 0, uint8: 128 };

/** The number in a constant of one element; `fallback` where the node has none. */
function constantAt(n: NodeContext, index: number, fallback?: number): number | undefined {
  if (!n.has(index)) return fallback;
  const value = n.x(index);
  return sizeOf(value.shape) === 1 && isConstant(value) ? evaluate(value)[0] : undefined;
}

/** The one scale and zero point of a quantization to 8 bits, both constant; the zero point as an i8's. */
function stepOf(n: NodeContext, scale: number, zero: number, elem: Elem): { scale: number; zero: number } | undefined {
  const offset = offsets[elem];
  const [step, point] = [constantAt(n, scale), constantAt(n, zero, 0)];
  if (offset === undefined || step === undefined || point === undefined || !(step > 0 && Number.isFinite(step))) return undefined;
  return { scale: step, zero: point - offset };
}

/** An i8 as what a graph holds for `elem`: 32-bit integers. */
function integersOf(bytes: Value, elem: Elem): Operand {
  const whole = cast(bytes, { to: 'i32' });
  const offset = offsets[elem] as number;
  const moved = offset ? add([whole, bytes.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(offset) })]) : whole;
  return { value: moved, elem };
}

/** The i8 that `integersOf` made these integers of. */
function bytesOf(value: Value, elem: Elem): Value | undefined {
  const offset = offsets[elem];
  const node = producer(value);
  if (offset === undefined || !node) return undefined;
  const [whole, moved] = node.op === 'add' ? node.inputs : [value];
  const isMoved = moved?.origin.kind === 'const' && moved.origin.data.length === 1 && moved.origin.data[0] === offset;
  const from = whole && producer(whole);
  return (offset === 0 ? whole === value : isMoved) && from?.op === 'cast' && from.inputs[0]?.dtype === 'i8' ? from.inputs[0] : undefined;
}

function quantize(n: NodeContext): Operand {
  const x = float(n.x(0));
  const axis = x.shape.length ? n.axis('axis', x.shape.length > 1 ? 1 : 0, x.shape.length) : 0;
  const block = n.int('block_size', 0);
  const at = (index: number) => spread(n.x(index), x.shape, axis, block);
  const given = n.int('output_dtype', 0);
  const elem = n.has(2) ? n.elem(2) : given ? elemOf(given) : 'uint8';
  const step = stepOf(n, 1, 2, elem);
  if (step) return integersOf(quantizeInt8(x, step), elem);
  return saturated(n, div([x, at(1)]), n.has(2) ? at(2) : undefined, elem);
}

function dequantize(n: NodeContext): Operand {
  const x = n.x(0);
  const axis = x.shape.length ? n.axis('axis', x.shape.length > 1 ? 1 : 0, x.shape.length) : 0;
  const block = n.int('block_size', 0);
  const at = (index: number) => spread(n.x(index), x.shape, axis, block);
  const bytes = bytesOf(x, n.elem(0));
  const step = bytes && stepOf(n, 1, 2, n.elem(0));
  if (step) return { value: dequantizeInt8(bytes, step), elem: n.elem(1) };
  const centred = n.has(2) ? sub([x, at(2)]) : x;
  return { value: mul([float(centred), at(1)]), elem: n.elem(1) };
}

/** u8 with a scale and zero point from the data's own range. */
function dynamicQuantize(n: NodeContext): Result {
  const x = n.f32(0);
  const zero = n.graph.scalar(0);
  const all = { axes: null, keepDims: false };
  const low = min([reduceMin(x, all), zero]);
  const high = max([reduceMax(x, all), zero]);
  const scale = div([sub([high, low]), n.graph.scalar(255)]);
  const point = clip(round(div([sub([zero, low]), scale])), { min: 0, max: 255 });
  const y = saturated(n, div([x, scale]), point, 'uint8');
  return [y, { value: scale, elem: 'float32' }, { value: cast(point, { to: 'i32' }), elem: 'uint8' }];
}

/** The sums of a quantized operator as its output type: scaled in float, half to even. */
function requantized(n: NodeContext, sums: Value, scale: Value, zero: number): Operand {
  return saturated(n, mul([float(sums), scale]), n.x(zero), n.elem(zero));
}

/** A zero point of one element, or one an output channel along `axis`. */
const less = (x: Value, zero: Value, axis: number): Value =>
  sub([
    x,
    sizeOf(zero.shape) === 1
      ? reshapedTo(zero, [])
      : reshapedTo(
          zero,
          x.shape.map((extent, i) => (i === axis ? extent : 1)),
        ),
  ]);

/**
 * A convolution of dequantized numbers with constant weights of zero point 0, quantized: a pass makes 8-bit operators of that. Undefined for
 * others.
 */
function dequantizedConv(n: NodeContext): Operand | undefined {
  const bytes = bytesOf(n.x(0), n.elem(0));
  const [from, to] = [stepOf(n, 1, 2, n.elem(0)), stepOf(n, 6, 7, n.elem(7))];
  const [w, scales, zeros] = [n.x(3), n.f32(4), n.x(5)];
  const isPlain = n.elem(3) === 'int8' && [w, scales, zeros].every(isConstant) && evaluate(zeros).every((zero) => zero === 0);
  if (!bytes || !from || !to || !isPlain) return undefined;
  const x = dequantizeInt8(bytes, from);
  const one = sizeOf(scales.shape) === 1;
  const column = one ? [] : [sizeOf(scales.shape), ...w.shape.slice(1).map(() => 1)];
  const weights = mul([float(w), reshapedTo(scales, column)]);
  const steps = mul([reshapedTo(scales, one ? [] : [sizeOf(scales.shape)]), n.graph.scalar(from.scale)]);
  const bias = n.has(8) ? mul([float(n.x(8)), steps]) : undefined;
  const constants = [weights, ...(bias ? [bias] : [])].map((value) => n.graph.constant(evaluated(value)));
  const [own, added] = constants as [Value, Value?];
  return integersOf(quantizeInt8(convolve(x, own, added, n.int('group', 1), convWindow(n, x, own)), to), n.elem(7));
}

function qLinearConv(n: NodeContext): Operand {
  const found = dequantizedConv(n);
  if (found) return found;
  const x = less(n.x(0), n.x(2), 1);
  const w = less(n.x(3), n.x(5), 0);
  const rank = x.shape.length - 2;
  const column = (value: Value) =>
    sizeOf(value.shape) === 1 ? reshapedTo(value, []) : reshapedTo(value, [sizeOf(value.shape), ...new Array<number>(rank).fill(1)]);
  const sums = convolveIntegers(x, w, n.int('group', 1), convWindow(n, x, w));
  const biased = n.has(8) ? add([sums, column(n.x(8))]) : sums;
  return requantized(n, biased, div([mul([reshapedTo(n.f32(1), []), column(n.f32(4))]), reshapedTo(n.f32(6), [])]), 7);
}

function qLinearMatMul(n: NodeContext): Operand {
  const a = n.x(0);
  const b = n.x(3);
  const rows = (value: Value) =>
    sizeOf(value.shape) === 1 ? reshapedTo(value, []) : value.shape.length === 1 ? reshapedTo(value, [sizeOf(value.shape), 1]) : value;
  const columns = (value: Value) => (sizeOf(value.shape) === 1 ? reshapedTo(value, []) : value);
  const sums = integerProduct(sub([a, rows(n.x(2))]), sub([b, columns(n.x(5))]));
  return requantized(n, sums, div([mul([rows(n.f32(1)), columns(n.f32(4))]), reshapedTo(n.f32(6), [])]), 7);
}

/** Quantized operators, computed exactly on 32-bit integers and floats. */
export const quantized: Rows = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
};
