// Element-wise arithmetic on two i8, under broadcasting; y may be a or b.
import { limited, limitedFloat, scaled } from '../math/requantize';
import { cut, cutBytes, FAR_CENTER, FAR_CLOSE, factorOf, FIRST, FRACTION, nudgeOf, nudged, smallest } from '../math/requantize_vectors';
import { Binary, BinaryInt8 } from '../records';
import { madd } from './vector_f32';

/** a · b + c, rounded once. Of such operands the f64 is exact, but where c is without weight. */
@inline
function fused(a: i32, b: f32, c: f32): f32 {
  return <f32>(<f64>a * <f64>b + <f64>c);
}

/** ARITHMETICS of src/ops/requantize.ts. */
const UINT8: u32 = 0,
  FLOAT: u32 = 2;

/** How much larger numbers are that zero points take part in. */
@inline
function offsetOf(r: BinaryInt8): i32 {
  return r.arithmetic == UINT8 ? 128 : 0;
}

@inline
function floatSum(r: BinaryInt8, a: i32, b: i32): i32 {
  const offset = offsetOf(r);
  if (r.bSign < 0) return limitedFloat((<f32>a * r.aScale - <f32>b * r.bScale) / r.yScale, r.yZero, r.low, r.high);
  if (r.arithmetic == FLOAT) return limitedFloat((<f32>a * r.aScale + <f32>b * r.bScale) / r.yScale, r.yZero, r.low, r.high);
  const part = fused(b + r.bZero + offset, load<f32>(r.scratch, B_RATIO), load<f32>(r.scratch, FIXED));
  return limitedFloat(fused(a + r.aZero + offset, load<f32>(r.scratch, A_RATIO), part), -offset, r.low, r.high);
}

@inline
function floatProduct(r: BinaryInt8, a: i32, b: i32): i32 {
  const offset = offsetOf(r);
  if (r.arithmetic == FLOAT) return limitedFloat((<f32>a * r.aScale * (<f32>b * r.bScale)) / r.yScale, r.yZero, r.low, r.high);
  return limitedFloat(<f32>(a * b) * ((r.aScale * r.bScale) / r.yScale) + <f32>(r.yZero + offset), -offset, r.low, r.high);
}

@inline
function sum(r: BinaryInt8, a: i32, b: i32): i32 {
  if (r.rounding == 2) return floatSum(r, a, b);
  const left = scaled(a << r.leftShift, r.aMultiplier, r.aShift, r.rounding),
    right = scaled(b << r.leftShift, r.bMultiplier, r.bShift, r.rounding);
  return limited(scaled(left + r.bSign * right, r.yMultiplier, r.yShift, r.rounding), r.yZero, r.low, r.high);
}

@inline
function product(r: BinaryInt8, a: i32, b: i32): i32 {
  if (r.rounding == 2) return floatProduct(r, a, b);
  return limited(scaled(a * b, r.yMultiplier, r.yShift, r.rounding), r.yZero, r.low, r.high);
}

export function add_s8(r: BinaryInt8): void {
  arithmetic(r, false);
}
export function mul_s8(r: BinaryInt8): void {
  arithmetic(r, true);
}

/**
 * How vectors find results: they place factor · (a · b), or a · aFactor + b · bFactor, and what is within 20 units of a tie is computed again exactly. Of
 * such a call, in scratch: constants (V8 makes a constant vector anew at each use, but loads one in an instruction), then 8 numbers of a and b.
 */
const FRACTIONS: usize = 0,
  FIRSTS: usize = 4,
  SIGNS: usize = 8,
  SIGN_BITS: usize = 12,
  CLOSES: usize = 16,
  START: usize = 20,
  LEFT: usize = 24,
  RIGHT: usize = 28,
  OPERANDS: usize = 32;
/** Then, of sums with float rounding: both scales in that of y, and what zero points add. */
const A_RATIO: usize = 64,
  B_RATIO: usize = 68,
  FIXED: usize = 72;

