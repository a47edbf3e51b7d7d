import type { Elem } from '../../core/elem.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, clip, equal, mul, sub } from '../../ops/index.ts';
import { rounded } from '../halves.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { widened } from './context.ts';
import { numeric } from './elements.ts';
import { bool } from './logic.ts';
import type { Operand } from './operand.ts';
import { fakeQuantOptions } from './options.ts';
import { dequantized, quantize } from './quantizedConversion.ts';
import { roundedAway } from './rounding.ts';

/** Whether every number of the operand is one of 16 bits; floats are not looked at. */
const fits = ({ elem, value }: Operand, to: Elem): boolean =>
  value.dtype === 'f32' || elem === 'bool' || elem === 'uint8' || (elem === 'int8' && to === 'int16');

/** Numbers of another type: floats are cut off towards 0, integers wrap. */
function castRow(n: NodeContext): Result {
  const operand = n.operand(0);
  const to = numeric(n.output());
  if (to === operand.elem) return operand.value;
  if (to === 'bool') {
    const zero = n.scalarLike(operand.value.dtype === 'f32' ? operand.value : n.i32(0), 0);
    const isZero = bool(equal([operand.value.dtype === 'f32' ? operand.value : n.i32(0), zero])).value;
    return bool(sub([n.integers([1], []), isZero]));
  }
  const wide = operand.value.dtype === 'f32' ? operand.value : widened(operand);
  if (n.held() === 'f32') return rounded(cast(wide, { to: 'f32' }), to);
  const whole = cast(wide, { to: 'i32' });
  return n.narrow(fits(operand, to) ? whole : n.wrapped(whole));
}

function dequantize(n: NodeContext): Value {
  const operand = n.operand(0);
  return operand.value.dtype === 'f32' ? operand.value : dequantized(operand);
}

/** Rounds to the steps of a quantization whose zero is one of them (FakeQuant with nudged limits). */
function fakeQuant(n: NodeContext): Value {
  const { min, max, numBits, narrowRange } = n.options(fakeQuantOptions);
  const f32 = Math.fround;
  const [low, high] = [narrowRange ? 1 : 0, 2 ** numBits - 1];
  const scale = f32((max - min) / (high - low));
  const fromMin = f32(low - f32(min / scale));
  const zero = fromMin < low ? low : fromMin > high ? high : Math.round(fromMin);
  const [least, most] = [f32((low - zero) * scale), f32((high - zero) * scale)];
  const steps = mul([sub([clip(n.f32(0), { min: least, max: most }), n.graph.scalar(least)]), n.graph.scalar(f32(1 / scale))]);
  return add([mul([roundedAway(steps), n.graph.scalar(scale)]), n.graph.scalar(least)]);
}

export const conversions: Rows = {
  CAST: castRow,
  QUANTIZE: quantize,
  DEQUANTIZE: dequantize,
  FAKE_QUANT: fakeQuant,
  // Sparse constants are spread when they are read.
  DENSIFY: (n) => n.operand(0),
};
