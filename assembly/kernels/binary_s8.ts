// Element-wise arithmetic on two i8, under broadcasting; y may be a or b.
import { limited, limitedFloat, scaled } from '../math/requantize';
import {
  cutBytes,
  CLOSE_FAR,
  centerOf,
  closeBelow,
  FRACTION,
  factorOf,
  limitedBytes,
  nudgeOf,
  nudged,
  STEP,
  smallest,
} from '../math/requantize_vectors';
import { Binary, BinaryInt8 } from '../records';
import { zip16, zip16High } from './zip';

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
 * How vectors find results: products are placed in f32 (`requantize_vectors.ts`), sums a · aFactor + b · bFactor + START in whole numbers of 2^-20; what is
 * near a tie is computed again exactly. Of such a call, in scratch: constants (V8 makes a constant vector anew at each use, but loads one in an instruction),
 * then 8 numbers of a and b.
 */
const FRACTIONS: usize = 0,
  SIGNS: usize = 4,
  SIGN_BITS: usize = 8,
  CLOSES: usize = 12,
  START: usize = 16,
  FACTOR: usize = 20,
  NUDGE: usize = 24,
  OPERANDS: usize = 32;
/** The factors of a sum, of 24 bits: their last 8, of a and b side by side, and what is before. */
const LOW_FACTORS: usize = 20,
  HIGH_FACTORS: usize = 24;
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

/** 2^-16: what steps of the exact way to a sum may be, so that the sum of whole numbers is that of real ones to a few units of 2^-16. */
const SMALL: f64 = 0.0000152587890625;

@inline
function exactFactor(multiplier: i32, shift: i32): f64 {
  return <f64>multiplier * <f64>reinterpret<f32>((shift + 96) << 23);
}

/** 2^20. Units of sums, and the bits of their fractions. */
const UNIT: f64 = 1048576;
const FRACTION_BITS: i32 = 20;

@inline
function sideBySide(a: i32, b: i32): i32 {
  return (a & 0xffff) | (b << 16);
}

/**
 * Units from a tie within which sums are computed again: what 128 times both factors' errors make; less than 48 by which whole numbers on the exact way differ; six
 * roundings to f32 of numbers below 2^11, each of which is off by at most 2^-24 of them.
 */
@inline
function nearOf(r: BinaryInt8, error: f64, largest: f64): i32 {
  return <i32>ceil<f64>(128 * error + (r.rounding == 2 ? largest * 0.5 : 48)) + 1;
}

/** Fills scratch. Whether sums fit 32 bits, and are exact enough. */
function prepareSums(r: BinaryInt8): bool {
  let left: f64, right: f64;
  if (r.rounding == 2) {
    left = <f64>load<f32>(r.scratch, A_RATIO);
    right = <f64>load<f32>(r.scratch, B_RATIO);
  } else {
    // What is scaled by at most 1 does not overflow.
    if (r.aShift > 0 || r.bShift > 0 || r.leftShift > 20) return false;
    const factor = exactFactor(r.yMultiplier, r.yShift);
    if (!(factor <= SMALL) || !(<f64>nudgeOf(r.yShift, r.rounding) <= SMALL * STEP)) return false;
    const moved = factor * <f64>(1 << r.leftShift);
    left = exactFactor(r.aMultiplier, r.aShift) * moved;
    right = exactFactor(r.bMultiplier, r.bShift) * moved;
  }
  const largest = (abs<f64>(left) + abs<f64>(right)) * 255 + 256;
  if (!(largest < 2046)) return false;
  right *= <f64>r.bSign;
  const aFactor = nearest<f64>(left * UNIT),
    bFactor = nearest<f64>(right * UNIT);
  const near = nearOf(r, abs<f64>(left * UNIT - aFactor) + abs<f64>(right * UNIT - bFactor), largest);
  store<i32>(r.scratch, (1 << FRACTION_BITS) - 1, FRACTIONS);
  store<i32>(r.scratch, near << 1, CLOSES);
  store<i32>(r.scratch, <i32>nearest<f64>((0.5 + <f64>r.yZero - <f64>r.aZero * left - <f64>r.bZero * right) * UNIT) + near, START);
  store<i32>(r.scratch, sideBySide((<i32>aFactor) & 255, (<i32>bFactor) & 255), LOW_FACTORS);
  store<i32>(r.scratch, sideBySide((<i32>aFactor) >> 8, (<i32>bFactor) >> 8), HIGH_FACTORS);
  return true;
}

/** Fills scratch. Whether places are exact enough. */
function prepareProducts(r: BinaryInt8): bool {
  const factor = r.rounding == 2 ? ((r.aScale * r.bScale) / r.yScale) * STEP : factorOf(r.yMultiplier, r.yShift);
  store<i32>(r.scratch, FRACTION, FRACTIONS);
  store<i32>(r.scratch, 0x80808080, SIGNS);
  store<i32>(r.scratch, i32.MIN_VALUE, SIGN_BITS);
  store<i32>(r.scratch, closeBelow(CLOSE_FAR), CLOSES);
  store<f32>(r.scratch, centerOf(r.yZero, CLOSE_FAR), START);
  store<f32>(r.scratch, factor, FACTOR);
  store<f32>(r.scratch, r.rounding == 2 ? 0 : nudgeOf(r.yShift, r.rounding), NUDGE);
  return abs<f32>(factor) <= 1024 * STEP;
}

