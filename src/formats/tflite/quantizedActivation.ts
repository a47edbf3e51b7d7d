import { scaled } from '../../core/fixedPoint.ts';
import { inverseSqrt } from '../../core/inverseSqrt.ts';
import type { Value } from '../../ir/graph.ts';
import { cast, greaterOrEqual, mul, sub, where } from '../../ops/index.ts';
import { rescale } from '../../ops/rescale.ts';
import { activationInt16 } from './activationInt16.ts';
import type { NodeContext } from './context.ts';
import { leakyReluOptions } from './options.ts';
import { activationRange, byTable, factor, limited, quantizedNumber, roundAway, type Scale, scaleIn, scaleOut } from './quantization.ts';
import { transforms } from './transforms.ts';

const f32 = Math.fround;
/** Functions of one number that quantized tensors go through. */
export type QuantizedFunction = keyof typeof functions | keyof typeof transforms;
type Integer = (x: number, from: Scale, to: Scale, n: NodeContext) => number;

const multiplied = (x: number, real: number): number => {
  const { multiplier, shift } = factor(real);
  return scaled(x, multiplier, shift, 'double');
};

/** A clamp with a change of scale (QuantizedReluX). */
const clampedBy =
  (code: number): Integer =>
  (x, from, to, n) =>
    limited(to.zero + multiplied(x - from.zero, f32(from.scale / to.scale)), activationRange(n, code, to));

const functions = {
  RELU: clampedBy(1),
  RELU_N1_TO_1: clampedBy(2),
  RELU6: clampedBy(3),
  RELU_0_TO_1: ((x, from, to) =>
    limited(to.zero + multiplied(x - from.zero, f32(from.scale / to.scale)), {
      low: Math.max(to.low, quantizedNumber(0, to)),
      high: Math.min(to.high, quantizedNumber(1, to)),
    })) as Integer,
  LEAKY_RELU: ((x, from, to, n) => {
    const value = x - from.zero;
    const { alpha } = n.options(leakyReluOptions);
    const real = value >= 0 ? f32(from.scale / to.scale) : f32(f32(from.scale * alpha) / to.scale);
    return limited(to.zero + multiplied(value, real), to);
  }) as Integer,
  HARD_SWISH: hardSwish as Integer,
  ABS: ((x, from, to) => limited(to.zero + multiplied(Math.abs(x - from.zero), f32(from.scale / to.scale)), to)) as Integer,
  // The reference negates bytes, whatever their scales, and does not saturate.
  NEG: ((x) => (-x << 24) >> 24) as Integer,
  // Rounded towards 0.
  SQRT: ((x, from, to) =>
    limited(Math.trunc(f32(f32(Math.sqrt(f32(from.scale * Math.max(0, x - from.zero)))) / to.scale)) + to.zero, to)) as Integer,
  RSQRT: inverseRoot as Integer,
} as const;

/** Applies `name` to input 0 by a table of 256 entries, or for int16 by its own arithmetic. */
export function quantizedActivation(n: NodeContext, name: QuantizedFunction): Value {
  const [from, to] = [scaleIn(n, 0), scaleOut(n)];
  if (n.x(0).dtype !== 'i8') return activationInt16(n, name, from, to);
  if (name in functions) return byTable(n, n.x(0), (x) => functions[name as keyof typeof functions](x, from, to, n));
  const transform = transforms[name as keyof typeof transforms];
  const inverse = f32(1 / to.scale);
  return byTable(n, n.x(0), (x) => {
    const y = f32(transform(f32(from.scale * (x - from.zero)), n));
    const steps = f32(y * inverse);
    return Number.isFinite(steps) ? limited(roundAway(steps) + to.zero, to) : steps > 0 ? to.high : to.low;
  });
}

const int16 = (x: number): number => Math.max(-32768, Math.min(x, 32767));
/** Rounded high half of the doubled product of 16-bit numbers. */
const high16 = (a: number, b: number): number => (a === -32768 && b === a ? 32767 : (a * b + 16384) >> 15);
/** Truncated, as the reference multiplies the last factors. */
const doublingHigh16 = (a: number, b: number): number => (a === -32768 && b === a ? 32767 : Math.trunc((a * b) / 32768));

/**
 * x / 2^shift, halves away from zero, of 16-bit numbers as gemmlowp divides them: from a shift of 16 on its mask of the bits that are cut is -1, and the result
 * 1 or, below 0, -1.
 */
function divided16(x: number, shift: number): number {
  const mask = shift < 16 ? 2 ** shift - 1 : -1;
  return (x >> Math.min(shift, 31)) + ((x & mask) > (mask >> 1) + (x < 0 ? 1 : 0) ? 1 : 0);
}

/** A factor as a 16-bit multiplier and its exponent (DownScaleInt32ToInt16Multiplier). */
function factor16(real: number): { multiplier: number; shift: number } {
  const { multiplier, shift } = factor(real);
  return { multiplier: multiplier >= 2147450880 - 32768 ? Math.min(32767, (multiplier + 32768) >> 16) : (multiplier + 32768) >> 16, shift };
}

/** x relu6(x + 3) / 6 in 16-bit fixed point (reference HardSwish). */
function hardSwish(x: number, from: Scale, to: Scale): number {
  const hires = f32(f32(1 / 128) * from.scale);
  const reluish = factor16(f32(hires / f32(3 / 32768)));
  const output = factor16(f32(hires / to.scale));
  const input = (x - from.zero) * 128;
  const preshift = high16(input, output.multiplier);
  let gate = input;
  if (reluish.shift > 0) gate = int16(gate * 2 ** (reluish.shift - 1));
  gate = high16(gate, reluish.multiplier);
  if (reluish.shift > 0) gate = int16(gate * 2);
  if (reluish.shift < 0) gate = divided16(gate, -reluish.shift);
  gate = (gate + 32768) >> 1;
  const product = doublingHigh16(gate, preshift);
  return limited(divided16(product, -output.shift) + to.zero, to);
}

/** x where it is positive, else x · slope, with two changes of scale. */
export function quantizedPrelu(n: NodeContext): Value {
  const [from, slope, to] = [scaleIn(n, 0), scaleIn(n, 1), scaleOut(n)];
  const centred = (index: number, zero: number) => sub([n.held32(index), n.integers([zero], [])]);
  const x = centred(0, from.zero);
  const kept = rescale(x, { ...factor(f32(from.scale / to.scale)), zero: to.zero, low: to.low, high: to.high, rounding: 'double' });
  const sloped = rescale(mul([x, centred(1, slope.zero)]), {
    ...factor(f32(f32(from.scale * slope.scale) / to.scale)),
    zero: to.zero,
    low: to.low,
    high: to.high,
    rounding: 'double',
  });
  const y = where([greaterOrEqual([x, n.integers([0], [])]), kept, sloped]);
  return n.held() === 'i8' ? cast(y, { to: 'i8' }) : y;
}

/** 1 / √x in fixed point (RsqrtEvalQuantized of the reference); 0 gives the largest number. */
function inverseRoot(x: number, from: Scale, to: Scale): number {
  const value = x - from.zero;
  if (value <= 0) return to.high;
  const { multiplier, shift } = inverseSqrt(value);
  const data = scaled(1, multiplier, shift + 20, 'double');
  const ratio = factor(1 / (Math.sqrt(from.scale) * to.scale));
  return limited(scaled(data, ratio.multiplier, ratio.shift - 20, 'double') + to.zero, to);
}
