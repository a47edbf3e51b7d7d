// exp and log of f32, after Cephes (S. L. Moshier, expf.c and logf.c). One vector and one scalar form with the same operations in the
// same order: the simd flavour uses the first (tails included), the scalar flavour the second, and both give the same bits.
// The vector forms are inlined. V8 builds a 16-byte constant anew at each use, loop or not, in three instructions: hot loops take constants
// from the lanes of vectors made before the loop, which it keeps (2× faster, measured).

import { madd } from '../kernels/vector_f32';

export const LOG2E: f32 = 1.44269504088896341;
export const LN2_HIGH: f32 = 0.693359375;
export const LN2_LOW: f32 = -2.1219444e-4;
/** 1.5 · 2^23: adding it rounds to a whole number and leaves that in the low bits. Cheaper than `nearest` and `trunc_sat`. */
export const ROUND: f32 = 12582912;
const ROUND_BITS: i32 = 0x4b400000;
/** What the bits of n + ROUND exceed those of 2^n by, before these are shifted to the exponent. */
export const ROUND_BIAS: i32 = 0x4b400000 - 127;
/** The power of 2 of e^LOWEST has exponent bits 0: from -87.68 on expBelow4 is 0. */
export const LOWEST: f32 = -88;
const SQRT_HALF: f32 = 0.707106781186547524;

/** Lane 0, 1, 2 or 3 of v in all lanes. */
@inline
export function lane0(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 0, 0, 0, 0);
}

@inline
export function lane1(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 1, 1, 1, 1);
}

@inline
export function lane2(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 2, 2, 2, 2);
}

@inline
export function lane3(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 3, 3, 3, 3);
}

/** The constants of exp4, for loops: `zero` is 0, but not to the eyes of a compiler. */
@inline
export function expA(zero: v128): v128 {
  return v128.or(f32x4(LOG2E, ROUND, LN2_HIGH, LN2_LOW), zero);
}

@inline
export function expB(zero: v128): v128 {
  return v128.or(f32x4(1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2), zero);
}

@inline
export function expC(zero: v128): v128 {
  return v128.or(f32x4(1.6666665459e-1, 5.0000001201e-1, 89, -105), zero);
}

/** 1 and the bias of an exponent. */
@inline
export function expD(zero: v128): v128 {
  return v128.or(i32x4(0x3f800000, 127, 0, 0), zero);
}

/** e^x; below -103.97 zero (subnormal results are computed), above 88.72 infinity. a … d: expA … expD. */
@inline
export function expOf4(x: v128, a: v128, b: v128, c: v128, d: v128): v128 {
  const limited = f32x4.pmax(f32x4.pmin(x, lane2(c)), lane3(c));
  const round = lane1(a);
  const rounded = f32x4.add(f32x4.mul(limited, lane0(a)), round);
  const n = f32x4.sub(rounded, round);
  let r = f32x4.sub(limited, f32x4.mul(n, lane2(a)));
  r = f32x4.sub(r, f32x4.mul(n, lane3(a)));
  // Pairs of terms, so that the chain of dependent operations is short.
  const z = f32x4.mul(r, r);
  const high = madd(lane0(b), r, lane1(b)),
    middle = madd(lane2(b), r, lane3(b)),
    last = madd(lane0(c), r, lane1(c));
  let p = madd(madd(high, z, middle), z, last);
  p = f32x4.add(madd(p, z, r), lane0(d));
  // 2^n in two factors: n reaches 128 and -151. `round` is ROUND_BITS too.
  const e = i32x4.sub(rounded, round);
  const half = i32x4.shr_s(e, 1);
  const bias = lane1(d);
  p = f32x4.mul(p, i32x4.shl(i32x4.add(half, bias), 23));
  return f32x4.mul(p, i32x4.shl(i32x4.add(i32x4.sub(e, half), bias), 23));
}

@inline
export function exp4(x: v128): v128 {
  const zero = f32x4.splat(0);
  return expOf4(x, expA(zero), expB(zero), expC(zero), expD(zero));
}