@inline
function arithmetic(r: BinaryInt8, multiply: bool): void {
  let y = r.y;
  let vectors: bool = false;
  if (!multiply && r.rounding == 2) prepareRatios(r);
  if (ASC_FEATURE_SIMD) {
    if (r.a5 <= 1 && r.b5 <= 1 && r.a5 + r.b5 && r.n5 >= 8) vectors = multiply ? prepareProducts(r) : prepareSums(r);
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

/** What a line has, as types: numbers side by side, or one for all. */
type Each = i8;
type One = i16;

/** 8 numbers. */
@inline
function numbers<T>(x: usize): v128 {
  return sizeof<T>() == 1 ? v128.load8x8_s(x) : i16x8.splat(<i16>load<i8>(x));
}

/** Bytes from one number to the next. */
@inline
function step<T>(): usize {
  return sizeof<T>() == 1 ? 1 : 0;
}

/** Whether the smallest of some fractions is sure: less CLOSES, it has no sign. */
@inline
function isSure(r: BinaryInt8, least: v128): bool {
  return i32x4.bitmask(i32x4.sub(least, v128.load32_splat(r.scratch, CLOSES))) == 0;
}

function sums(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  if (!r.a5) sumsOf<One, Each>(r, a, b, y, count);
  else if (!r.b5) sumsOf<Each, One>(r, a, b, y, count);
  else sumsOf<Each, Each>(r, a, b, y, count);
}

/** Four sums, of numbers of a and b that alternate. */
@inline
function pairSums(pairs: v128, highs: v128, lows: v128, start: v128): v128 {
  return i32x4.add(i32x4.add(i32x4.shl(i32x4.dot_i16x8_s(pairs, highs), 8), i32x4.dot_i16x8_s(pairs, lows)), start);
}

function sumsOf<A, B>(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  const scratch = r.scratch;
  const highs = v128.load32_splat(scratch, HIGH_FACTORS),
    lows = v128.load32_splat(scratch, LOW_FACTORS),
    start = v128.load32_splat(scratch, START),
    mask = v128.load32_splat(scratch, FRACTIONS),
    low = i8x16.splat(<i8>r.low),
    high = i8x16.splat(<i8>r.high);
  // y may be a or b: what is computed again is what was read.
  for (; count >= 16; count -= 16) {
    const p = numbers<A>(a),
      q = numbers<B>(b),
      s = numbers<A>(a + 8 * step<A>()),
      t = numbers<B>(b + 8 * step<B>());
    const v0 = pairSums(zip16(p, q), highs, lows, start),
      v1 = pairSums(zip16High(p, q), highs, lows, start),
      v2 = pairSums(zip16(s, t), highs, lows, start),
      v3 = pairSums(zip16High(s, t), highs, lows, start);
    v128.store(y, limitedBytes(i8x16.narrow_i16x8_s(wholes(v0, v1), wholes(v2, v3)), low, high));
    if (!isSure(r, smallest(smallest(smallest(v128.and(v0, mask), v1, mask), v2, mask), v3, mask))) {
      again(r, p, q, unsure(r, v0, v1), y, false);
      again(r, s, t, unsure(r, v2, v3), y + 8, false);
    }
    a += 16 * step<A>();
    b += 16 * step<B>();
    y += 16;
  }
  if (count) {
    const p = numbers<A>(a),
      q = numbers<B>(b);
    const v0 = pairSums(zip16(p, q), highs, lows, start),
      v1 = pairSums(zip16High(p, q), highs, lows, start);
    const whole = wholes(v0, v1);
    v128.store64_lane(y, limitedBytes(i8x16.narrow_i16x8_s(whole, whole), low, high), 0);
    if (!isSure(r, smallest(v128.and(v0, mask), v1, mask))) again(r, p, q, unsure(r, v0, v1), y, false);
  }
}

/** The whole numbers of two vectors of sums. */
@inline
function wholes(v0: v128, v1: v128): v128 {
  return i16x8.narrow_i32x4_s(i32x4.shr_s(v0, FRACTION_BITS), i32x4.shr_s(v1, FRACTION_BITS));
}

function products(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  if (!r.a5) productsOf<One, Each>(r, a, b, y, count);
  else if (!r.b5) productsOf<Each, One>(r, a, b, y, count);
  else productsOf<Each, Each>(r, a, b, y, count);
}

function productsOf<A, B>(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  const scratch = r.scratch;
  const factor = v128.load32_splat(scratch, FACTOR),
    nudge = v128.load32_splat(scratch, NUDGE),
    start = v128.load32_splat(scratch, START),
    sign = v128.load32_splat(scratch, SIGN_BITS),
    signs = v128.load32_splat(scratch, SIGNS),
    mask = v128.load32_splat(scratch, FRACTIONS),
    low = i8x16.splat(<i8>r.low),
    high = i8x16.splat(<i8>r.high),
    aZero = i16x8.splat(<i16>r.aZero),
    bZero = i16x8.splat(<i16>r.bZero);
  for (; count; count -= 8) {
    const p = numbers<A>(a),
      q = numbers<B>(b);
    const left = i16x8.sub(p, aZero),
      right = i16x8.sub(q, bZero);
    const v0 = f32x4.add(nudged(i32x4.extmul_low_i16x8_s(left, right), factor, nudge, sign), start),
      v1 = f32x4.add(nudged(i32x4.extmul_high_i16x8_s(left, right), factor, nudge, sign), start);
    v128.store64_lane(y, limitedBytes(cutBytes(v0, v1, v0, v1, signs), low, high), 0);
    if (!isSure(r, smallest(v128.and(v0, mask), v1, mask))) again(r, p, q, unsure(r, v0, v1), y, true);
    a += 8 * step<A>();
    b += 8 * step<B>();
    y += 8;
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
