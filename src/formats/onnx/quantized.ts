import { type Shape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { evaluate, evaluated, isConstant } from '../../ops/evaluate.ts';
import {
  add,
  broadcast,
  cast,
  clip,
  dequantizeInt8,
  div,
  fakeQuantize,
  mul,
  quantizeInt8,
  reshape,
  round,
  slice,
  sub,
} from '../../ops/index.ts';
import { bytesOf, constantAt, integersOf, stepOf } from './bytes.ts';
import type { NodeContext, Rows } from './context.ts';
import { convolve, convolveIntegers, convWindow } from './convolutions.ts';
import { type Elem, elemOf, integerRange } from './elements.ts';
import type { Operand } from './operand.ts';
import { integerProduct, product } from './products.ts';
import type { QuantizedGroup } from './quantizedGroups.ts';
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

/** The axis of scales that differ, and the elements of a block of it. */
interface Blocks {
  readonly axis: number;
  readonly block: number;
}

const whole: Blocks = { axis: 0, block: 0 };

const inFloats: QuantizedGroup = { arithmetic: 'float', operand: null };

/** One scale for all has no axis, whatever the attribute says: ONNX Runtime writes 1, the default, also beside vectors. */
function blocksOf(n: NodeContext): Blocks {
  const rank = n.shape(0).length;
  if (sizeOf(n.shape(1)) === 1) return whole;
  return { axis: rank ? n.axis('axis', rank > 1 ? 1 : 0, rank) : 0, block: n.int('block_size', 0) };
}

/** x in numbers of type `elem`, with the scale and the zero point of these inputs; `group` says of the operator that gives x how it computes. */
export function quantizedTo(
  n: NodeContext,
  x: Value,
  scale: number,
  zero: number,
  elem: Elem,
  { blocks: { axis, block } = whole, group = inFloats }: { readonly blocks?: Blocks; readonly group?: QuantizedGroup | undefined } = {},
): Operand {
  const step = stepOf(n, scale, zero, elem);
  if (step) return integersOf(quantizeInt8(x, { ...step, ...group }), elem);
  const at = (index: number) => spread(n.x(index), x.shape, axis, block);
  const y = saturated(n, div([x, at(scale)]), n.has(zero) ? at(zero) : undefined, elem);
  if (constantAt(n, scale) !== undefined) sources.set(y.value, { x, elem, scale: constantAt(n, scale), zero: constantAt(n, zero, 0) });
  return y;
}

/** Floats and the one step that numbers of other than 8 bits were quantized with. */
const sources = new WeakMap<Value, { x: Value; elem: Elem; scale: number | undefined; zero: number | undefined }>();

/** Numbers that were floats a moment ago, dequantized with the same step: rounded in floats, without integers in between. */
function roundedAt(n: NodeContext, index: number, scale: number, zero: number): Operand | undefined {
  const found = sources.get(n.x(index));
  const range = found && integerRange[found.elem];
  if (!found || !range || found.scale !== constantAt(n, scale) || found.zero !== constantAt(n, zero, 0)) return undefined;
  const [low, high] = range;
  const step = (number: number | undefined) => n.graph.scalar(number as number);
  return { value: fakeQuantize([found.x, step(found.scale), step(found.zero)], { low, high }), elem: n.elem(scale) };
}

/** Input `index` as floats, with the scale and the zero point of these inputs. */
export function dequantizedAt(n: NodeContext, index: number, scale = index + 1, zero = index + 2, { axis, block } = whole): Operand {
  const x = n.x(index);
  const bytes = bytesOf(x, n.elem(index));
  const step = bytes && stepOf(n, scale, zero, n.elem(index));
  if (step) return { value: dequantizeInt8(bytes, step), elem: n.elem(scale) };
  const rounded = roundedAt(n, index, scale, zero);
  if (rounded) return rounded;
  const scales = n.x(scale);
  if (isConstant(x) && isConstant(scales)) n.graph.steps.add(evaluate(scales));
  const at = (input: number) => spread(n.x(input), x.shape, axis, block);
  return { value: mul([float(n.has(zero) ? sub([x, at(zero)]) : x), at(scale)]), elem: n.elem(scale) };
}

function quantize(n: NodeContext): Operand {
  const given = n.int('output_dtype', 0);
  const elem = n.has(2) ? n.elem(2) : given ? elemOf(given) : 'uint8';
  return quantizedTo(n, float(n.x(0)), 1, 2, elem, {
    blocks: blocksOf(n),
    group: n.importer.groups.get(n.node.outputs[0] as string),
  });
}

const dequantize = (n: NodeContext): Operand => dequantizedAt(n, 0, 1, 2, blocksOf(n));

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
 * A convolution of dequantized numbers with constant weights, quantized: a pass makes an 8-bit operator of that where 8 bits hold the weights
 * without their zero points. Undefined for others.
 */
function dequantizedConv(n: NodeContext): Operand | undefined {
  const bytes = bytesOf(n.x(0), n.elem(0));
  const [from, to] = [stepOf(n, 1, 2, n.elem(0)), stepOf(n, 6, 7, n.elem(7))];
  const [w, scales, zeros] = [n.x(3), n.f32(4), n.x(5)];
  if (!bytes || !from || !to || ![w, scales, zeros].every(isConstant)) return undefined;
  const x = dequantizeInt8(bytes, from);
  n.graph.steps.add(evaluate(scales));
  const one = sizeOf(scales.shape) === 1;
  const column = one ? [] : [sizeOf(scales.shape), ...w.shape.slice(1).map(() => 1)];
  const weights = mul([float(less(w, zeros, 0)), reshapedTo(scales, column)]);
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

/** A product of dequantized numbers, quantized: a pass makes an 8-bit operator of that where the weights are constant. Undefined for others. */
function dequantizedMatMul(n: NodeContext): Operand | undefined {
  const last = n.shape(3).length - 1;
  const isEach = [1, 6].every((scale) => sizeOf(n.shape(scale)) === 1);
  const isColumns = [4, 5].every((index) => [1, n.shape(3)[last]].includes(sizeOf(n.shape(index))));
  const isKnown = bytesOf(n.x(0), n.elem(0)) && (bytesOf(n.x(3), n.elem(3)) || isConstant(n.x(3)));
  if (!isEach || !isColumns || !isKnown || last < 1) return undefined;
  const [{ value: a }, { value: b }] = [dequantizedAt(n, 0), dequantizedAt(n, 3, 4, 5, { axis: last, block: 0 })];
  return quantizedTo(n, product(a, isConstant(b) ? n.graph.constant(evaluated(b)) : b), 6, 7, n.elem(7));
}

function qLinearMatMul(n: NodeContext): Operand {
  const found = dequantizedMatMul(n);
  if (found) return found;
  const a = n.x(0);
  const b = n.x(3);
  const rows = (value: Value) =>
    sizeOf(value.shape) === 1 ? reshapedTo(value, []) : value.shape.length === 1 ? reshapedTo(value, [sizeOf(value.shape), 1]) : value;
  const columns = (value: Value) => (sizeOf(value.shape) === 1 ? reshapedTo(value, []) : value);
  const sums = integerProduct(sub([a, rows(n.x(2))]), sub([b, columns(n.x(5))]));
  return requantized(n, sums, div([mul([rows(n.f32(1)), columns(n.f32(4))]), reshapedTo(n.f32(6), [])]), 7);
}

/** Quantized operators: on 8-bit kernels where the numbers' steps are known at import, else exact on 32-bit integers and floats. */
export const quantized: Rows = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
};
