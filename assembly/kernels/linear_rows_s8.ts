// Dense layers of few rows in 8 bits: their weights lie in rows too, one a unit, and are read where they are, four units at a time. No scratch.
import { CLOSE_LARGE, centerOf, closeBelow, FIRST, FRACTION, factorsOf, nudgesOf, placedSigned, STEP } from '../math/requantize_vectors';
import { LinearRowsInt8 } from '../records';
import { isWide } from './band_s8';
import { exactly } from './finish_s8';
import { dot } from './quads_s8';

export function linear_rows_s8(r: LinearRowsInt8): void {
  let x = r.x,
    y = r.y;
  const wide = isWide(r.columns);
  for (let row = r.rows; row; row--) {
    let c: usize = 0;
    if (ASC_FEATURE_SIMD) c = fours(r, x, y, wide);
    for (; c < r.columns; c++) {
      const sum = load<i32>(r.bias + (c << 2)) + unitSum(x, r.w + c * r.depth, r.depth);
      store<i8>(y + c, exactly(r, sum, (c * r.perChannel) << 2));
    }
    x += r.depth;
    y += r.columns;
  }
}

/** Four units at a time; returns how many. */
function fours(r: LinearRowsInt8, x: usize, y: usize, wide: bool): usize {
  const depth = <usize>r.depth;
  let c: usize = 0;
  for (; c + 4 <= <usize>r.columns; c += 4) {
    const w = r.w + c * depth;
    finishFour(r, i32x4.add(fourSums(x, w, depth, wide), v128.load(r.bias + (c << 2))), y + c, c << 2);
  }
  return c;
}

/** Σ (x + 128) w of one unit. */
export function unitSum(x: usize, w: usize, depth: usize): i32 {
  let sum = 0,
    k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    let sums = i32x4.splat(0);
    for (; k + 8 <= depth; k += 8) {
      const low = i16x8.extend_low_i8x16_u(v128.xor(v128.load64_zero(x + k), i8x16.splat(-128)));
      sums = i32x4.add(sums, i32x4.dot_i16x8_s(v128.load8x8_s(w + k), low));
    }
    sums = i32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1));
    sum = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1);
  }
  for (; k < depth; k++) sum += (<i32>load<i8>(x + k) + 128) * <i32>load<i8>(w + k);
  return sum;
}

/** Σ (x + 128) w of the last inputs of four units. */
@inline
function lastSums(x: usize, w: usize, depth: usize, from: usize): v128 {
  const count = depth - from;
  x += from;
  w += from;
  return i32x4(unitSum(x, w, count), unitSum(x, w + depth, count), unitSum(x, w + depth * 2, count), unitSum(x, w + depth * 3, count));
}

/** The sums of the lanes of each of four vectors. */
@inline
function laneSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7)),
    cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** The sums of four units. */
@inline
export function fourSums(x: usize, w: usize, depth: usize, wide: bool): v128 {
  return wide ? wideSums(x, w, depth) : quadSums(x, w, depth);
}

/** By products of 16 bits. */
function wideSums(x: usize, w: usize, depth: usize): v128 {
  let a = i32x4.splat(0),
    b = a,
    c = a,
    d = a;
  const sign = i8x16.splat(-128);
  let k: usize = 0,
    w0 = w,
    w1 = w + depth,
    w2 = w1 + depth,
    w3 = w2 + depth;
  for (; k + 16 <= depth; k += 16) {
    const v = v128.xor(v128.load(x + k), sign);
    const low = i16x8.extend_low_i8x16_u(v),
      high = i16x8.extend_high_i8x16_u(v);
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(w0), low));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(w1), low));
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load8x8_s(w2), low));
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load8x8_s(w3), low));
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(w0, 8), high));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(w1, 8), high));
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load8x8_s(w2, 8), high));
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load8x8_s(w3, 8), high));
    w0 += 16;
    w1 += 16;
    w2 += 16;
    w3 += 16;
  }
  if (k + 8 <= depth) {
    const low = i16x8.extend_low_i8x16_u(v128.xor(v128.load64_zero(x + k), sign));
    a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load8x8_s(w0), low));
    b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load8x8_s(w1), low));
    c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load8x8_s(w2), low));
    d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load8x8_s(w3), low));
    w0 += 8;
    w1 += 8;
    w2 += 8;
    w3 += 8;
    k += 8;
  }
  if (k + 4 <= depth) {
    // Inputs that are not there meet weights of 0.
    const low = i16x8.extend_low_i8x16_u(v128.xor(v128.load32_zero(x + k), sign));
    a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(w0)), low));
    b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(w1)), low));
    c = i32x4.add(c, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(w2)), low));
    d = i32x4.add(d, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(w3)), low));
    k += 4;
  }
  const sums = laneSums(a, b, c, d);
  return k < depth ? i32x4.add(sums, lastSums(x, w, depth, k)) : sums;
}

