// Depthwise convolution of 8-bit images. The band holds `blockChannels` output channels of `blockRows` output rows: what fits a first-level cache, with
// little read twice. Sums are made of 8 channels and some rows at a time. A quad of weights is 4 taps of one kernel column (`packDepthwiseQuads`),
// so inputs are interleaved to quads too: four lines' numbers of a channel side by side.
import { Conv2dInt8, DepthwiseInt8 } from '../records';
import { isWide } from './band_s8';
import { fillBlock } from './depthwise_band_s8';
import { biasesOf, finish, prepare } from './finish_s8';
import { dot, wideDot } from './quads_s8';
import { zip16, zip16High, zip8 } from './zip';

export function depthwise_conv2d_s8(r: DepthwiseInt8): void {
  if (r.outWidth == 0) return;
  // The record of a product, and two fields more.
  const product = changetype<Conv2dInt8>(r);
  const channels = <usize>r.outChannels,
    pixel = <usize>r.blockChannels;
  const line = <usize>((r.outWidth - 1) * r.strideX + (r.kernelWidth - 1) * r.dilationX + 1) * pixel;
  const weights = (<usize>(r.kernelWidth * ((r.kernelHeight + 3) >> 2))) << 5;
  const parts: u32 = r.rest ? 2 : 1;
  const way = prepare(product, <usize>(r.kernelHeight * r.kernelWidth * parts));
  // Sums of two weights take more than 8 bits.
  const wide = parts > 1 || isWide(r.outChannels);
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      for (let first: usize = 0; first < channels; first += pixel) {
        const last = min<usize>(first + pixel, channels);
        fillBlock(r, n, oy, rows, first, last - first, line);
        for (let c = first; c < last; c += 8) {
          const w = r.w + (c >> 3) * weights,
            columns = min<usize>(8, channels - c);
          for (let row: u32 = 0; row < rows; row += r.sumRows) {
            const count = min<u32>(r.sumRows, rows - row);
            const x = r.band + c - first + <usize>(row * r.strideY) * line,
              y = r.y + <usize>((n * r.outHeight + oy + row) * r.outWidth) * channels + c;
            sumsOf8(r, x, line, w, biasesOf(product) + (c << 2), columns > 4, count, wide);
            finish(product, way, r.sums, y, channels, count * r.outWidth, columns, c);
          }
        }
      }
    }
  }
}

/** The sums of some rows of output pixels, 8 channels. `both`: whether there are more than 4. */
@inline
export function sumsOf8(r: DepthwiseInt8, x: usize, line: usize, w: usize, bias: usize, both: bool, rows: u32, wide: bool): void {
  // From a block of weights to its second part.
  const rest = r.rest ? r.rest - r.w : 0;
  const pixel = <usize>r.blockChannels,
    down = r.strideY * line;
  if (ASC_FEATURE_SIMD) {
    if (r.kernelHeight <= 3 && r.kernelWidth == 3 && r.strideX <= 2 && r.dilationX == 1) {
      // Lines that are not there have weights of 0.
      const x1 = r.kernelHeight > 1 ? r.dilationY * line : 0,
        x2 = r.kernelHeight > 2 ? x1 << 1 : x1;
      if (ASC_FEATURE_RELAXED_SIMD) {
        if (!wide) {
          if (r.strideX == 1) sliding(x, x1, x2, pixel, w, bias, r.sums, r.outWidth, rows, down);
          else skipping(x, x1, x2, pixel, w, bias, r.sums, r.outWidth, rows, down);
          return;
        }
      }
      if (r.strideX == 1) {
        wideSliding(x, x1, x2, pixel, w, rest, bias, r.sums, r.outWidth, rows, down);
        if (both) wideSliding(x + 4, x1, x2, pixel, w + 16, rest, bias + 16, r.sums + 16, r.outWidth, rows, down);
      } else {
        wideSkipping(x, x1, x2, pixel, w, rest, bias, r.sums, r.outWidth, rows, down);
        if (both) wideSkipping(x + 4, x1, x2, pixel, w + 16, rest, bias + 16, r.sums + 16, r.outWidth, rows, down);
      }
      return;
    }
  }
  let sums = r.sums;
  if (ASC_FEATURE_SIMD) {
    if (wide) prepareSteps(r, line, w, rest);
  }
  for (; rows; rows--) {
    if (ASC_FEATURE_SIMD && wide) wideWindows(r, x, bias, sums);
    else windows(r, x, line, w, rest, bias, sums);
    x += down;
    sums += r.outWidth << 5;
  }
}

