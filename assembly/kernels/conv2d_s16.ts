// Convolution of 16-bit numbers, held as i32, with 8-bit weights, whose sums may need 64 bits (TFLite's int16×8).
import { reduced, scaledDouble, scaledWide } from '../math/requantize';
import { Conv2dInt16 } from '../records';
import { zip16, zip16High } from './zip';

/** Products of 2^22 at the most that an i32 certainly holds the sum of. */
const SAFE: usize = 448;
/** Pixels of a tile, and columns. */
const PIXELS: usize = 4,
  COLUMNS: usize = 8;
/** Bytes of the totals of a tile, which scratch begins with; then there is a factor for each filter. All are f64, which have bits enough. */
const TOTALS: usize = PIXELS * COLUMNS * 8;

/** NHWC convolution; outside of x are zeros. */
export function conv2d_s16(r: Conv2dInt16): void {
  const depth = r.inChannels / r.groups;
  if (ASC_FEATURE_SIMD) {
    const isDepthwise = depth == 1 && r.outChannels == r.groups && r.kernelWidth <= <u32>SAFE;
    if (r.outChannels >= <u32>COLUMNS && (r.groups == 1 || isDepthwise)) {
      if (r.rounding == 2) prepare(r);
      if (r.groups == 1) dense(r);
      else depthwise(r);
      return;
    }
  }
  each(r);
}

/** The factors of `scaledWide`, as f64. */
function prepare(r: Conv2dInt16): void {
  for (let f: usize = 0; f < r.outChannels; f++) {
    const power = reinterpret<f64>((<i64>(1023 - 15 + load<i32>(r.shift + (f << 2)))) << 52);
    store<f64>(r.scratch + TOTALS + (f << 3), <f64>reduced(load<i32>(r.multiplier + (f << 2))) * power);
  }
}

/** A sum by an f64, whose words these are, rounded once, ties away from zero (std::round). */
@inline
function scaledReal(x: i64, low: i32, high: i32): i64 {
  const value = <f64>x * reinterpret<f64>(((<i64>high) << 32) | (<i64>(<u32>low))),
    whole = trunc<f64>(value);
  return <i64>(abs<f64>(value - whole) >= 0.5 ? whole + copysign<f64>(1, value) : whole);
}

/** Stores the output of filter f. */
@inline
function finish(r: Conv2dInt16, total: i64, f: usize, y: usize): void {
  const m = load<i32>(r.multiplier + (f << 2)),
    s = load<i32>(r.shift + (f << 2));
  let value: i64;
  if (r.rounding == 2) value = scaledWide(total, m, s);
  else if (r.rounding == 1) value = scaledReal(total, m, s);
  else value = scaledDouble(<i32>total, m, s);
  store<i32>(y, <i32>min<i64>(max<i64>(value + r.yZero, r.low), r.high));
}

/** Stores the outputs of eight filters from f on, whose totals lie side by side. */
function finishEight(r: Conv2dInt16, totals: usize, f: usize, y: usize): void {
  if (r.rounding != 2) {
    for (let c: usize = 0; c < COLUMNS; c++) finish(r, <i64>load<f64>(totals + (c << 3)), f + c, y + (c << 2));
    return;
  }
  const factors = r.scratch + TOTALS + (f << 3),
    zero = f64x2.splat(r.yZero),
    low = f64x2.splat(r.low),
    high = f64x2.splat(r.high);
  for (let c: usize = 0; c < COLUMNS << 3; c += 32) {
    const a = scaledPair(v128.load(totals + c), v128.load(factors + c), zero, low, high),
      b = scaledPair(v128.load(totals + c, 16), v128.load(factors + c, 16), zero, low, high);
    v128.store(y + (c >> 1), v128.shuffle<i64>(a, b, 0, 2));
  }
}

/** `scaledWide` of two totals. Products have 53 bits at the most. */
@inline
function scaledPair(total: v128, factor: v128, zero: v128, low: v128, high: v128): v128 {
  const value = f64x2.add(f64x2.floor(f64x2.add(f64x2.mul(total, factor), f64x2.splat(0.5))), zero);
  return i32x4.trunc_sat_f64x2_s_zero(f64x2.pmin(high, f64x2.pmax(low, value)));
}

@inline
function imageOf(r: Conv2dInt16, n: usize): usize {
  return r.x + ((n * r.inHeight * r.inWidth * r.inChannels) << 2);
}

