// Depthwise convolution of 8-bit images, 8 output channels at a time. The band holds every output channel's input. A quad of weights is 4 taps of
// one kernel column (`packDepthwiseQuads`), so inputs are interleaved to quads too: four lines' numbers of a channel side by side.
import { Conv2dInt8 } from '../records';
import { fillBand, isWide, lineLength } from './band_s8';
import { biasesOf, finish, prepare } from './finish_s8';
import { dot, pairs, wideDot } from './gemm_s8';

export function depthwise_conv2d_s8(r: Conv2dInt8): void {
  const channels = <usize>r.outChannels;
  const line = lineLength(r, channels);
  const copies = channels / <usize>r.inChannels;
  const blockBytes = (<usize>(r.kernelWidth * ((r.kernelHeight + 3) >> 2))) << 5;
  const way = prepare(r, <usize>(r.kernelHeight * r.kernelWidth));
  const wide = isWide(r.outChannels);
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      fillBand(r, n, oy, rows, false, copies);
      for (let row: u32 = 0; row < rows; row++) {
        const y = r.y + <usize>((n * r.outHeight + oy + row) * r.outWidth) * channels;
        const band = r.band + row * r.strideY * line;
        let w = r.w;
        for (let c: usize = 0; c < channels; c += 8) {
          rowSums(r, band + c, line, w, biasesOf(r) + (c << 2), wide);
          finish(r, way, r.sums, y + c, channels, r.outWidth, min<usize>(8, channels - c), c);
          w += blockBytes;
        }
      }
    }
  }
}

/** The sums of one row of output pixels, 8 channels. */
@inline
function rowSums(r: Conv2dInt8, x: usize, line: usize, w: usize, bias: usize, wide: bool): void {
  const channels = <usize>r.outChannels;
  if (ASC_FEATURE_SIMD) {
    if (r.kernelHeight <= 4 && r.kernelWidth == 3 && r.strideX <= 2 && r.dilationX == 1) {
      const next = r.dilationY * line;
      const x1: usize = r.kernelHeight > 1 ? next : 0,
        x2: usize = r.kernelHeight > 2 ? next << 1 : x1,
        x3: usize = r.kernelHeight > 3 ? next * 3 : x2;
      if (ASC_FEATURE_RELAXED_SIMD) {
        if (!wide) {
          if (r.strideX == 1) sliding(x, x1, x2, x3, channels, w, bias, r.sums, r.outWidth);
          else skipping(x, x1, x2, x3, channels, w, bias, r.sums, r.outWidth);
          return;
        }
      }
      if (r.strideX == 1) {
        wideSliding(x, x1, x2, x3, channels, w, bias, r.sums, r.outWidth);
        wideSliding(x + 4, x1, x2, x3, channels, w + 16, bias + 16, r.sums + 16, r.outWidth);
      } else {
        wideSkipping(x, x1, x2, x3, channels, w, bias, r.sums, r.outWidth);
        wideSkipping(x + 4, x1, x2, x3, channels, w + 16, bias + 16, r.sums + 16, r.outWidth);
      }
      return;
    }
    let sums = r.sums;
    for (let ox: usize = 0; ox < r.outWidth; ox++) {
      if (ASC_FEATURE_RELAXED_SIMD) {
        if (wide) wideWindow(r, x, line, w, bias, sums);
        else window(r, x, line, w, bias, sums);
      } else wideWindow(r, x, line, w, bias, sums);
      x += r.strideX * channels;
      sums += 32;
    }
  } else {
    let sums = r.sums;
    for (let ox: usize = 0; ox < r.outWidth; ox++) {
      for (let c: usize = 0; c < 8; c++)
        store<i32>(sums + (c << 2), load<i32>(bias + (c << 2)) + scalarWindow(r, x + c, line, w + (c << 2)));
      x += r.strideX * channels;
      sums += 32;
    }
  }
}

function scalarWindow(r: Conv2dInt8, x: usize, line: usize, w: usize): i32 {
  const quads = <usize>((r.kernelHeight + 3) >> 2);
  let sum = 0;
  for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
    let p = x + kx * r.dilationX * r.outChannels;
    for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
      sum += <i32>load<u8>(p) * <i32>load<i8>(w + ((ky >> 2) << 5) + (ky & 3));
      p += r.dilationY * line;
    }
    w += quads << 5;
  }
  return sum;
}

