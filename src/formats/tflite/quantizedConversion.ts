import type { TypedArray } from '../../core/dtype.ts';
import { scaled } from '../../core/fixedPoint.ts';
import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, clip, dequantizeInt8, div, mul, quantizeInt8, sub } from '../../ops/index.ts';
import { rescale } from '../../ops/rescale.ts';
import { reshapedTo } from '../moves.ts';
import { type NodeContext, scaleOf } from './context.ts';
import { UNSIGNED } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import { byTable, factor, limited, roundAway, type Scale, scaleIn, scaleOut } from './quantization.ts';
import { roundedAway } from './rounding.ts';

/** scale · (x - zero), with scales along an axis where there are several. */
export function dequantized(operand: Operand): Value {
  const { value, quantization, elem } = operand;
  const { scales = [], zeroPoints = [], axis = 0 } = quantization ?? {};
  if (scales.length > 1 && value.shape[axis] !== scales.length)
    throw damaged(`${scales.length} scales along axis ${axis} of [${value.shape}]`);
  if (scales.length > 0 && value.origin.kind === 'const') return dequantizedWeights(operand, value.origin.data);
  if (scales.length === 1 && value.dtype === 'i8') {
    const { scale, zero } = scaleOf(operand);
    return dequantizeInt8(value, { scale, zero });
  }
  const wide = cast(value, { to: 'f32' });
  if (scales.length === 0) return wide;
  const shape = value.shape.map((_, i) => (i === axis && scales.length > 1 ? scales.length : 1));
  const constant = (data: readonly number[]) =>
    reshapedTo(value.graph.constant({ dtype: 'f32', shape: [data.length], data: Float32Array.from(data) }), scales.length > 1 ? shape : []);
  const shift = elem === 'uint8' ? UNSIGNED : 0;
  const zeros = zeroPoints.map((zero) => zero - shift);
  return mul([zeros.every((zero) => zero === 0) ? wide : sub([wide, constant(zeros)]), constant(scales)]);
}

/** Constants at once: as operators of the graph, weights of millions of elements would be folded one operator after the other. */
function dequantizedWeights({ value, quantization, elem }: Operand, data: TypedArray): Value {
  const { scales = [], zeroPoints = [], axis = 0 } = quantization ?? {};
  const shift = elem === 'uint8' ? UNSIGNED : 0;
  const run = scales.length > 1 ? sizeOf(value.shape.slice(axis + 1)) : data.length;
  value.graph.steps.add(scales);
  const y = new Float32Array(data.length);
  for (let from = 0, row = 0; from < y.length; from += run, row++) {
    const at = row % scales.length;
    const scale = scales[at] as number;
    const zero = (zeroPoints[at] ?? zeroPoints[0] ?? shift) - shift;
    for (let i = from; i < from + run; i++) y[i] = ((data[i] as number) - zero) * scale;
  }
  return value.graph.constant({ dtype: 'f32', shape: value.shape, data: y }, value.name);
}

/** Floats as the output holds them: round(x / scale) + zero, halves away from zero. */
export function quantizedTo(n: NodeContext, x: Value, to: Scale): Value {
  const { scale, zero, low, high } = to;
  if (low === -128) return quantizeInt8(x, { scale, zero, low, high, ties: 'away' });
  return cast(clip(add([roundedAway(div([x, n.graph.scalar(scale)])), n.graph.scalar(zero)]), { min: low, max: high }), { to: 'i32' });
}

/** QUANTIZE: of floats, or of integers with another scale (Requantize of the reference). */
export function quantize(n: NodeContext): Value {
  const to = scaleOut(n);
  const from = n.operand(0);
  if (from.value.dtype === 'f32') return quantizedTo(n, from.value, to);
  const given = scaleIn(n, 0);
  const ratio = factor(given.scale / to.scale);
  if (from.value.dtype === 'i8' && n.held() === 'i8')
    return byTable(n, from.value, (x) => limited(scaled(x - given.zero, ratio.multiplier, ratio.shift, 'double') + to.zero, to));
  const wide = rescale(sub([n.held32(0), n.integers([given.zero], [])]), {
    ...ratio,
    zero: to.zero,
    low: to.low,
    high: to.high,
    rounding: 'double',
  });
  return n.held() === 'i8' ? cast(wide, { to: 'i8' }) : wide;
}

/** A part of a concatenation in the scale of the output; only uint8 may differ (ConcatenationWithScaling). */
export function rescaledTo(n: NodeContext, operand: Operand): Value {
  const spec = n.output();
  const { quantization } = spec;
  if (operand.value.dtype !== 'i8' || !operand.quantization || !quantization) return operand.value;
  const [from, to] = [scaleOf(operand), scaleOut(n)];
  if (from.scale === to.scale && from.zero === to.zero) return operand.value;
  const f32 = Math.fround;
  const ratio = f32(from.scale * f32(1 / to.scale));
  const shift = operand.elem === 'uint8' ? UNSIGNED : 0;
  const bias = f32(-(from.zero + shift) * ratio);
  return byTable(n, operand.value, (x) => limited(roundAway(f32(f32((x + shift) * ratio) + bias)) + to.zero, to));
}