/** A row of windows of any size. */
function windows(r: DepthwiseInt8, x: usize, line: usize, w: usize, rest: usize, bias: usize, sums: usize): void {
  for (let ox: u32 = 0; ox < r.outWidth; ox++) {
    if (ASC_FEATURE_RELAXED_SIMD) window(r, x, line, w, bias, sums);
    else {
      for (let c: usize = 0; c < 8; c++)
        store<i32>(sums + (c << 2), load<i32>(bias + (c << 2)) + scalarWindow(r, x + c, line, w + (c << 2), rest));
    }
    x += r.strideX * r.blockChannels;
    sums += 32;
  }
}

function scalarWindow(r: DepthwiseInt8, x: usize, line: usize, w: usize, rest: usize): i32 {
  const quads = <usize>((r.kernelHeight + 3) >> 2);
  let sum = 0;
  for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
    let p = x + kx * r.dilationX * r.blockChannels;
    for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
      const at = w + ((ky >> 2) << 5) + (ky & 3);
      sum += <i32>load<u8>(p) * (<i32>load<i8>(at) + (rest ? <i32>load<i8>(at + rest) : 0));
      p += r.dilationY * line;
    }
    w += quads << 5;
  }
  return sum;
}

/**
 * Windows 3 wide and 3 high of 8 channels, a pixel apart: each interleaved column serves three of them. Their lines are 0, x1 and x2 bytes from the first; a
 * fourth, whose weights are 0, is any.
 */
function sliding(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = v128.load(w),
    w1 = v128.load(w, 16),
    w2 = v128.load(w, 32),
    w3 = v128.load(w, 48),
    w4 = v128.load(w, 64),
    w5 = v128.load(w, 80);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let middle = v128.load64_zero(q);
    let top = zip8(v128.load64_zero(p), middle),
      bottom = zip8(v128.load64_zero(s), middle);
    let a0 = zip16(top, bottom),
      a1 = zip16High(top, bottom);
    p += pixel;
    q += pixel;
    s += pixel;
    middle = v128.load64_zero(q);
    top = zip8(v128.load64_zero(p), middle);
    bottom = zip8(v128.load64_zero(s), middle);
    let b0 = zip16(top, bottom),
      b1 = zip16High(top, bottom);
    for (let count = width; count; count--) {
      p += pixel;
      q += pixel;
      s += pixel;
      middle = v128.load64_zero(q);
      top = zip8(v128.load64_zero(p), middle);
      bottom = zip8(v128.load64_zero(s), middle);
      const c0 = zip16(top, bottom),
        c1 = zip16High(top, bottom);
      v128.store(sums, dot(w4, c0, dot(w2, b0, dot(w0, a0, v128.load(bias)))));
      v128.store(sums, dot(w5, c1, dot(w3, b1, dot(w1, a1, v128.load(bias, 16)))), 16);
      a0 = b0;
      a1 = b1;
      b0 = c0;
      b1 = c1;
      sums += 32;
    }
    x += down;
  }
}

/** The same, two pixels apart: every other column serves two windows. */
function skipping(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = v128.load(w),
    w1 = v128.load(w, 16),
    w2 = v128.load(w, 32),
    w3 = v128.load(w, 48),
    w4 = v128.load(w, 64),
    w5 = v128.load(w, 80);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let middle = v128.load64_zero(q);
    let top = zip8(v128.load64_zero(p), middle),
      bottom = zip8(v128.load64_zero(s), middle);
    let a0 = zip16(top, bottom),
      a1 = zip16High(top, bottom);
    for (let count = width; count; count--) {
      p += pixel;
      q += pixel;
      s += pixel;
      middle = v128.load64_zero(q);
      top = zip8(v128.load64_zero(p), middle);
      bottom = zip8(v128.load64_zero(s), middle);
      const s0 = dot(w2, zip16(top, bottom), dot(w0, a0, v128.load(bias))),
        s1 = dot(w3, zip16High(top, bottom), dot(w1, a1, v128.load(bias, 16)));
      p += pixel;
      q += pixel;
      s += pixel;
      middle = v128.load64_zero(q);
      top = zip8(v128.load64_zero(p), middle);
      bottom = zip8(v128.load64_zero(s), middle);
      a0 = zip16(top, bottom);
      a1 = zip16High(top, bottom);
      v128.store(sums, dot(w4, a0, s0));
      v128.store(sums, dot(w5, a1, s1), 16);
      sums += 32;
    }
    x += down;
  }
}

// In 16 bits, 4 channels: of a window, the taps of the first and the last line are pairs, and those of the middle line in two columns.