/** By products of 8 bits; two sums of each, as a sum waits for the one before it. */
function quadSums(x: usize, w: usize, depth: usize): v128 {
  let a = i32x4.splat(0),
    b = a,
    c = a,
    d = a,
    e = a,
    f = a,
    g = a,
    h = a;
  const sign = i8x16.splat(-128);
  let k: usize = 0,
    w0 = w,
    w1 = w + depth,
    w2 = w1 + depth,
    w3 = w2 + depth;
  for (; k + 32 <= depth; k += 32) {
    const low = v128.xor(v128.load(x + k), sign),
      high = v128.xor(v128.load(x + k, 16), sign);
    a = dot(v128.load(w0), low, a);
    b = dot(v128.load(w1), low, b);
    c = dot(v128.load(w2), low, c);
    d = dot(v128.load(w3), low, d);
    e = dot(v128.load(w0, 16), high, e);
    f = dot(v128.load(w1, 16), high, f);
    g = dot(v128.load(w2, 16), high, g);
    h = dot(v128.load(w3, 16), high, h);
    w0 += 32;
    w1 += 32;
    w2 += 32;
    w3 += 32;
  }
  for (; k + 8 <= depth; k += 8) {
    const low = v128.xor(v128.load64_zero(x + k), sign);
    a = dot(v128.load64_zero(w0), low, a);
    b = dot(v128.load64_zero(w1), low, b);
    c = dot(v128.load64_zero(w2), low, c);
    d = dot(v128.load64_zero(w3), low, d);
    w0 += 8;
    w1 += 8;
    w2 += 8;
    w3 += 8;
  }
  if (k + 4 <= depth) {
    const low = v128.xor(v128.load32_zero(x + k), sign);
    a = dot(v128.load32_zero(w0), low, a);
    b = dot(v128.load32_zero(w1), low, b);
    c = dot(v128.load32_zero(w2), low, c);
    d = dot(v128.load32_zero(w3), low, d);
    k += 4;
  }
  const sums = laneSums(i32x4.add(a, e), i32x4.add(b, f), i32x4.add(c, g), i32x4.add(d, h));
  return k < depth ? i32x4.add(sums, lastSums(x, w, depth, k)) : sums;
}

/** Places of more than this are not taken for numbers: the scale may be no finite one. */
const MOST: f32 = 4194304;

/** y[4] of four sums. */
@inline
function finishFour(r: LinearRowsInt8, sums: v128, y: usize, at: usize): void {
  const sign = i32x4.splat(i32.MIN_VALUE),
    center = f32x4.splat(centerOf(r.yZero, CLOSE_LARGE));
  let scale: v128,
    nudge = f32x4.splat(0);
  if (r.rounding == 2) {
    scale = f32x4.mul(r.perChannel ? v128.load(r.scale + at) : v128.load32_splat(r.scale), f32x4.splat(STEP));
  } else {
    const multiplier = r.perChannel ? v128.load(r.multiplier + at) : v128.load32_splat(r.multiplier),
      shift = r.perChannel ? v128.load(r.shift + at) : v128.load32_splat(r.shift);
    scale = factorsOf(multiplier, shift);
    nudge = nudgesOf(shift, r.rounding);
  }
  const place = placedSigned(sums, scale, nudge, center, sign);
  const isSure =
    isBelowMost(sums, scale) && !v128.any_true(i32x4.lt_s(v128.and(place, i32x4.splat(FRACTION)), i32x4.splat(closeBelow(CLOSE_LARGE))));
  if (isSure) {
    const numbers = i32x4.sub(i32x4.shr_s(place, 15), i32x4.splat(FIRST));
    const v = i32x4.min_s(i32x4.max_s(numbers, i32x4.splat(r.low)), i32x4.splat(r.high));
    const halves = i16x8.narrow_i32x4_s(v, v);
    store<i32>(y, i32x4.extract_lane(i8x16.narrow_i16x8_s(halves, halves), 0));
    return;
  }
  const factor = at * r.perChannel,
    step = r.perChannel << 2;
  store<i8>(y, exactly(r, i32x4.extract_lane(sums, 0), factor));
  store<i8>(y, exactly(r, i32x4.extract_lane(sums, 1), factor + step), 1);
  store<i8>(y, exactly(r, i32x4.extract_lane(sums, 2), factor + step * 2), 2);
  store<i8>(y, exactly(r, i32x4.extract_lane(sums, 3), factor + step * 3), 3);
}

/** Whether all products are smaller; NaN is not. */
@inline
function isBelowMost(sums: v128, scale: v128): bool {
  return i32x4.all_true(f32x4.lt(f32x4.abs(f32x4.mul(f32x4.convert_i32x4_s(sums), scale)), f32x4.splat(MOST)));
}
