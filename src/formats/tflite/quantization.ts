import { type Elem, integerRange } from '../../core/elem.ts';
import { fixedPoint } from '../../core/fixedPoint.ts';
import type { Value } from '../../ir/graph.ts';
import type { Factor } from '../../ops/arithmeticInt8.ts';
import { lookup } from '../../ops/index.ts';
import { activationBounds } from './activation.ts';
import { type NodeContext, scaleOf } from './context.ts';
import { numeric } from './elements.ts';

/** Scale and zero point of a tensor, and the least and largest number of its type, as graphs hold it. */
export interface Scale {
  readonly scale: number;
  readonly zero: number;
  readonly low: number;
  readonly high: number;
}

function limitsOf(elem: Elem): { low: number; high: number } {
  const [low, high] = integerRange[elem === 'uint8' ? 'int8' : elem] ?? [-128, 127];
  return { low, high };
}

/** The scale of input `index`. @throws UNSUPPORTED_ATTR where it has none, or several. */
export function scaleIn(n: NodeContext, index: number): Scale {
  const operand = n.operand(index);
  return { ...scaleOf(operand), ...limitsOf(operand.elem) };
}

/** The scale of output `index`. */
export function scaleOut(n: NodeContext, index = 0): Scale {
  const spec = n.output(index);
  const elem = numeric(spec);
  return { ...scaleOf({ elem, quantization: spec.quantization }), ...limitsOf(elem) };
}

/** C's round: halves away from zero. */
export const roundAway = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

const f32 = Math.fround;

/** A number as `scale` holds it, rounded as TfLiteRound(x / scale) in f32. */
export const quantizedNumber = (x: number, { scale, zero }: Scale): number => zero + roundAway(f32(x / scale));

/** The limits that the fused activation `code` leaves of an output (CalculateActivationRangeQuantized). */
export function activationRange(n: NodeContext, code: number, scale = scaleOut(n)): { low: number; high: number } {
  const bounds = activationBounds(code);
  if (!bounds) return n.refuse(`activation function ${code} of a quantized operator`);
  const limit = (x: number, open: number) => (Number.isFinite(x) ? quantizedNumber(x, scale) : open);
  return { low: Math.max(scale.low, limit(bounds.low, scale.low)), high: Math.min(scale.high, limit(bounds.high, scale.high)) };
}

export const limited = (x: number, { low, high }: { readonly low: number; readonly high: number }): number =>
  Math.min(Math.max(x, low), high);

/** A factor as fixed point: `multiplier` of a magnitude in [2^30, 2^31) and a shift. */
export function factor(real: number): Factor {
  const { multiplier, shift } = fixedPoint(Math.abs(real));
  return { multiplier: real < 0 ? -multiplier : multiplier, shift };
}

/** y = f(x) for every i8, by table; `f` gives whole numbers. */
export function byTable(n: NodeContext, x: Value, f: (x: number) => number): Value {
  const data = Int8Array.from({ length: 256 }, (_, i) => f(i - 128));
  return lookup([x, n.graph.constant({ dtype: 'i8', shape: [256], data })]);
}