/** Weights of lines 0 and 2 in the even bytes of quads, of lines 1 and 3 in the odd ones; with those of a second part. */
@inline
function even(w: usize, rest: usize): v128 {
  const v = i16x8.shr_s(i16x8.shl(v128.load(w), 8), 8);
  return rest ? i16x8.add(v, i16x8.shr_s(i16x8.shl(v128.load(w + rest), 8), 8)) : v;
}

@inline
function odd(w: usize, rest: usize): v128 {
  const v = i16x8.shr_s(v128.load(w), 8);
  return rest ? i16x8.add(v, i16x8.shr_s(v128.load(w + rest), 8)) : v;
}

/** 2 columns' weights of line 1 side by side. */
@inline
function sideBySide(left: v128, right: v128): v128 {
  return v128.or(i32x4.shr_u(i32x4.shl(left, 16), 16), i32x4.shl(right, 16));
}

/** The sums of a window: columns a, b, c of outer lines, the middle line's pairs of the columns before and in a, and of b and c. */
@inline
function nineTaps(bias: v128, a: v128, b: v128, c: v128, first: v128, two: v128, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128): v128 {
  return wideDot(w4, two, wideDot(w2, c, wideDot(w3, first, wideDot(w1, b, wideDot(w0, a, bias)))));
}

/** `sliding` of 4 channels. */
function wideSliding(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  rest: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = even(w, rest),
    w1 = even(w + 32, rest),
    w2 = even(w + 64, rest),
    w3 = i32x4.shl(odd(w, rest), 16),
    w4 = sideBySide(odd(w + 32, rest), odd(w + 64, rest)),
    start = v128.load(bias);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let m = v128.load8x8_u(q);
    let a = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
      ma = zip16(m, m);
    p += pixel;
    q += pixel;
    s += pixel;
    let n = v128.load8x8_u(q);
    let b = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
      mb = zip16(m, n);
    let count = width;
    for (; count >= 2; count -= 2) {
      p += pixel;
      q += pixel;
      s += pixel;
      m = v128.load8x8_u(q);
      const c = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        mc = zip16(n, m);
      v128.store(sums, nineTaps(start, a, b, c, ma, mc, w0, w1, w2, w3, w4));
      p += pixel;
      q += pixel;
      s += pixel;
      n = v128.load8x8_u(q);
      a = c;
      ma = mc;
      const d = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        md = zip16(m, n);
      v128.store(sums, nineTaps(start, b, c, d, mb, md, w0, w1, w2, w3, w4), 32);
      b = d;
      mb = md;
      sums += 64;
    }
    if (count) {
      p += pixel;
      q += pixel;
      s += pixel;
      const c = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        mc = zip16(n, v128.load8x8_u(q));
      v128.store(sums, nineTaps(start, a, b, c, ma, mc, w0, w1, w2, w3, w4));
      sums += 32;
    }
    x += down;
  }
}

/** `skipping` of 4 channels. */
function wideSkipping(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  rest: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = even(w, rest),
    w1 = even(w + 32, rest),
    w2 = even(w + 64, rest),
    w3 = i32x4.shl(odd(w, rest), 16),
    w4 = sideBySide(odd(w + 32, rest), odd(w + 64, rest)),
    start = v128.load(bias);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let m = v128.load8x8_u(q);
    let a = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
      ma = zip16(m, m);
    for (let count = width; count; count--) {
      p += pixel;
      q += pixel;
      s += pixel;
      m = v128.load8x8_u(q);
      const b = zip16(v128.load8x8_u(p), v128.load8x8_u(s));
      p += pixel;
      q += pixel;
      s += pixel;
      const c = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        mc = zip16(m, v128.load8x8_u(q));
      v128.store(sums, nineTaps(start, a, b, c, ma, mc, w0, w1, w2, w3, w4));
      a = c;
      ma = mc;
      sums += 32;
    }
    x += down;
  }
}

/** Bytes from a line to line `ky` of 4, or to the kernel's last. */
@inline
function below(r: DepthwiseInt8, line: usize, from: u32, ky: u32): usize {
  return min<u32>(ky, r.kernelHeight - 1 - from) * r.dilationY * line;
}