/** The order of roundings is that of ONNX Runtime on x86. */
function prepareRatios(r: BinaryInt8): void {
  const aRatio = r.aScale / r.yScale,
    bRatio = r.bScale / r.yScale,
    offset = offsetOf(r);
  store<f32>(r.scratch, aRatio, A_RATIO);
  store<f32>(r.scratch, bRatio, B_RATIO);
  store<f32>(r.scratch, <f32>(r.yZero + offset) - fused(r.aZero + offset, aRatio, <f32>(r.bZero + offset) * bRatio), FIXED);
}

/** 2^-16: half a unit, in which steps on the way to a sum may differ from exact ones. */
const SMALL: f64 = 0.0000152587890625;

@inline
function exactFactor(multiplier: i32, shift: i32): f64 {
  return <f64>multiplier * <f64>reinterpret<f32>((shift + 96) << 23);
}

/**
 * Fills scratch. Whether places are exact enough: up to factors of 8, errors add up to 18 units of 2^-15. Of them, 4 are of the factors and of START each, 2 of
 * each product and 4 of their sum as f32, 1 of whole numbers on the exact way. With float rounding that has 6 units of its own at factors of 2, and the places 7.
 */
function prepareSums(r: BinaryInt8): bool {
  let left: f64, right: f64;
  let most: f64 = 8;
  if (r.rounding == 2) {
    left = <f64>load<f32>(r.scratch, A_RATIO);
    right = <f64>load<f32>(r.scratch, B_RATIO);
    most = 2;
  } else {
    // What is scaled by at most 1 does not overflow.
    if (r.aShift > 0 || r.bShift > 0 || r.leftShift > 20) return false;
    const factor = exactFactor(r.yMultiplier, r.yShift);
    if (!(factor <= SMALL) || !(<f64>nudgeOf(r.yShift, r.rounding) <= SMALL)) return false;
    const moved = factor * <f64>(1 << r.leftShift);
    left = exactFactor(r.aMultiplier, r.aShift) * moved;
    right = exactFactor(r.bMultiplier, r.bShift) * moved;
  }
  right *= <f64>r.bSign;
  store<f32>(r.scratch, <f32>left, LEFT);
  store<f32>(r.scratch, <f32>right, RIGHT);
  store<f32>(r.scratch, <f32>(<f64>FAR_CENTER + <f64>r.yZero - <f64>r.aZero * left - <f64>r.bZero * right), START);
  return abs<f64>(left) <= most && abs<f64>(right) <= most;
}

function prepareProducts(r: BinaryInt8): bool {
  const factor = r.rounding == 2 ? (r.aScale * r.bScale) / r.yScale : factorOf(r.yMultiplier, r.yShift);
  store<f32>(r.scratch, factor, LEFT);
  store<f32>(r.scratch, r.rounding == 2 ? 0 : nudgeOf(r.yShift, r.rounding), RIGHT);
  store<f32>(r.scratch, FAR_CENTER + <f32>r.yZero, START);
  return abs<f32>(factor) <= 1024;
}

@inline
function prepare(r: BinaryInt8, multiply: bool): bool {
  store<i32>(r.scratch, FRACTION, FRACTIONS);
  store<i32>(r.scratch, FIRST | (FIRST << 16), FIRSTS);
  store<i32>(r.scratch, 0x80808080, SIGNS);
  store<i32>(r.scratch, i32.MIN_VALUE, SIGN_BITS);
  store<i32>(r.scratch, FAR_CLOSE, CLOSES);
  return multiply ? prepareProducts(r) : prepareSums(r);
}

@inline
function arithmetic(r: BinaryInt8, multiply: bool): void {
  let y = r.y;
  let vectors: bool = false;
  if (!multiply && r.rounding == 2) prepareRatios(r);
  if (ASC_FEATURE_SIMD) {
    if (r.a5 <= 1 && r.b5 <= 1 && r.n5 >= 8) vectors = prepare(r, multiply);
  }
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          for (let i4: u32 = 0; i4 < r.n4; i4++) {
            const a = r.a + i0 * r.a0 + i1 * r.a1 + i2 * r.a2 + i3 * r.a3 + i4 * r.a4,
              b = r.b + i0 * r.b0 + i1 * r.b1 + i2 * r.b2 + i3 * r.b3 + i4 * r.b4;
            let from: usize = 0;
            if (ASC_FEATURE_SIMD) {
              if (vectors) {
                from = r.n5 & ~7;
                if (multiply) products(r, a, b, y, from);
                else sums(r, a, b, y, from);
              }
            }
            if (multiply) productLine(r, a, b, y, from, r.n5);
            else sumLine(r, a, b, y, from, r.n5);
            y += r.n5;
          }
        }
      }
    }
  }
}

