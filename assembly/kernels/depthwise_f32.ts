// Depthwise convolution over NHWC: output channel c · m + j is input channel c through filter w[:, :, c · m + j], m = outChannels / inChannels.
// w is [kernelHeight, kernelWidth, outChannels]; with m = 1 channels run in vectors. Sums grow tap by tap and within a tap line by line.
// scratch: a Correlation.
import { Conv2d } from '../records';
import { beginLines, blockLines, Correlation, forwardCorrelation, nextRectangle, turn } from './correlation';
import { linesInside, slideRows, slides } from './depthwise_lines_f32';
import { clamp, clamp1, madd } from './vector_f32';

/** Bytes of x and y that pass at a time. */
const BLOCK_BYTES: usize = 65536;

export function depthwise_conv2d_f32(r: Conv2d): void {
  const c = changetype<Correlation>(r.scratch);
  forwardCorrelation(r, c);
  correlateImages(r, c);
}

/** As `depthwise_conv2d_f32`, but sums grow line by line and within a line tap by tap, as TFLite's reference has them: lines and columns change places. */
export function depthwise_conv2d_f32_ordered(r: Conv2d): void {
  const c = changetype<Correlation>(r.scratch);
  forwardCorrelation(r, c);
  turn(c);
  correlateImages(r, c);
}

function correlateImages(r: Conv2d, c: Correlation): void {
  const xImage = (<usize>(r.inHeight * r.inWidth * r.inChannels)) << 2,
    yImage = (<usize>(r.outHeight * r.outWidth * r.outChannels)) << 2;
  for (let n: usize = 0; n < r.batch; n++) {
    c.x = r.x + n * xImage;
    c.y = r.y + n * yImage;
    if (r.outChannels == r.inChannels) correlateChannels(c, r.outChannels, r.bias, r.low, r.high);
    else correlateMultiplied(c, r.outChannels, r.outChannels / r.inChannels, r.bias, r.low, r.high);
  }
}

/** y = clamp(start + x · w), channel by channel. */
export function correlateChannels(c: Correlation, channels: usize, start: usize, low: f32, high: f32): void {
  if (ASC_FEATURE_SIMD) {
    if (slides(c)) {
      const vectors = channels & ~3;
      slideRows(c, vectors, start, low, high);
      for (let oy = 0; oy < c.outHeight; oy++) {
        if (linesInside(c, oy) < 2) correlateLines(c, oy, oy + 1, 0, channels, start, low, high);
        else if (vectors < channels) correlateLines(c, oy, oy + 1, vectors, channels - vectors, start, low, high);
      }
      return;
    }
  }
  const block = blockLines(c, BLOCK_BYTES);
  for (let oy = 0; oy < c.outHeight; oy += block) {
    correlateLines(c, oy, min(oy + block, c.outHeight), 0, channels, start, low, high);
  }
}

/** Output rows from … to - 1, `channels` channels from `first` on. */
function correlateLines(c: Correlation, from: i32, to: i32, first: usize, channels: usize, start: usize, low: f32, high: f32): void {
  const right = c.strideX * c.xPixel,
    down = c.strideY * c.xLine;
  const xLine = c.dilationY * c.xLine;
  const skip = first << 2;
  if (start) start += skip;
  beginLines(c, from, to);
  while (nextRectangle(c)) {
    const w = c.wAt + skip;
    const xSkip = c.dilationX * c.xPixel - c.lines * xLine,
      wSkip = c.wTap - c.lines * c.wLine;
    // Whole tiles along the lines; what is left goes down the columns.
    const wide = c.height > 1 ? c.width & ~3 : c.width;
    for (let i = 0; wide && i < c.height; i++) {
      const x = c.xAt + skip + i * down,
        y = c.yAt + skip + i * c.yLine;
      pixels(x, right, y, c.yPixel, wide, w, c.lines, c.taps, xLine, xSkip, c.wLine, wSkip, channels, start, low, high);
    }
    for (let i = wide; i < c.width; i++) {
      const x = c.xAt + skip + i * right,
        y = c.yAt + skip + i * c.yPixel;
      pixels(x, down, y, c.yLine, c.height, w, c.lines, c.taps, xLine, xSkip, c.wLine, wSkip, channels, start, low, high);
    }
  }
}

/** A run of pixels with the same taps, 4 at a time. Pixels that are not there repeat the first and are not stored. */
function pixels(
  x: usize,
  xStride: usize,
  y: usize,
  yStride: usize,
  count: i32,
  w: usize,
  lines: i32,
  taps: i32,
  xLine: usize,
  xSkip: usize,
  wLine: usize,
  wSkip: usize,
  channels: usize,
  start: usize,
  low: f32,
  high: f32,
): void {
  if (ASC_FEATURE_SIMD) {
    for (let left = count; left > 0; left -= 4) {
      tiles(x, xStride, y, yStride, left, w, lines, taps, xLine, xSkip, wLine, wSkip, channels & ~3, start, low, high);
      x += xStride << 2;
      y += yStride << 2;
    }
    const done = channels & ~3;
    if (done == channels) return;
    x -= xStride * ((count + 3) & ~3);
    y -= yStride * ((count + 3) & ~3);
    for (; count; count--) {
      for (let i = done; i < channels; i++) {
        scalarPixel(
          x + (i << 2),
          y + (i << 2),
          w + (i << 2),
          lines,
          taps,
          xLine,
          xSkip,
          wLine,
          wSkip,
          start ? start + (i << 2) : 0,
          low,
          high,
        );
      }
      x += xStride;
      y += yStride;
    }
  } else {
    for (; count; count--) {
      for (let i: usize = 0; i < channels; i++) {
        scalarPixel(
          x + (i << 2),
          y + (i << 2),
          w + (i << 2),
          lines,
          taps,
          xLine,
          xSkip,
          wLine,
          wSkip,
          start ? start + (i << 2) : 0,
          low,
          high,
        );
      }
      x += xStride;
      y += yStride;
    }
  }
}