/** One window of any size. */
function window(r: DepthwiseInt8, x: usize, line: usize, w: usize, bias: usize, sums: usize): void {
  let s0 = v128.load(bias),
    s1 = v128.load(bias, 16);
  for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
    let p = x + <usize>(kx * r.dilationX * r.blockChannels);
    for (let ky: u32 = 0; ky < r.kernelHeight; ky += 4) {
      const top = zip8(v128.load64_zero(p), v128.load64_zero(p + below(r, line, ky, 1))),
        bottom = zip8(v128.load64_zero(p + below(r, line, ky, 2)), v128.load64_zero(p + below(r, line, ky, 3)));
      s0 = dot(v128.load(w), zip16(top, bottom), s0);
      s1 = dot(v128.load(w, 16), zip16High(top, bottom), s1);
      p += <usize>(r.dilationY << 2) * line;
      w += 32;
    }
  }
  v128.store(sums, s0);
  v128.store(sums, s1, 16);
}

/**
 * In 16 bits, windows of any size are steps of two taps each. Bytes of a step in scratch, behind the sums: the weights of 8 channels in pairs, and where
 * in the band the two taps are.
 */
const STEP: usize = 40;

@inline
function stepsOf(r: DepthwiseInt8): usize {
  return r.sums + ((<usize>r.sumRows * r.outWidth) << 5);
}

/** Weights of line `byte` of 4 channels' quads as i32, with those of a second part. */
@inline
function tapOf(quads: usize, rest: usize, byte: i32): v128 {
  const shift = 24 - (byte << 3),
    v = i32x4.shr_s(i32x4.shl(v128.load(quads), shift), 24);
  return rest ? i32x4.add(v, i32x4.shr_s(i32x4.shl(v128.load(quads + rest), shift), 24)) : v;
}

/** Writes the steps of 8 channels. Where taps are odd in number, the last is beside itself with a weight of 0. */
function prepareSteps(r: DepthwiseInt8, line: usize, w: usize, rest: usize): void {
  const quads = ((r.kernelHeight + 3) >> 2) << 5;
  let step = stepsOf(r),
    isSecond = false;
  for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
    for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
      const at = w + ((ky >> 2) << 5),
        tap = ky * r.dilationY * line + kx * r.dilationX * r.blockChannels,
        left = tapOf(at, rest, ky & 3),
        right = tapOf(at + 16, rest, ky & 3);
      store<u32>(step, tap, 36);
      if (isSecond) {
        v128.store(step, v128.or(v128.load(step), i32x4.shl(left, 16)));
        v128.store(step, v128.or(v128.load(step, 16), i32x4.shl(right, 16)), 16);
        step += STEP;
      } else {
        store<u32>(step, tap, 32);
        v128.store(step, i32x4.shr_u(i32x4.shl(left, 16), 16));
        v128.store(step, i32x4.shr_u(i32x4.shl(right, 16), 16), 16);
      }
      isSecond = !isSecond;
    }
    w += quads;
  }
}

/** Numbers of two taps, alternating, times their weights: of channels 0 to 3, of channels 4 to 7. */
@inline
function lowPairs(w: v128, x: v128, acc: v128): v128 {
  return wideDot(w, i16x8.extend_low_i8x16_u(x), acc);
}

@inline
function highPairs(w: v128, x: v128, acc: v128): v128 {
  return wideDot(w, i16x8.extend_high_i8x16_u(x), acc);
}

/** A row of windows, two at a time, of which the last may be twice the same. */
function wideWindows(r: DepthwiseInt8, x: usize, bias: usize, sums: usize): void {
  const apart = r.strideX * r.blockChannels,
    steps = stepsOf(r),
    end = steps + <usize>((r.kernelHeight * r.kernelWidth + 1) >> 1) * STEP;
  for (let left = r.outWidth; left; left -= min<u32>(left, 2)) {
    const next = left > 1 ? x + apart : x;
    let a0 = v128.load(bias),
      a1 = v128.load(bias, 16);
    let b0 = a0,
      b1 = a1,
      step = steps;
    do {
      const w0 = v128.load(step),
        w1 = v128.load(step, 16),
        p = <usize>load<u32>(step, 32),
        q = <usize>load<u32>(step, 36);
      let taps = zip8(v128.load64_zero(x + p), v128.load64_zero(x + q));
      a0 = lowPairs(w0, taps, a0);
      a1 = highPairs(w1, taps, a1);
      taps = zip8(v128.load64_zero(next + p), v128.load64_zero(next + q));
      b0 = lowPairs(w0, taps, b0);
      b1 = highPairs(w1, taps, b1);
      step += STEP;
    } while (step < end);
    v128.store(sums, a0);
    v128.store(sums, a1, 16);
    if (left > 1) {
      v128.store(sums, b0, 32);
      v128.store(sums, b1, 48);
    }
    x += apart << 1;
    sums += 64;
  }
}
