// The reductions of reduce_f32 on i32: sums and products wrap, `scale` is not read. Any order gives the same bits.
import { Reduce } from '../records';

enum F {
  SUM,
  MAX,
  MIN,
  PROD,
}

@inline
function start(f: F): i32 {
  if (f == F.MAX) return i32.MIN_VALUE;
  if (f == F.MIN) return i32.MAX_VALUE;
  return f == F.PROD ? 1 : 0;
}

@inline
function step4(f: F, sum: v128, x: v128): v128 {
  if (f == F.MAX) return i32x4.max_s(sum, x);
  if (f == F.MIN) return i32x4.min_s(sum, x);
  if (f == F.PROD) return i32x4.mul(sum, x);
  return i32x4.add(sum, x);
}

@inline
function step1(f: F, sum: i32, x: i32): i32 {
  if (f == F.MAX) return max<i32>(sum, x);
  if (f == F.MIN) return min<i32>(sum, x);
  if (f == F.PROD) return sum * x;
  return sum + x;
}

@inline
function contiguous(f: F, x: usize, count: usize): i32 {
  let sum = start(f);
  if (ASC_FEATURE_SIMD) {
    let lanes = i32x4.splat(sum);
    for (; count >= 4; count -= 4) {
      lanes = step4(f, lanes, v128.load(x));
      x += 16;
    }
    sum = step1(f, step1(f, sum, i32x4.extract_lane(lanes, 0)), i32x4.extract_lane(lanes, 1));
    sum = step1(f, step1(f, sum, i32x4.extract_lane(lanes, 2)), i32x4.extract_lane(lanes, 3));
  }
  for (; count; count--) {
    sum = step1(f, sum, load<i32>(x));
    x += 4;
  }
  return sum;
}

@inline
function columns(f: F, x: usize, y: usize, length: u32, inner: u32): void {
  const stride = (<usize>inner) << 2;
  let left = inner;
  if (ASC_FEATURE_SIMD) {
    for (; left >= 4; left -= 4) {
      let p = x;
      let sum = i32x4.splat(start(f));
      for (let i: u32 = 0; i < length; i++) {
        sum = step4(f, sum, v128.load(p));
        p += stride;
      }
      v128.store(y, sum);
      x += 16;
      y += 16;
    }
  }
  for (; left; left--) {
    let p = x;
    let sum = start(f);
    for (let i: u32 = 0; i < length; i++) {
      sum = step1(f, sum, load<i32>(p));
      p += stride;
    }
    store<i32>(y, sum);
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
    if (inner == 1) store<i32>(y, contiguous(f, x, length));
    else columns(f, x, y, length, inner);
    x += (length * inner) << 2;
    y += inner << 2;
  }
}

export function reduce_sum_i32(r: Reduce): void {
  each(r, F.SUM);
}
/** The least i32 where there is nothing to reduce. */
export function reduce_max_i32(r: Reduce): void {
  each(r, F.MAX);
}
/** The greatest i32 where there is nothing to reduce. */
export function reduce_min_i32(r: Reduce): void {
  each(r, F.MIN);
}
export function reduce_prod_i32(r: Reduce): void {
  each(r, F.PROD);
}

@inline
function arg(r: Reduce, largest: bool): void {
  let y = r.y;
  const stride = (<usize>r.inner) << 2;
  for (let o: u32 = 0; o < r.outer; o++) {
    for (let c: u32 = 0; c < r.inner; c++) {
      let p = r.x + ((o * r.length * r.inner + c) << 2);
      let best = largest ? i32.MIN_VALUE : i32.MAX_VALUE;
      let at: i32 = 0;
      for (let i: u32 = 0; i < r.length; i++) {
        const x = load<i32>(p);
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

/** y = index of the largest x, the first of equals. */
export function argmax_i32(r: Reduce): void {
  arg(r, true);
}
/** y = index of the smallest x, the first of equals. */
export function argmin_i32(r: Reduce): void {
  arg(r, false);
}
