import { unpackQuads } from '../../../core/quads.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { dataOf } from '../../../ops/constants.ts';
import type { FakeQuantizeAttributes } from '../../../ops/fakeQuantize.ts';
import type { LinearScaledAttributes } from '../../../ops/linearScaledInt8.ts';
import type { QuantizeAttributes } from '../../../ops/quantizeInt8.ts';
import type { RoundRowsAttributes } from '../../../ops/roundRows.ts';
import { pointwise } from './elementwise.ts';
import { attrsOf, type Emission, type Emits, rawOf } from './emission.ts';

/** Rounding to steps is what QuantizeLinear and DequantizeLinear do one after the other. */
function fakeQuantize(e: Emission, node: Node): void {
  const { low } = attrsOf<FakeQuantizeAttributes>(node);
  const [scale, zero] = node.inputs.slice(1).map((value) => dataOf(value)[0] as number) as [number, number];
  const elem = low < 0 ? 'int8' : 'uint8';
  pointwise(e, node, (x) => {
    const step = e.tensor('scale', [], Float32Array.of(scale));
    const point = e.initializer('zero_point', elem, [], rawOf(low < 0 ? Int8Array.of(zero) : Uint8Array.of(zero)));
    return e.op('DequantizeLinear', [e.op('QuantizeLinear', [x, step, point]), step, point]);
  });
}

/** The scale and zero point of an int8 as initializers. */
function stepOf(e: Emission, node: Node): [string, string] {
  const { scale, zero } = attrsOf<Pick<QuantizeAttributes, 'scale' | 'zero'>>(node);
  return [e.tensor('scale', [], Float32Array.of(scale)), e.initializer('zero_point', 'int8', [], rawOf(Int8Array.of(zero)))];
}

const quantizeInt8 = (e: Emission, node: Node): void => pointwise(e, node, (x) => e.op('QuantizeLinear', [x, ...stepOf(e, node)]));
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
