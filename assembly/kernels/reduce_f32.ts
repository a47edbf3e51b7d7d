// Reductions over the middle axis of [outer, length, inner].
// inner > 1: each column accumulates in the order of the axis. inner = 1: four lanes (lane i takes elements i, i+4, …), then (l0+l2)+(l1+l3).
import { Reduce } from '../records';

enum F {
  SUM,
  SQUARES,
  MAX,
  MIN,
  PROD,
}

@inline
function start(f: F): f32 {
  if (f == F.MAX) return -Infinity;
  if (f == F.MIN) return Infinity;
  if (f == F.PROD) return 1;
  return 0;
}

@inline
function step4(f: F, sum: v128, x: v128): v128 {
  if (f == F.SQUARES) return f32x4.add(sum, f32x4.mul(x, x));
  if (f == F.MAX) return f32x4.max(sum, x);
  if (f == F.MIN) return f32x4.min(sum, x);
  if (f == F.PROD) return f32x4.mul(sum, x);
  return f32x4.add(sum, x);
}

@inline
function step1(f: F, sum: f32, x: f32): f32 {
  if (f == F.SQUARES) return sum + x * x;
  if (f == F.MAX) return max<f32>(sum, x);
  if (f == F.MIN) return min<f32>(sum, x);
  if (f == F.PROD) return sum * x;
  return sum + x;
}

@inline
function join(f: F, a: f32, b: f32): f32 {
  return f == F.SQUARES ? a + b : step1(f, a, b);
}

@inline
function contiguous(f: F, x: usize, count: usize): f32 {
  let l0 = start(f),
    l1 = start(f),
    l2 = start(f),
    l3 = start(f);
  if (ASC_FEATURE_SIMD) {
    let lanes = f32x4.splat(start(f));
    for (; count >= 4; count -= 4) {
      lanes = step4(f, lanes, v128.load(x));
      x += 16;
    }
    l0 = f32x4.extract_lane(lanes, 0);
    l1 = f32x4.extract_lane(lanes, 1);
    l2 = f32x4.extract_lane(lanes, 2);
    l3 = f32x4.extract_lane(lanes, 3);
  } else {
    for (; count >= 4; count -= 4) {
      l0 = step1(f, l0, load<f32>(x));
      l1 = step1(f, l1, load<f32>(x, 4));
      l2 = step1(f, l2, load<f32>(x, 8));
      l3 = step1(f, l3, load<f32>(x, 12));
      x += 16;
    }
  }
  if (count > 0) l0 = step1(f, l0, load<f32>(x));
  if (count > 1) l1 = step1(f, l1, load<f32>(x, 4));
  if (count > 2) l2 = step1(f, l2, load<f32>(x, 8));
  return join(f, join(f, l0, l2), join(f, l1, l3));
}

@inline
function columns(f: F, x: usize, y: usize, length: u32, inner: u32, divisor: f32): void {
  const stride = (<usize>inner) << 2;
  let left = inner;
  if (ASC_FEATURE_SIMD) {
    // Sixteen columns are a cache line of every row.
    for (; left >= 16; left -= 16) {
      let p = x;
      let s0 = f32x4.splat(start(f)),
        s1 = s0,
        s2 = s0,
        s3 = s0;
      for (let i: u32 = 0; i < length; i++) {
        s0 = step4(f, s0, v128.load(p));
        s1 = step4(f, s1, v128.load(p, 16));
        s2 = step4(f, s2, v128.load(p, 32));
        s3 = step4(f, s3, v128.load(p, 48));
        p += stride;
      }
      v128.store(y, f32x4.div(s0, f32x4.splat(divisor)));
      v128.store(y, f32x4.div(s1, f32x4.splat(divisor)), 16);
      v128.store(y, f32x4.div(s2, f32x4.splat(divisor)), 32);
      v128.store(y, f32x4.div(s3, f32x4.splat(divisor)), 48);
      x += 64;
      y += 64;
    }
    for (; left >= 4; left -= 4) {
      let p = x;
      let sum = f32x4.splat(start(f));
      for (let i: u32 = 0; i < length; i++) {
        sum = step4(f, sum, v128.load(p));
        p += stride;
      }
      v128.store(y, f32x4.div(sum, f32x4.splat(divisor)));
      x += 16;
      y += 16;
    }
  }
  for (; left; left--) {
    let p = x;
    let sum = start(f);
    for (let i: u32 = 0; i < length; i++) {
      sum = step1(f, sum, load<f32>(p));
      p += stride;
    }
    store<f32>(y, sum / divisor);
    x += 4;
    y += 4;
  }
}

@inline
function each(r: Reduce, f: F): void {
  const length = r.length;
  const inner = r.inner;
  let x = r.x;
  let y = r.y;
  for (let o: u32 = 0; o < r.outer; o++) {
    if (inner == 1) store<f32>(y, contiguous(f, x, length) / r.divisor);
    else columns(f, x, y, length, inner, r.divisor);
    x += (length * inner) << 2;
    y += inner << 2;
  }
}

/** y = Σ x / divisor; the mean with divisor = length. */
export function reduce_sum_f32(r: Reduce): void {
  each(r, F.SUM);
}
/** y = Σ x² / divisor. */
export function reduce_squares_f32(r: Reduce): void {
  each(r, F.SQUARES);
}
export function reduce_max_f32(r: Reduce): void {
  each(r, F.MAX);
}
export function reduce_min_f32(r: Reduce): void {
  each(r, F.MIN);
}
export function reduce_prod_f32(r: Reduce): void {
  each(r, F.PROD);
}

@inline
function arg(r: Reduce, largest: bool): void {
  let y = r.y;
  const stride = (<usize>r.inner) << 2;
  for (let o: u32 = 0; o < r.outer; o++) {
    for (let c: u32 = 0; c < r.inner; c++) {
      let p = r.x + ((o * r.length * r.inner + c) << 2);
      let best: f32 = largest ? -Infinity : Infinity;
      let at: i32 = 0;
      for (let i: u32 = 0; i < r.length; i++) {
        const x = load<f32>(p);
        if (largest ? x > best : x < best) {
          best = x;
          at = i;
        }
        p += stride;
      }
      store<i32>(y, at);
      y += 4;
    }
  }
}

/** y (i32) = index of the largest x, the first of equals; NaN is never the largest. */
export function argmax_f32(r: Reduce): void {
  arg(r, true);
}
/** y (i32) = index of the smallest x, the first of equals; NaN is never the smallest. */
export function argmin_f32(r: Reduce): void {
  arg(r, false);
}