/** Up to 4 pixels, 8 channels at a time, then 4: `channels` is a multiple of 4. */
function tiles(
  x: usize,
  xStride: usize,
  y: usize,
  yStride: usize,
  left: i32,
  w: usize,
  lines: i32,
  taps: i32,
  xLine: usize,
  xSkip: usize,
  wLine: usize,
  wSkip: usize,
  channels: usize,
  start: usize,
  low: f32,
  high: f32,
): void {
  const o1 = left > 1 ? xStride : 0,
    o2 = left > 2 ? xStride << 1 : 0,
    o3 = left > 3 ? xStride * 3 : 0;
  for (; channels >= 8; channels -= 8) {
    let a0 = f32x4.splat(0),
      a1 = a0;
    if (start) {
      a0 = v128.load(start);
      a1 = v128.load(start, 16);
      start += 32;
    }
    let b0 = a0,
      b1 = a1,
      c0 = a0,
      c1 = a1,
      d0 = a0,
      d1 = a1;
    let x0 = x,
      x1 = x + o1,
      x2 = x + o2,
      x3 = x + o3,
      k = w;
    for (let tap = taps; tap; tap--) {
      for (let line = lines; line; line--) {
        const w0 = v128.load(k),
          w1 = v128.load(k, 16);
        a0 = madd(v128.load(x0), w0, a0);
        a1 = madd(v128.load(x0, 16), w1, a1);
        b0 = madd(v128.load(x1), w0, b0);
        b1 = madd(v128.load(x1, 16), w1, b1);
        c0 = madd(v128.load(x2), w0, c0);
        c1 = madd(v128.load(x2, 16), w1, c1);
        d0 = madd(v128.load(x3), w0, d0);
        d1 = madd(v128.load(x3, 16), w1, d1);
        x0 += xLine;
        x1 += xLine;
        x2 += xLine;
        x3 += xLine;
        k += wLine;
      }
      x0 += xSkip;
      x1 += xSkip;
      x2 += xSkip;
      x3 += xSkip;
      k += wSkip;
    }
    const floor = f32x4.splat(low),
      ceiling = f32x4.splat(high);
    storePair(y, a0, a1, floor, ceiling);
    if (left > 1) storePair(y + yStride, b0, b1, floor, ceiling);
    if (left > 2) storePair(y + (yStride << 1), c0, c1, floor, ceiling);
    if (left > 3) storePair(y + yStride * 3, d0, d1, floor, ceiling);
    x += 32;
    y += 32;
    w += 32;
  }
  if (channels) {
    let a = start ? v128.load(start) : f32x4.splat(0);
    let b = a,
      c = a,
      d = a;
    for (; taps; taps--) {
      for (let line = lines; line; line--) {
        const k = v128.load(w);
        a = madd(v128.load(x), k, a);
        b = madd(v128.load(x + o1), k, b);
        c = madd(v128.load(x + o2), k, c);
        d = madd(v128.load(x + o3), k, d);
        x += xLine;
        w += wLine;
      }
      x += xSkip;
      w += wSkip;
    }
    const floor = f32x4.splat(low),
      ceiling = f32x4.splat(high);
    v128.store(y, clamp(a, floor, ceiling));
    if (left > 1) v128.store(y + yStride, clamp(b, floor, ceiling));
    if (left > 2) v128.store(y + (yStride << 1), clamp(c, floor, ceiling));
    if (left > 3) v128.store(y + yStride * 3, clamp(d, floor, ceiling));
  }
}

@inline
function storePair(y: usize, v0: v128, v1: v128, floor: v128, ceiling: v128): void {
  v128.store(y, clamp(v0, floor, ceiling));
  v128.store(y, clamp(v1, floor, ceiling), 16);
}

/** One channel of one pixel. */
function scalarPixel(
  x: usize,
  y: usize,
  w: usize,
  lines: i32,
  taps: i32,
  xLine: usize,
  xSkip: usize,
  wLine: usize,
  wSkip: usize,
  start: usize,
  low: f32,
  high: f32,
): void {
  let sum: f32 = start ? load<f32>(start) : 0;
  for (; taps; taps--) {
    for (let line = lines; line; line--) {
      sum += load<f32>(x) * load<f32>(w);
      x += xLine;
      w += wLine;
    }
    x += xSkip;
    w += wSkip;
  }
  store<f32>(y, clamp1(sum, low, high));
}

/** With a multiplier: every output channel by itself. */
function correlateMultiplied(c: Correlation, channels: usize, multiplier: usize, start: usize, low: f32, high: f32): void {
  const xLine = c.dilationY * c.xLine;
  beginLines(c, 0, c.outHeight);
  while (nextRectangle(c)) {
    const xSkip = c.dilationX * c.xPixel - c.lines * xLine,
      wSkip = c.wTap - c.lines * c.wLine;
    for (let i = 0; i < c.height; i++) {
      for (let j = 0; j < c.width; j++) {
        const x = c.xAt + i * c.strideY * c.xLine + j * c.strideX * c.xPixel,
          y = c.yAt + i * c.yLine + j * c.yPixel;
        for (let k: usize = 0; k < channels; k++) {
          const from = start ? start + (k << 2) : 0;
          scalarPixel(
            x + ((k / multiplier) << 2),
            y + (k << 2),
            c.wAt + (k << 2),
            c.lines,
            c.taps,
            xLine,
            xSkip,
            c.wLine,
            wSkip,
            from,
            low,
            high,
          );
        }
      }
    }
  }
}