export function exp1(x: f32): f32 {
  const limited: f32 = x > 89 ? 89 : x < -105 ? -105 : x;
  const rounded: f32 = limited * LOG2E + ROUND;
  const n: f32 = rounded - ROUND;
  let r: f32 = limited - n * LN2_HIGH;
  r = r - n * LN2_LOW;
  const z: f32 = r * r;
  const high: f32 = <f32>1.98756915e-4 * r + <f32>1.3981999507e-3;
  const middle: f32 = <f32>8.3334519073e-3 * r + <f32>4.1665795894e-2;
  const last: f32 = <f32>1.6666665459e-1 * r + <f32>5.0000001201e-1;
  let p: f32 = (high * z + middle) * z + last;
  p = p * z + r + <f32>1;
  const e = reinterpret<i32>(rounded) - ROUND_BITS;
  const half = e >> 1;
  p = p * reinterpret<f32>((half + 127) << 23);
  return p * reinterpret<f32>((e - half + 127) << 23);
}

/**
 * e^x for x <= 0 that ends at 0 where results would be subnormal, so that a power of 2 takes one shift. The constants in all lanes: LOG2E, ROUND,
 * -LN2_HIGH, -LN2_LOW, the polynomial, LOWEST, 1, ROUND_BIAS.
 */
@inline
export function expBelow4(
  x: v128,
  log2e: v128,
  round: v128,
  minusLn2High: v128,
  minusLn2Low: v128,
  c0: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  lowest: v128,
  one: v128,
  bias: v128,
): v128 {
  const limited = f32x4.pmax(x, lowest);
  const rounded = madd(limited, log2e, round);
  const n = f32x4.sub(rounded, round);
  const r = madd(n, minusLn2Low, madd(n, minusLn2High, limited));
  const z = f32x4.mul(r, r);
  const high = madd(c0, r, c1),
    middle = madd(c2, r, c3),
    last = madd(c4, r, c5);
  const p = f32x4.add(madd(madd(madd(high, z, middle), z, last), z, r), one);
  return f32x4.mul(p, i32x4.shl(i32x4.sub(rounded, bias), 23));
}

export function expBelow1(x: f32): f32 {
  const limited: f32 = x < LOWEST ? LOWEST : x;
  const rounded: f32 = limited * LOG2E + ROUND;
  const n: f32 = rounded - ROUND;
  let r: f32 = limited - n * LN2_HIGH;
  r = r - n * LN2_LOW;
  const z: f32 = r * r;
  const high: f32 = <f32>1.98756915e-4 * r + <f32>1.3981999507e-3;
  const middle: f32 = <f32>8.3334519073e-3 * r + <f32>4.1665795894e-2;
  const last: f32 = <f32>1.6666665459e-1 * r + <f32>5.0000001201e-1;
  const p: f32 = ((high * z + middle) * z + last) * z + r + <f32>1;
  return p * reinterpret<f32>((reinterpret<i32>(rounded) - ROUND_BIAS) << 23);
}

/** ln x; -infinity at 0, NaN below. */
@inline
export function log4(x: v128): v128 {
  const tiny = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const scaled = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, tiny);
  const e0 = i32x4.sub(i32x4.shr_u(scaled, 23), i32x4.splat(126));
  let e = f32x4.convert_i32x4_s(e0);
  e = f32x4.sub(e, v128.and(tiny, f32x4.splat(23)));
  let m = v128.or(v128.and(scaled, i32x4.splat(0x007fffff)), f32x4.splat(0.5));
  const small = f32x4.lt(m, f32x4.splat(SQRT_HALF));
  e = f32x4.sub(e, v128.and(small, f32x4.splat(1)));
  m = f32x4.add(f32x4.sub(m, f32x4.splat(1)), v128.and(small, m));
  const z = f32x4.mul(m, m);
  let p = f32x4.splat(7.0376836292e-2);
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.151461031e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.167699874e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.2420140846e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(1.4249322787e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-1.6668057665e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(2.0000714765e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(-2.4999993993e-1));
  p = f32x4.add(f32x4.mul(p, m), f32x4.splat(3.3333331174e-1));
  p = f32x4.mul(f32x4.mul(p, m), z);
  p = f32x4.add(p, f32x4.mul(e, f32x4.splat(LN2_LOW)));
  p = f32x4.sub(p, f32x4.mul(z, f32x4.splat(0.5)));
  p = f32x4.add(f32x4.add(m, p), f32x4.mul(e, f32x4.splat(LN2_HIGH)));
  p = v128.bitselect(f32x4.splat(Infinity), p, f32x4.eq(x, f32x4.splat(Infinity)));
  p = v128.bitselect(f32x4.splat(-Infinity), p, f32x4.eq(x, f32x4.splat(0)));
  return v128.bitselect(p, f32x4.splat(NaN), f32x4.ge(x, f32x4.splat(0)));
}

