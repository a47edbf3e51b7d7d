// Element-wise arithmetic on two i8, under broadcasting; y may be a or b.
import { limited, limitedFloat, scaled } from '../math/requantize';
import { bytes, factorOf, MAGIC, nudgeOf, nudged, rest, TIE } from '../math/requantize_vectors';
import { Binary, BinaryInt8 } from '../records';
import { clamp } from './vector_f32';

@inline
function sum(r: BinaryInt8, a: i32, b: i32): i32 {
  if (r.rounding == 2) return limitedFloat(<f32>a * r.aScale + <f32>b * (<f32>r.bSign * r.bScale), r.yZero, r.low, r.high);
  const left = scaled(a << r.leftShift, r.aMultiplier, r.aShift, r.rounding),
    right = scaled(b << r.leftShift, r.bMultiplier, r.bShift, r.rounding);
  return limited(scaled(left + r.bSign * right, r.yMultiplier, r.yShift, r.rounding), r.yZero, r.low, r.high);
}

@inline
function product(r: BinaryInt8, a: i32, b: i32): i32 {
  if (r.rounding == 2) return limitedFloat(<f32>(a * b) * r.aScale, r.yZero, r.low, r.high);
  return limited(scaled(a * b, r.yMultiplier, r.yShift, r.rounding), r.yZero, r.low, r.high);
}

export function add_s8(r: BinaryInt8): void {
  arithmetic(r, false);
}
export function mul_s8(r: BinaryInt8): void {
  arithmetic(r, true);
}

/** Scratch: constants that V8 would make anew at each use, then the scaled numbers of a and b. */
const SIGN: usize = 16,
  TIES: usize = 32,
  TABLES: usize = 64;

/** Whether vectors give the exact result, or tell where they do not: the largest result has to be small. Fills scratch. */
function prepare(r: BinaryInt8, multiply: bool): bool {
  v128.store(r.scratch, f32x4.splat(MAGIC));
  v128.store(r.scratch + SIGN, i32x4.splat(i32.MIN_VALUE));
  v128.store(r.scratch + TIES, f32x4.splat(TIE));
  if (r.rounding == 2) return true;
  const factor = factorOf(r.yMultiplier, r.yShift);
  if (multiply) return factor * 65536 < 4194304;
  for (let i = 0; i < 256; i++) {
    const at = r.scratch + TABLES + (i << 2);
    store<i32>(at, scaled((i - 128 - r.aZero) << r.leftShift, r.aMultiplier, r.aShift, r.rounding));
    store<i32>(at, r.bSign * scaled((i - 128 - r.bZero) << r.leftShift, r.bMultiplier, r.bShift, r.rounding), 1024);
  }
  // What scaling by at most 1 leaves of 2^8 · 2^leftShift, twice.
  if (r.aShift > 0 || r.bShift > 0 || r.leftShift > 20) return false;
  return factor * 536870912 < 4194304;
}

@inline
function arithmetic(r: BinaryInt8, multiply: bool): void {
  let y = r.y;
  let vectors: bool = false;
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
                if (r.rounding == 2) floatLine(r, a, b, y, from, multiply);
                else if (multiply) fixedProducts(r, a, b, y, from);
                else fixedSums(r, a, b, y, from);
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

/** 8 numbers, or one 8 times, less their zero point. */
@inline
function centred(x: usize, stride: usize, zero: v128): v128 {
  return i16x8.sub(stride ? v128.load8x8_s(x) : i16x8.splat(<i16>load<i8>(x)), zero);
}

function floatLine(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize, multiply: bool): void {
  const magic = v128.load(r.scratch),
    aZero = i16x8.splat(<i16>r.aZero),
    bZero = i16x8.splat(<i16>r.bZero),
    aScale = f32x4.splat(r.aScale),
    bScale = f32x4.splat(multiply ? 1 : <f32>r.bSign * r.bScale),
    low = f32x4.splat(<f32>(r.low - r.yZero)),
    high = f32x4.splat(<f32>(r.high - r.yZero)),
    zero = i16x8.splat(<i16>r.yZero);
  for (let i: usize = 0; i < count; i += 8) {
    const p = centred(a + i * r.a5, r.a5, aZero),
      q = centred(b + i * r.b5, r.b5, bZero);
    let v0: v128, v1: v128;
    if (multiply) {
      v0 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extmul_low_i16x8_s(p, q)), aScale);
      v1 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extmul_high_i16x8_s(p, q)), aScale);
    } else {
      v0 = f32x4.add(
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(p)), aScale),
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(q)), bScale),
      );
      v1 = f32x4.add(
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(p)), aScale),
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(q)), bScale),
      );
    }
    v0 = i32x4.sub(f32x4.add(clamp(v0, low, high), magic), magic);
    v1 = i32x4.sub(f32x4.add(clamp(v1, low, high), magic), magic);
    const v = i16x8.add(i16x8.narrow_i32x4_s(v0, v1), zero);
    v128.store64_lane(y + i, i8x16.narrow_i16x8_s(v, v), 0);
  }
}

