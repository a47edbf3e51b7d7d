import type { Node } from '../../../ir/graph.ts';
import { dataOf } from '../../../ops/constants.ts';
import type { FakeQuantizeAttributes } from '../../../ops/fakeQuantize.ts';
import type { QuantizeAttributes } from '../../../ops/quantizeInt8.ts';
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

/** Operators that round to steps. */
export const quantization: Emits = { fakeQuantize, quantizeInt8, dequantizeInt8 };