function sumLine(r: BinaryInt8, a: usize, b: usize, y: usize, from: usize, end: usize): void {
  for (let i = from; i < end; i++) store<i8>(y + i, sum(r, <i32>load<i8>(a + i * r.a5) - r.aZero, <i32>load<i8>(b + i * r.b5) - r.bZero));
}

function productLine(r: BinaryInt8, a: usize, b: usize, y: usize, from: usize, end: usize): void {
  for (let i = from; i < end; i++)
    store<i8>(y + i, product(r, <i32>load<i8>(a + i * r.a5) - r.aZero, <i32>load<i8>(b + i * r.b5) - r.bZero));
}

/** 8 numbers, or one 8 times. */
@inline
function numbers(x: usize, stride: usize): v128 {
  return stride ? v128.load8x8_s(x) : i16x8.splat(<i16>load<i8>(x));
}

/** Whether the smallest of some fractions is sure. */
@inline
function isSure(r: BinaryInt8, least: v128): bool {
  return !v128.any_true(i32x4.lt_s(least, v128.load32_splat(r.scratch, CLOSES)));
}

/** Stores 8 results from their places; whether all are sure. */
@inline
function settled(r: BinaryInt8, v0: v128, v1: v128, low: v128, high: v128, y: usize): bool {
  const mask = v128.load32_splat(r.scratch, FRACTIONS);
  const v = cut(v0, v1, v128.load32_splat(r.scratch, FIRSTS));
  v128.store64_lane(y, cutBytes(v, v, v128.load32_splat(r.scratch, SIGNS), low, high), 0);
  return isSure(r, smallest(v128.and(v0, mask), v1, mask));
}

/** 16. */
@inline
function settledTwice(r: BinaryInt8, v0: v128, v1: v128, v2: v128, v3: v128, low: v128, high: v128, y: usize): bool {
  const mask = v128.load32_splat(r.scratch, FRACTIONS),
    first = v128.load32_splat(r.scratch, FIRSTS);
  v128.store(y, cutBytes(cut(v0, v1, first), cut(v2, v3, first), v128.load32_splat(r.scratch, SIGNS), low, high));
  return isSure(r, smallest(smallest(smallest(v128.and(v0, mask), v1, mask), v2, mask), v3, mask));
}

@inline
function placeLow(p: v128, q: v128, left: v128, right: v128, start: v128): v128 {
  const a = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(p)),
    b = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(q));
  return madd(b, right, madd(a, left, start));
}

@inline
function placeHigh(p: v128, q: v128, left: v128, right: v128, start: v128): v128 {
  const a = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(p)),
    b = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(q));
  return madd(b, right, madd(a, left, start));
}

function sums(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  const left = v128.load32_splat(r.scratch, LEFT),
    right = v128.load32_splat(r.scratch, RIGHT),
    start = v128.load32_splat(r.scratch, START),
    low = i8x16.splat(<i8>r.low),
    high = i8x16.splat(<i8>r.high);
  // y may be a or b: what is computed again is what was read.
  for (; count >= 16; count -= 16) {
    const p = numbers(a, r.a5),
      q = numbers(b, r.b5),
      s = numbers(a + (r.a5 << 3), r.a5),
      t = numbers(b + (r.b5 << 3), r.b5);
    const v0 = placeLow(p, q, left, right, start),
      v1 = placeHigh(p, q, left, right, start),
      v2 = placeLow(s, t, left, right, start),
      v3 = placeHigh(s, t, left, right, start);
    if (!settledTwice(r, v0, v1, v2, v3, low, high, y)) {
      again(r, p, q, unsure(r, v0, v1), y, false);
      again(r, s, t, unsure(r, v2, v3), y + 8, false);
    }
    a += r.a5 << 4;
    b += r.b5 << 4;
    y += 16;
  }
  if (count) {
    const p = numbers(a, r.a5),
      q = numbers(b, r.b5);
    const v0 = placeLow(p, q, left, right, start),
      v1 = placeHigh(p, q, left, right, start);
    if (!settled(r, v0, v1, low, high, y)) again(r, p, q, unsure(r, v0, v1), y, false);
  }
}