/** Bytes of two lines, alternating. */
@inline
function zip8(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

@inline
function zip16(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

@inline
function zip16High(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** 8 channels of four lines, the others x1, x2, x3 bytes from the first: alternating, first bytes, then words. */
@inline
function top8(x: usize, x1: usize): v128 {
  return zip8(v128.load64_zero(x), v128.load64_zero(x + x1));
}

@inline
function bottom8(x: usize, x2: usize, x3: usize): v128 {
  return zip8(v128.load64_zero(x + x2), v128.load64_zero(x + x3));
}
/** 4 channels of four lines. */
@inline
function quads4(x: usize, x1: usize, x2: usize, x3: usize): v128 {
  return zip16(zip8(v128.load32_zero(x), v128.load32_zero(x + x1)), zip8(v128.load32_zero(x + x2), v128.load32_zero(x + x3)));
}

/** Windows 3 wide and at most 4 high, a pixel apart: each interleaved column serves three of them. */
function sliding(x: usize, x1: usize, x2: usize, x3: usize, channels: usize, w: usize, bias: usize, sums: usize, count: usize): void {
  const w0 = v128.load(w),
    w1 = v128.load(w, 16),
    w2 = v128.load(w, 32),
    w3 = v128.load(w, 48),
    w4 = v128.load(w, 64),
    w5 = v128.load(w, 80);
  let top = top8(x, x1),
    bottom = bottom8(x, x2, x3);
  let a0 = zip16(top, bottom),
    a1 = zip16High(top, bottom);
  x += channels;
  top = top8(x, x1);
  bottom = bottom8(x, x2, x3);
  let b0 = zip16(top, bottom),
    b1 = zip16High(top, bottom);
  for (; count; count--) {
    x += channels;
    top = top8(x, x1);
    bottom = bottom8(x, x2, x3);
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
}

/** The same, two pixels apart: every other column serves two windows. */
function skipping(x: usize, x1: usize, x2: usize, x3: usize, channels: usize, w: usize, bias: usize, sums: usize, count: usize): void {
  const w0 = v128.load(w),
    w1 = v128.load(w, 16),
    w2 = v128.load(w, 32),
    w3 = v128.load(w, 48),
    w4 = v128.load(w, 64),
    w5 = v128.load(w, 80);
  let top = top8(x, x1),
    bottom = bottom8(x, x2, x3);
  let a0 = zip16(top, bottom),
    a1 = zip16High(top, bottom);
  for (; count; count--) {
    x += channels;
    top = top8(x, x1);
    bottom = bottom8(x, x2, x3);
    const s0 = dot(w2, zip16(top, bottom), dot(w0, a0, v128.load(bias))),
      s1 = dot(w3, zip16High(top, bottom), dot(w1, a1, v128.load(bias, 16)));
    x += channels;
    top = top8(x, x1);
    bottom = bottom8(x, x2, x3);
    a0 = zip16(top, bottom);
    a1 = zip16High(top, bottom);
    v128.store(sums, dot(w4, a0, s0));
    v128.store(sums, dot(w5, a1, s1), 16);
    sums += 32;
  }
}

/** `sliding` of 4 channels, in 16 bits. */
function wideSliding(x: usize, x1: usize, x2: usize, x3: usize, channels: usize, w: usize, bias: usize, sums: usize, count: usize): void {
  const w0 = v128.load8x8_s(w),
    w1 = v128.load8x8_s(w, 8),
    w2 = v128.load8x8_s(w, 32),
    w3 = v128.load8x8_s(w, 40),
    w4 = v128.load8x8_s(w, 64),
    w5 = v128.load8x8_s(w, 72);
  let v = quads4(x, x1, x2, x3);
  let a0 = i16x8.extend_low_i8x16_u(v),
    a1 = i16x8.extend_high_i8x16_u(v);
  x += channels;
  v = quads4(x, x1, x2, x3);
  let b0 = i16x8.extend_low_i8x16_u(v),
    b1 = i16x8.extend_high_i8x16_u(v);
  for (; count; count--) {
    x += channels;
    v = quads4(x, x1, x2, x3);
    const c0 = i16x8.extend_low_i8x16_u(v),
      c1 = i16x8.extend_high_i8x16_u(v);
    const s0 = wideDot(w0, a0, wideDot(w2, b0, i32x4.dot_i16x8_s(w4, c0))),
      s1 = wideDot(w1, a1, wideDot(w3, b1, i32x4.dot_i16x8_s(w5, c1)));
    v128.store(sums, i32x4.add(v128.load(bias), pairs(s0, s1)));
    a0 = b0;
    a1 = b1;
    b0 = c0;
    b1 = c1;
    sums += 32;
  }
}

/** `skipping` of 4 channels, in 16 bits. */
function wideSkipping(x: usize, x1: usize, x2: usize, x3: usize, channels: usize, w: usize, bias: usize, sums: usize, count: usize): void {
  const w0 = v128.load8x8_s(w),
    w1 = v128.load8x8_s(w, 8),
    w2 = v128.load8x8_s(w, 32),
    w3 = v128.load8x8_s(w, 40),
    w4 = v128.load8x8_s(w, 64),
    w5 = v128.load8x8_s(w, 72);
  let v = quads4(x, x1, x2, x3);
  let a0 = i16x8.extend_low_i8x16_u(v),
    a1 = i16x8.extend_high_i8x16_u(v);
  for (; count; count--) {
    x += channels;
    v = quads4(x, x1, x2, x3);
    const s0 = wideDot(w2, i16x8.extend_low_i8x16_u(v), i32x4.dot_i16x8_s(w0, a0)),
      s1 = wideDot(w3, i16x8.extend_high_i8x16_u(v), i32x4.dot_i16x8_s(w1, a1));
    x += channels;
    v = quads4(x, x1, x2, x3);
    a0 = i16x8.extend_low_i8x16_u(v);
    a1 = i16x8.extend_high_i8x16_u(v);
    v128.store(sums, i32x4.add(v128.load(bias), pairs(wideDot(w4, a0, s0), wideDot(w5, a1, s1))));
    sums += 32;
  }
}

/** Bytes from a line to line `ky` of 4, or to the kernel's last. */
@inline
function below(r: Conv2dInt8, line: usize, from: u32, ky: u32): usize {
  return min<u32>(ky, r.kernelHeight - 1 - from) * r.dilationY * line;
}

/** One window of any size. */
function window(r: Conv2dInt8, x: usize, line: usize, w: usize, bias: usize, sums: usize): void {
  let s0 = v128.load(bias),
    s1 = v128.load(bias, 16);
  for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
    let p = x + <usize>(kx * r.dilationX * r.outChannels);
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

function wideWindow(r: Conv2dInt8, x: usize, line: usize, w: usize, bias: usize, sums: usize): void {
  let s0 = i32x4.splat(0),
    s1 = s0,
    s2 = s0,
    s3 = s0;
  for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
    let p = x + <usize>(kx * r.dilationX * r.outChannels);
    for (let ky: u32 = 0; ky < r.kernelHeight; ky += 4) {
      const top = zip8(v128.load64_zero(p), v128.load64_zero(p + below(r, line, ky, 1))),
        bottom = zip8(v128.load64_zero(p + below(r, line, ky, 2)), v128.load64_zero(p + below(r, line, ky, 3)));
      let v = zip16(top, bottom);
      s0 = wideDot(v128.load8x8_s(w), i16x8.extend_low_i8x16_u(v), s0);
      s1 = wideDot(v128.load8x8_s(w, 8), i16x8.extend_high_i8x16_u(v), s1);
      v = zip16High(top, bottom);
      s2 = wideDot(v128.load8x8_s(w, 16), i16x8.extend_low_i8x16_u(v), s2);
      s3 = wideDot(v128.load8x8_s(w, 24), i16x8.extend_high_i8x16_u(v), s3);
      p += <usize>(r.dilationY << 2) * line;
      w += 32;
    }
  }
  v128.store(sums, i32x4.add(v128.load(bias), pairs(s0, s1)));
  v128.store(sums, i32x4.add(v128.load(bias, 16), pairs(s2, s3)), 16);
}
