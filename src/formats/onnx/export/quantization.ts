import { unpackQuads } from '../../../core/quads.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { dataOf } from '../../../ops/constants.ts';
import type { FakeQuantizeAttributes } from '../../../ops/fakeQuantize.ts';
import type { LinearScaledAttributes } from '../../../ops/linearScaledInt8.ts';
import type { QuantizeAttributes } from '../../../ops/quantizeInt8.ts';
import type { RoundRowsAttributes } from '../../../ops/roundRows.ts';
import { pointwise } from './elementwise.ts';
import { attrsOf, type Emission, type Emits, rawOf } from './emission.ts';

/** x within the 8-bit numbers low..high; all that the type has need no operator. */
function limited(e: Emission, x: string, elem: 'int8' | 'uint8', low: number, high: number): string {
  if (high - low === 255) return x;
  const bound = (number: number) => e.initializer('limit', elem, [], Uint8Array.of(number));
  return e.op('Clip', [x, bound(low), bound(high)]);
}

/**
 * Rounding to steps is what QuantizeLinear and DequantizeLinear do one after the other. The numbers of the file are uint8, whatever sign they have here: on
 * x86 ONNX Runtime makes uint8 of int8, but not where two operators read them, and leaves in float what reads the one and gives the other.
 */
function fakeQuantize(e: Emission, node: Node): void {
  const { low, high } = attrsOf<FakeQuantizeAttributes>(node);
  const [scale, zero] = node.inputs.slice(1).map((value) => dataOf(value)[0] as number) as [number, number];
  const shift = low < 0 ? 128 : 0;
  pointwise(e, node, (x) => {
    if (high - low > 255) return roundedFloats(e, x, scale, [low - zero, high - zero]);
    const step = e.tensor('scale', [], Float32Array.of(scale));
    const point = e.initializer('zero_point', 'uint8', [], Uint8Array.of(zero + shift));
    const numbers = limited(e, e.op('QuantizeLinear', [x, step, point]), 'uint8', low + shift, high + shift);
    return e.op('DequantizeLinear', [numbers, step, point]);
  });
}

/** Steps that 8 bits do not count: QuantizeLinear has wider types from opset 21 on only. */
function roundedFloats(e: Emission, x: string, scale: number, [low, high]: readonly [number, number]): string {
  const steps = e.op('Round', [e.op('Div', [x, e.scalar(scale)])]);
  return e.op('Mul', [e.op('Clip', [steps, e.scalar(low), e.scalar(high)]), e.scalar(scale)]);
}

/** The scale and zero point of an int8 as initializers. */
function stepOf(e: Emission, node: Node): [string, string] {
  const { scale, zero } = attrsOf<Pick<QuantizeAttributes, 'scale' | 'zero'>>(node);
  return [e.tensor('scale', [], Float32Array.of(scale)), e.initializer('zero_point', 'int8', [], rawOf(Int8Array.of(zero)))];
}

function quantizeInt8(e: Emission, node: Node): void {
  const { low, high } = attrsOf<QuantizeAttributes>(node);
  pointwise(e, node, (x) => limited(e, e.op('QuantizeLinear', [x, ...stepOf(e, node)]), 'int8', low, high));
}
const dequantizeInt8 = (e: Emission, node: Node): void => pointwise(e, node, (x) => e.op('DequantizeLinear', [x, ...stepOf(e, node)]));

const [INT8, INT32] = [3, 6];

/** ONNX has these numbers and their zero point as uint8; ours are less 128. */
function dynamicQuantizeInt8(e: Emission, node: Node): void {
  const [y, scale, zero] = e.many('DynamicQuantizeLinear', [e.plain(node.inputs[0] as Value)], {}, 3) as [string, string, string];
  const half = e.initializer('half', 'int32', [], rawOf(Int32Array.of(128)));
  const less = (name: string) => e.op('Sub', [e.op('Cast', [name], { to: INT32 }), half]);
  [e.op('Cast', [less(y)], { to: INT8 }), scale, less(zero)].forEach((name, i) => void e.put(node.outputs[i] as Value, name));
}

function linearSumsInt8(e: Emission, node: Node): void {
  const { units } = attrsOf<LinearScaledAttributes>(node);
  const [x, zero, w, , zeros] = node.inputs as [Value, Value, Value, Value, Value?];
  const shape = [x.shape.at(-1) as number, units];
  const weights = e.initializer('weights', 'int8', shape, rawOf(unpackQuads(dataOf(w) as Int8Array, shape)));
  const points = zeros && Int8Array.from(dataOf(zeros).subarray(0, units));
  const rest = points ? [e.initializer('zero_point', 'int8', [units], rawOf(points))] : [];
  const sums = e.op('MatMulInteger', [e.plain(x), weights, e.op('Cast', [e.plain(zero)], { to: INT8 }), ...rest]);
  e.put(node.outputs[0] as Value, sums);
}

/** Rows rounded to 8-bit steps of their range; ties of numbers go to even ones here. */
function roundRows(e: Emission, node: Node): void {
  const { axis, asymmetric } = attrsOf<RoundRowsAttributes>(node);
  const [x] = node.inputs as [Value];
  const name = e.plain(x);
  const rank = x.shape.length;
  const first = axis < 0 ? axis + rank : axis;
  const axes = e.ints(Array.from({ length: rank - first }, (_, i) => first + i));
  const zero = e.scalar(0);
  const low = e.op('Min', [e.op('ReduceMin', [name, axes], { keepdims: 1 }), zero]);
  const high = e.op('Max', [e.op('ReduceMax', [name, axes], { keepdims: 1 }), zero]);
  const span = asymmetric ? e.op('Sub', [high, low]) : e.op('Max', [high, e.op('Neg', [low])]);
  // A row of zeros has no step: any will do.
  const unit = e.op('Div', [e.op('Max', [span, e.scalar(1e-30)]), e.scalar(asymmetric ? 255 : 127)]);
  const steps = e.op('Div', [name, unit]);
  if (!asymmetric) {
    e.put(node.outputs[0] as Value, e.op('Mul', [e.op('Round', [steps]), unit]));
    return;
  }
  const point = e.op('Round', [e.op('Sub', [e.scalar(-128), e.op('Div', [low, unit])])]);
  const number = e.op('Clip', [e.op('Round', [e.op('Add', [steps, point])]), e.scalar(-128), e.scalar(127)]);
  e.put(node.outputs[0] as Value, e.op('Mul', [e.op('Sub', [number, point]), unit]));
}

/** Operators that round to steps, and products of what they give. */
export const quantization: Emits = { fakeQuantize, quantizeInt8, dequantizeInt8, dynamicQuantizeInt8, linearSumsInt8, roundRows };