/** Whether all of 8 results are sure; stores them. */
@inline
function settled(r: BinaryInt8, s0: v128, s1: v128, scale: v128, nudge: v128, y: usize): bool {
  const magic = v128.load(r.scratch),
    sign = v128.load(r.scratch + SIGN);
  const v = nudged(s0, scale, nudge, sign),
    t = f32x4.add(v, magic),
    u = nudged(s1, scale, nudge, sign),
    q = f32x4.add(u, magic);
  const worst = f32x4.pmax(rest(v, t, magic, sign), rest(u, q, magic, sign));
  const a = i16x8.narrow_i32x4_s(i32x4.sub(t, magic), i32x4.sub(q, magic));
  v128.store64_lane(y, bytes(a, a, i16x8.splat(<i16>r.yZero), i8x16.splat(<i8>r.low), i8x16.splat(<i8>r.high)), 0);
  return !v128.any_true(f32x4.ge(worst, v128.load(r.scratch + TIES)));
}

function fixedProducts(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  const aZero = i16x8.splat(<i16>r.aZero),
    bZero = i16x8.splat(<i16>r.bZero),
    scale = f32x4.splat(factorOf(r.yMultiplier, r.yShift)),
    nudge = f32x4.splat(nudgeOf(r.yShift, r.rounding));
  for (let i: usize = 0; i < count; i += 8) {
    const p = centred(a + i * r.a5, r.a5, aZero),
      q = centred(b + i * r.b5, r.b5, bZero);
    const s0 = i32x4.extmul_low_i16x8_s(p, q),
      s1 = i32x4.extmul_high_i16x8_s(p, q);
    // y may be a or b: what is computed again is what was read.
    if (!settled(r, s0, s1, scale, nudge, y + i)) again(r, s0, s1, y + i);
  }
}

function fixedSums(r: BinaryInt8, a: usize, b: usize, y: usize, count: usize): void {
  const scale = f32x4.splat(factorOf(r.yMultiplier, r.yShift)),
    nudge = f32x4.splat(nudgeOf(r.yShift, r.rounding));
  const table = r.scratch + TABLES;
  for (let i: usize = 0; i < count; i += 8) {
    const p = a + i * r.a5,
      q = b + i * r.b5;
    const s0 = i32x4.add(scaledNumbers(table, p, r.a5), scaledNumbers(table + 1024, q, r.b5)),
      s1 = i32x4.add(scaledNumbers(table, p + (r.a5 << 2), r.a5), scaledNumbers(table + 1024, q + (r.b5 << 2), r.b5));
    if (!settled(r, s0, s1, scale, nudge, y + i)) again(r, s0, s1, y + i);
  }
}

@inline
function scaledNumber(table: usize, x: usize): usize {
  return table + ((<usize>(load<u8>(x) ^ 128)) << 2);
}

/** Four numbers, or one four times, looked up. */
@inline
function scaledNumbers(table: usize, x: usize, stride: usize): v128 {
  if (stride == 0) return v128.load32_splat(scaledNumber(table, x));
  let v = v128.load32_zero(scaledNumber(table, x));
  v = v128.load_lane<i32>(scaledNumber(table, x + 1), v, 1);
  v = v128.load_lane<i32>(scaledNumber(table, x + 2), v, 2);
  return v128.load_lane<i32>(scaledNumber(table, x + 3), v, 3);
}

@inline
function exact(r: BinaryInt8, value: i32): i8 {
  return <i8>limited(scaled(value, r.yMultiplier, r.yShift, r.rounding), r.yZero, r.low, r.high);
}

/** 8 sums or products, exactly. */
function again(r: BinaryInt8, s0: v128, s1: v128, y: usize): void {
  store<i8>(y, exact(r, i32x4.extract_lane(s0, 0)));
  store<i8>(y, exact(r, i32x4.extract_lane(s0, 1)), 1);
  store<i8>(y, exact(r, i32x4.extract_lane(s0, 2)), 2);
  store<i8>(y, exact(r, i32x4.extract_lane(s0, 3)), 3);
  store<i8>(y, exact(r, i32x4.extract_lane(s1, 0)), 4);
  store<i8>(y, exact(r, i32x4.extract_lane(s1, 1)), 5);
  store<i8>(y, exact(r, i32x4.extract_lane(s1, 2)), 6);
  store<i8>(y, exact(r, i32x4.extract_lane(s1, 3)), 7);
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