/** Output by output. */
function each(r: Conv2dInt16): void {
  let y = r.y;
  for (let n: usize = 0; n < r.batch; n++) {
    for (let oy: usize = 0; oy < r.outHeight; oy++) {
      const iy = <i32>(oy * r.strideY) - r.padTop;
      for (let ox: usize = 0; ox < r.outWidth; ox++) {
        const ix = <i32>(ox * r.strideX) - r.padLeft;
        for (let f: usize = 0; f < r.outChannels; f++) {
          finish(r, sum(r, imageOf(r, n), iy, ix, f), f, y);
          y += 4;
        }
      }
    }
  }
}

/** The sum of one output: filter f at the window whose first input is (iy, ix) of image `x`. */
function sum(r: Conv2dInt16, x: usize, iy: i32, ix: i32, f: usize): i64 {
  const depth = r.inChannels / r.groups;
  const first = (f / (r.outChannels / r.groups)) * depth;
  let total: i64 = load<i32>(r.bias + (f << 2));
  for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
    const py = iy + <i32>(ky * r.dilationY);
    if (<u32>py >= r.inHeight) continue;
    for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
      const px = ix + <i32>(kx * r.dilationX);
      if (<u32>px >= r.inWidth) continue;
      let p = x + (((<usize>py * r.inWidth + <usize>px) * r.inChannels + first) << 2);
      let w = r.w + (ky * r.kernelWidth + kx) * depth * r.outChannels + f;
      for (let c: usize = 0; c < depth; c++) {
        total += <i64>(load<i32>(p) - r.xZero) * <i64>load<i8>(w);
        p += 4;
        w += r.outChannels;
      }
    }
  }
  return total;
}

/** Four pixels of a line at a time, whose windows are copied as i16 to scratch, by eight filters; of the last eight, some may be computed twice. */
function dense(r: Conv2dInt16): void {
  const length = <usize>(r.kernelHeight * r.kernelWidth * r.inChannels),
    filters = <usize>r.outChannels,
    rowBytes = (length + (length & 1)) << 1,
    rows = r.scratch + TOTALS + (filters << 3);
  let y = r.y;
  for (let n: usize = 0; n < r.batch; n++) {
    for (let oy: usize = 0; oy < r.outHeight; oy++) {
      const iy = <i32>(oy * r.strideY) - r.padTop;
      for (let ox: usize = 0; ox < r.outWidth; ox += PIXELS) {
        const count = min<usize>(PIXELS, r.outWidth - ox);
        for (let i: usize = 0; i < count; i++)
          window(r, imageOf(r, n), iy, <i32>((ox + i) * r.strideX) - r.padLeft, rows + i * rowBytes, length);
        for (let f: usize = 0; f < filters; f += COLUMNS) {
          const first = min<usize>(f, filters - COLUMNS);
          tile(r, rows, rowBytes, count, length, first);
          for (let i: usize = 0; i < count; i++) finishEight(r, r.scratch + ((i * COLUMNS) << 3), first, y + ((i * filters + first) << 2));
        }
        y += (count * filters) << 2;
      }
    }
  }
}

/** The window whose first input is (iy, ix) of image `x`, as i16; after an odd `length`, a 0. */
function window(r: Conv2dInt16, x: usize, iy: i32, ix: i32, to: usize, length: usize): void {
  const channels = <usize>r.inChannels,
    zero = i32x4.splat(r.xZero);
  if (length & 1) store<i16>(to + (length << 1), 0);
  for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
    const py = iy + <i32>(ky * r.dilationY);
    for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
      const px = ix + <i32>(kx * r.dilationX);
      if (<u32>py >= r.inHeight || <u32>px >= r.inWidth) memory.fill(to, 0, channels << 1);
      else {
        const p = x + (((<usize>py * r.inWidth + <usize>px) * channels) << 2);
        let c: usize = 0;
        for (; c + 8 <= channels; c += 8) {
          const low = i32x4.sub(v128.load(p + (c << 2)), zero),
            high = i32x4.sub(v128.load(p + (c << 2), 16), zero);
          v128.store(to + (c << 1), i16x8.narrow_i32x4_s(low, high));
        }
        for (; c < channels; c++) store<i16>(to + (c << 1), load<i32>(p + (c << 2)) - r.xZero);
      }
      to += channels << 1;
    }
  }
}

@inline
function dot(acc: v128, w: v128, x: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(w, x));
}

@inline
function upper(v: v128): v128 {
  return v128.shuffle<i64>(v, v, 1, 1);
}

/** Adds the 8 sums of a pixel to its totals. */
@inline
function gather(totals: usize, low: v128, high: v128): void {
  v128.store(totals, f64x2.add(v128.load(totals), f64x2.convert_low_i32x4_s(low)));
  v128.store(totals, f64x2.add(v128.load(totals, 16), f64x2.convert_low_i32x4_s(upper(low))), 16);
  v128.store(totals, f64x2.add(v128.load(totals, 32), f64x2.convert_low_i32x4_s(high)), 32);
  v128.store(totals, f64x2.add(v128.load(totals, 48), f64x2.convert_low_i32x4_s(upper(high))), 48);
}