function products(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  const factor = v128.load32_splat(r.scratch, LEFT),
    nudge = v128.load32_splat(r.scratch, RIGHT),
    start = v128.load32_splat(r.scratch, START),
    sign = v128.load32_splat(r.scratch, SIGN_BITS),
    low = i8x16.splat(<i8>r.low),
    high = i8x16.splat(<i8>r.high),
    aZero = i16x8.splat(<i16>r.aZero),
    bZero = i16x8.splat(<i16>r.bZero);
  for (let i: usize = 0; i < count; i += 8) {
    const p = numbers(a + i * r.a5, r.a5),
      q = numbers(b + i * r.b5, r.b5);
    const left = i16x8.sub(p, aZero),
      right = i16x8.sub(q, bZero);
    const v0 = f32x4.add(nudged(i32x4.extmul_low_i16x8_s(left, right), factor, nudge, sign), start),
      v1 = f32x4.add(nudged(i32x4.extmul_high_i16x8_s(left, right), factor, nudge, sign), start);
    if (!settled(r, v0, v1, low, high, y + i)) again(r, p, q, unsure(r, v0, v1), y + i, true);
  }
}

/** A bit for each of 8 places that is too close to a tie. */
@inline
function unsure(r: BinaryInt8, v0: v128, v1: v128): i32 {
  const mask = v128.load32_splat(r.scratch, FRACTIONS),
    close = v128.load32_splat(r.scratch, CLOSES);
  return i32x4.bitmask(i32x4.lt_s(v128.and(v0, mask), close)) | (i32x4.bitmask(i32x4.lt_s(v128.and(v1, mask), close)) << 4);
}

/** Those of 8 results that have their bit in `which`, exactly. An image of few colours asks for the same ones all over. */
function again(r: BinaryInt8, p: v128, q: v128, which: i32, y: usize, multiply: bool): void {
  const at = r.scratch + OPERANDS;
  v128.store(at, p);
  v128.store(at, q, 16);
  for (; which; which &= which - 1) {
    const i = <usize>ctz(which);
    const left = <i32>load<i16>(at + (i << 1)) - r.aZero,
      right = <i32>load<i16>(at + (i << 1), 16) - r.bZero;
    store<i8>(y + i, multiply ? product(r, left, right) : sum(r, left, right));
  }
}

export function max_s8(r: Binary): void {
  extremum(r, true);
}
export function min_s8(r: Binary): void {
  extremum(r, false);
}

@inline
function extremum(r: Binary, largest: bool): void {
  let y = r.y;
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          for (let i4: u32 = 0; i4 < r.n4; i4++) {
            const a = r.a + i0 * r.a0 + i1 * r.a1 + i2 * r.a2 + i3 * r.a3 + i4 * r.a4,
              b = r.b + i0 * r.b0 + i1 * r.b1 + i2 * r.b2 + i3 * r.b3 + i4 * r.b4;
            extremumLine(a, r.a5, b, r.b5, y, r.n5, largest);
            y += r.n5;
          }
        }
      }
    }
  }
}

function extremumLine(a: usize, aStride: usize, b: usize, bStride: usize, y: usize, count: usize, largest: bool): void {
  if (ASC_FEATURE_SIMD) {
    if (aStride <= 1 && bStride <= 1) {
      for (; count >= 16; count -= 16) {
        const p = aStride ? v128.load(a) : v128.load8_splat(a),
          q = bStride ? v128.load(b) : v128.load8_splat(b);
        v128.store(y, largest ? i8x16.max_s(p, q) : i8x16.min_s(p, q));
        a += aStride << 4;
        b += bStride << 4;
        y += 16;
      }
    }
  }
  for (; count; count--) {
    const p = <i32>load<i8>(a),
      q = <i32>load<i8>(b);
    store<i8>(y, largest ? max<i32>(p, q) : min<i32>(p, q));
    a += aStride;
    b += bStride;
    y++;
  }
}