export function log1(x: f32): f32 {
  if (!(x >= 0)) return NaN;
  if (x == 0) return -Infinity;
  if (x == Infinity) return x;
  const tiny = x < <f32>1.17549435e-38;
  const bits = reinterpret<i32>(tiny ? x * 8388608 : x);
  let e: f32 = <f32>((bits >>> 23) - 126);
  if (tiny) e -= 23;
  let m = reinterpret<f32>((bits & 0x007fffff) | 0x3f000000);
  if (m < SQRT_HALF) {
    e -= 1;
    m = m - 1 + m;
  } else m = m - 1;
  const z: f32 = m * m;
  let p: f32 = 7.0376836292e-2;
  p = p * m + <f32>-1.151461031e-1;
  p = p * m + <f32>1.167699874e-1;
  p = p * m + <f32>-1.2420140846e-1;
  p = p * m + <f32>1.4249322787e-1;
  p = p * m + <f32>-1.6668057665e-1;
  p = p * m + <f32>2.0000714765e-1;
  p = p * m + <f32>-2.4999993993e-1;
  p = p * m + <f32>3.3333331174e-1;
  p = p * m * z;
  p = p + e * LN2_LOW;
  p = p - z * <f32>0.5;
  return m + p + e * LN2_HIGH;
}

/** ln(1 + x) for 0 <= x <= 1, as 2 artanh(x / (2 + x)) (minimax polynomial of the rest, relative error 2e-10). */
@inline
export function log1p4(x: v128): v128 {
  const s = f32x4.div(x, f32x4.add(x, f32x4.splat(2)));
  const z = f32x4.mul(s, s);
  let p = f32x4.splat(0.1220470168);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.1070557317));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.1430844225));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.1999947665));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(0.3333333677));
  p = f32x4.mul(f32x4.mul(p, z), s);
  p = f32x4.add(p, s);
  return f32x4.add(p, p);
}

export function log1p1(x: f32): f32 {
  const s: f32 = x / (x + 2);
  const z: f32 = s * s;
  let p: f32 = 0.1220470168;
  p = p * z + <f32>0.1070557317;
  p = p * z + <f32>0.1430844225;
  p = p * z + <f32>0.1999947665;
  p = p * z + <f32>0.3333333677;
  p = p * z * s;
  p = p + s;
  return p + p;
}

/** e^x - 1 for x <= 0: 2^n (e^r - 1) + (2^n - 1), with r = x - n ln 2 (minimax polynomial, relative error 5e-10). */
@inline
export function expm14(x: v128): v128 {
  const limited = f32x4.pmax(x, f32x4.splat(-87));
  const rounded = f32x4.add(f32x4.mul(limited, f32x4.splat(LOG2E)), f32x4.splat(ROUND));
  const n = f32x4.sub(rounded, f32x4.splat(ROUND));
  let r = f32x4.sub(limited, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let p = f32x4.splat(1.990770445e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.394870049e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.333285837e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1666239e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.1666666676));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5000000081));
  p = f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r);
  const power = i32x4.shl(i32x4.sub(rounded, i32x4.splat(ROUND_BITS - 127)), 23);
  return f32x4.add(f32x4.mul(p, power), f32x4.sub(power, f32x4.splat(1)));
}

export function expm11(x: f32): f32 {
  const limited: f32 = x < -87 ? -87 : x;
  const rounded: f32 = limited * LOG2E + ROUND;
  const n: f32 = rounded - ROUND;
  let r: f32 = limited - n * LN2_HIGH;
  r = r - n * LN2_LOW;
  let p: f32 = 1.990770445e-4;
  p = p * r + <f32>1.394870049e-3;
  p = p * r + <f32>8.333285837e-3;
  p = p * r + <f32>4.1666239e-2;
  p = p * r + <f32>0.1666666676;
  p = p * r + <f32>0.5000000081;
  p = p * r * r + r;
  const power = reinterpret<f32>((reinterpret<i32>(rounded) - (ROUND_BITS - 127)) << 23);
  return p * power + (power - 1);
}
