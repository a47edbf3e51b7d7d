import { doublingHighProduct, roundingShift, scaled } from '../../core/fixedPoint.ts';
import type { Value } from '../../ir/graph.ts';
import { cast, greaterOrEqual, mul, sub, where } from '../../ops/index.ts';
import { rescale } from '../../ops/rescale.ts';
import type { NodeContext } from './context.ts';
import { geluOptions, leakyReluOptions } from './options.ts';
import { activationRange, byTable, factor, limited, quantizedNumber, roundAway, type Scale, scaleIn, scaleOut } from './quantization.ts';
import { activationInt16 } from './quantizedInt16.ts';

const f32 = Math.fround;
/** Functions of one number that quantized tensors go through. */
export type QuantizedFunction = keyof typeof functions | keyof typeof transforms;
type Integer = (x: number, from: Scale, to: Scale, n: NodeContext) => number;

/** Functions that the reference tabulates in f32 (LUTPopulate): dequantize, transform, round(y / scale). */
const transforms = {
  LOGISTIC: (x: number) => 1 / (1 + f32(Math.exp(-x))),
  TANH: Math.tanh,
  EXP: Math.exp,
  LOG: Math.log,
  ELU: (x: number) => (x < 0 ? Math.expm1(x) : x),
  GELU: (x: number, n: NodeContext) =>
    n.options(geluOptions).approximate
      ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
      : 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  SQUARE: (x: number) => x * x,
  SQRT: Math.sqrt,
} as const;

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
  // The reference does not saturate.
  NEG: ((x, from, to) => ((to.zero + from.zero - x) << 24) >> 24) as Integer,
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

/** erf to double precision: its series near 0, its continued fraction elsewhere. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let [term, sum] = [a, a];
    for (let i = 1; i < 80; i++) {
      term *= (-a * a) / i;
      sum += term / (2 * i + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let i = 40; i > 0; i--) fraction = i / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}

const int16 = (x: number): number => Math.max(-32768, Math.min(x, 32767));
/** Rounded high half of the doubled product of 16-bit numbers. */
const high16 = (a: number, b: number): number => (a === -32768 && b === a ? 32767 : (a * b + 16384) >> 15);
/** Truncated, as the reference multiplies the last factors. */
const doublingHigh16 = (a: number, b: number): number => (a === -32768 && b === a ? 32767 : Math.trunc((a * b) / 32768));

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
  if (reluish.shift < 0) gate = Number(roundingShift(BigInt(gate), -reluish.shift));
  gate = (gate + 32768) >> 1;
  const product = doublingHigh16(gate, preshift);
  return limited(Number(roundingShift(BigInt(product), -output.shift)) + to.zero, to);
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

/** 1 / √x of a whole number as multiplier and shift: Newton-Raphson in fixed point (GetInvSqrtQuantizedMultiplierExp). */
function inverseSqrt(x: number): { multiplier: number; shift: number } {
  if (x <= 1) return { multiplier: 2 ** 31 - 1, shift: 0 };
  const pairs = Math.floor((Math.clz32(x) - 1) / 2) - 1;
  const input = Math.floor((x * 4 ** pairs) / 2);
  const times = doublingHighProduct;
  const left = (value: number, exponent: number) => Math.max(-(2 ** 31), Math.min(value * 2 ** exponent, 2 ** 31 - 1));
  const half = Number(roundingShift(BigInt(input), 1));
  let y = 2 ** 28;
  for (let i = 0; i < 5; i++) {
    const cube = left(times(times(y, y), y), 6);
    y = left(times(2 ** 28 + 2 ** 27, y) - times(half, cube), 3);
  }
  const root = times(y, 1518500250);
  const right = 11 - pairs;
  return right < 0 ? { multiplier: root * 2 ** -right, shift: 0 } : { multiplier: root, shift: -right };
}