/** Totals of 4 windows, the last again where there are fewer, by the filters from f on. */
function tile(r: Conv2dInt16, x: usize, rowBytes: usize, count: usize, length: usize, f: usize): void {
  const stride = <usize>r.outChannels,
    totals = r.scratch;
  for (let c: usize = 0; c < COLUMNS; c++) {
    const bias = <f64>load<i32>(r.bias + ((f + c) << 2));
    for (let i: usize = 0; i < PIXELS; i++) store<f64>(totals + ((i * COLUMNS + c) << 3), bias);
  }
  let x0 = x,
    x1 = count > 1 ? x0 + rowBytes : x0;
  let x2 = count > 2 ? x1 + rowBytes : x1;
  let x3 = count > 3 ? x2 + rowBytes : x2;
  let w = r.w + f;
  while (length) {
    const part = min<usize>(length, SAFE);
    let a0 = i32x4.splat(0);
    let a1 = a0,
      b0 = a0,
      b1 = a0,
      c0 = a0,
      c1 = a0,
      d0 = a0,
      d1 = a0;
    for (let k: usize = 0; k < part; k += 2) {
      const v0 = v128.load8x8_s(w),
        v1 = k + 1 < part ? v128.load8x8_s(w + stride) : i16x8.splat(0);
      const w0 = zip16(v0, v1),
        w1 = zip16High(v0, v1);
      let s = v128.load32_splat(x0);
      a0 = dot(a0, w0, s);
      a1 = dot(a1, w1, s);
      s = v128.load32_splat(x1);
      b0 = dot(b0, w0, s);
      b1 = dot(b1, w1, s);
      s = v128.load32_splat(x2);
      c0 = dot(c0, w0, s);
      c1 = dot(c1, w1, s);
      s = v128.load32_splat(x3);
      d0 = dot(d0, w0, s);
      d1 = dot(d1, w1, s);
      x0 += 4;
      x1 += 4;
      x2 += 4;
      x3 += 4;
      w += stride << 1;
    }
    gather(totals, a0, a1);
    gather(totals + 64, b0, b1);
    gather(totals + 128, c0, c1);
    gather(totals + 192, d0, d1);
    length -= part;
  }
}

/** Eight channels at a time, of which the last may be computed twice. */
function depthwise(r: Conv2dInt16): void {
  const channels = <usize>r.outChannels;
  let y = r.y;
  for (let n: usize = 0; n < r.batch; n++) {
    for (let oy: usize = 0; oy < r.outHeight; oy++) {
      const iy = <i32>(oy * r.strideY) - r.padTop;
      for (let ox: usize = 0; ox < r.outWidth; ox++) {
        const ix = <i32>(ox * r.strideX) - r.padLeft;
        for (let f: usize = 0; f < channels; f += COLUMNS) {
          const first = min<usize>(f, channels - COLUMNS);
          depthwiseTotals(r, imageOf(r, n), iy, ix, first);
          finishEight(r, r.scratch, first, y + (first << 2));
        }
        y += channels << 2;
      }
    }
  }
}

/** Totals of the channels from c on at one window. */
function depthwiseTotals(r: Conv2dInt16, x: usize, iy: i32, ix: i32, c: usize): void {
  const channels = <usize>r.outChannels,
    zero = i32x4.splat(r.xZero),
    totals = r.scratch;
  for (let i: usize = 0; i < COLUMNS; i++) store<f64>(totals + (i << 3), <f64>load<i32>(r.bias + ((c + i) << 2)));
  let low = i32x4.splat(0),
    high = low,
    products: usize = 0;
  for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
    const py = iy + <i32>(ky * r.dilationY);
    if (<u32>py >= r.inHeight) continue;
    products += r.kernelWidth;
    if (products > SAFE) {
      gather(totals, low, high);
      low = i32x4.splat(0);
      high = low;
      products = r.kernelWidth;
    }
    for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
      const px = ix + <i32>(kx * r.dilationX);
      if (<u32>px >= r.inWidth) continue;
      const p = x + (((<usize>py * r.inWidth + <usize>px) * channels + c) << 2);
      const w = v128.load8x8_s(r.w + (ky * r.kernelWidth + kx) * channels + c);
      low = i32x4.add(low, i32x4.mul(i32x4.sub(v128.load(p), zero), i32x4.extend_low_i16x8_s(w)));
      high = i32x4.add(high, i32x4.mul(i32x4.sub(v128.load(p, 16), zero), i32x4.extend_high_i16x8_s(w)));
    }
  }
  gather(totals, low, high);
}
