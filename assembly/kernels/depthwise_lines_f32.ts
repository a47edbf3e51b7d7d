// Depthwise convolution with 3 taps a line and 2 or 3 lines inside the image: 4 channels slide along a row of output pixels with their weights in
// registers, so each input is loaded once. Sums grow tap by tap and within a tap line by line, as everywhere in the depthwise kernels.
import { Correlation, endTap, firstTap } from './correlation';
import { madd } from './vector_f32';

/** Bytes of the input lines of a strip: 3/4 of a 32 KB first-level cache, so that the next output row finds two of its lines there. */
const STRIP_BYTES: usize = 24576;
/** Channels of a strip. */
const STRIP_CHANNELS: usize = 64;

/** Whether all output rows with 2 or 3 lines inside may go through `slideRow`. */
export function slides(c: Correlation): bool {
  return (
    c.kernelWidth == 3 &&
    c.dilationX == 1 &&
    (c.strideX == 1 || c.strideX == 2) &&
    c.padLeft <= 1 &&
    (c.kernelHeight == 2 || c.kernelHeight == 3) &&
    c.outWidth > 0 &&
    (c.outWidth - 1) * c.strideX - c.padLeft + 2 <= c.inWidth
  );
}

/** Lines of the window of output row `oy` inside the image. */
@inline
export function linesInside(c: Correlation, oy: i32): i32 {
  const iy = oy * c.strideY - c.padTop;
  return endTap(iy, c.dilationY, c.kernelHeight, c.inHeight) - firstTap(iy, c.dilationY, c.kernelHeight);
}

/** All output rows with 2 or 3 lines inside, of `channels`, a multiple of 4. */
export function slideRows(c: Correlation, channels: usize, start: usize, low: f32, high: f32): void {
  c.start = start ? start : changetype<usize>(c) + offsetof<Correlation>('zero0');
  c.startStep = start ? 16 : 0;
  c.low = low;
  c.high = high;
  c.zero0 = 0;
  c.zero1 = 0;
  for (let first: usize = 0; first < channels; first += STRIP_CHANNELS) {
    const some = min(STRIP_CHANNELS, channels - first);
    const width = max<i32>(<i32>(STRIP_BYTES / ((<usize>(c.kernelHeight * c.strideX) * some) << 2)), 8);
    for (let ox = 0; ox < c.outWidth; ox += width) {
      const count = min(width, c.outWidth - ox);
      for (let oy = 0; oy < c.outHeight; oy++) if (linesInside(c, oy) >= 2) slideRow(c, oy, ox, count, first, some);
    }
  }
}

/** Output pixels ox … ox + count - 1 of row oy. */
function slideRow(c: Correlation, oy: i32, ox: i32, count: i32, first: usize, channels: usize): void {
  const iy = oy * c.strideY - c.padTop,
    ix = ox * c.strideX - c.padLeft;
  const line = firstTap(iy, c.dilationY, c.kernelHeight);
  const x = c.x + (iy + line * c.dilationY) * c.xLine + ix * c.xPixel + (first << 2),
    y = c.y + oy * c.yLine + ox * c.yPixel + (first << 2),
    w = c.w + line * c.wLine + (first << 2);
  const start = c.startStep ? c.start + (first << 2) : c.start;
  const left = ix >= 0,
    right = ix + (count - 1) * c.strideX + 2 < c.inWidth;
  const three = linesInside(c, oy) == 3;
  if (c.strideX == 1) {
    if (three) slide1x3(c, x, y, w, start, count, channels, left, right);
    else slide1x2(c, x, y, w, start, count, channels, left, right);
  } else {
    if (three) slide2x3(c, x, y, w, start, count, channels, left, right);
    else slide2x2(c, x, y, w, start, count, channels, left, right);
  }
}

/** Limits and start values come from memory each time: registers are for weights (9) and sums (3). */
@inline
function put(c: Correlation, y: usize, v: v128): void {
  const raised = f32x4.pmax(v, v128.load32_splat(changetype<usize>(c), offsetof<Correlation>('low')));
  v128.store(y, f32x4.pmin(raised, v128.load32_splat(changetype<usize>(c), offsetof<Correlation>('high'))));
}

@inline
function tap(lines: i32, p: usize, line: usize, w0: v128, w1: v128, w2: v128, sum: v128): v128 {
  sum = madd(v128.load(p), w0, sum);
  sum = madd(v128.load(p + line), w1, sum);
  if (lines == 3) sum = madd(v128.load(p + (line << 1)), w2, sum);
  return sum;
}

/** Stride 1. x: the first pixel's first tap, present if `left`; the last pixel's last tap is present if `right`. */
@inline
function slide1(
  lines: i32,
  c: Correlation,
  x: usize,
  y: usize,
  w: usize,
  start: usize,
  count: i32,
  channels: usize,
  left: bool,
  right: bool,
): void {
  const pixel = c.xPixel,
    line = <usize>c.dilationY * c.xLine,
    yPixel = c.yPixel;
  for (; channels; channels -= 4) {
    const a0 = v128.load(w),
      b0 = v128.load(w + c.wTap),
      c0 = v128.load(w + (c.wTap << 1));
    const next = w + c.wLine;
    const a1 = v128.load(next),
      b1 = v128.load(next + c.wTap),
      c1 = v128.load(next + (c.wTap << 1));
    let a2 = a0,
      b2 = a0,
      c2 = a0;
    if (lines == 3) {
      const last = next + c.wLine;
      a2 = v128.load(last);
      b2 = v128.load(last + c.wTap);
      c2 = v128.load(last + (c.wTap << 1));
    }
    let p = x,
      q = y;
    let sum = v128.load(start);
    if (left) sum = tap(lines, p, line, a0, a1, a2, sum);
    p += pixel;
    let v = v128.load(p);
    sum = madd(v, b0, sum);
    let later = madd(v, a0, v128.load(start));
    v = v128.load(p + line);
    sum = madd(v, b1, sum);
    later = madd(v, a1, later);
    if (lines == 3) {
      v = v128.load(p + (line << 1));
      sum = madd(v, b2, sum);
      later = madd(v, a2, later);
    }
    p += pixel;
    for (let rest = count - 1; rest; rest--) {
      v = v128.load(p);
      sum = madd(v, c0, sum);
      let middle = madd(v, b0, later);
      later = madd(v, a0, v128.load(start));
      v = v128.load(p + line);
      sum = madd(v, c1, sum);
      middle = madd(v, b1, middle);
      later = madd(v, a1, later);
      if (lines == 3) {
        v = v128.load(p + (line << 1));
        sum = madd(v, c2, sum);
        middle = madd(v, b2, middle);
        later = madd(v, a2, later);
      }
      put(c, q, sum);
      sum = middle;
      p += pixel;
      q += yPixel;
    }
    if (right) sum = tap(lines, p, line, c0, c1, c2, sum);
    put(c, q, sum);
    start += c.startStep;
    x += 16;
    y += 16;
    w += 16;
  }
}

/** Stride 2: two pixels share a tap. */
@inline
function slide2(
  lines: i32,
  c: Correlation,
  x: usize,
  y: usize,
  w: usize,
  start: usize,
  count: i32,
  channels: usize,
  left: bool,
  right: bool,
): void {
  const pixel = c.xPixel,
    line = <usize>c.dilationY * c.xLine,
    yPixel = c.yPixel;
  for (; channels; channels -= 4) {
    const a0 = v128.load(w),
      b0 = v128.load(w + c.wTap),
      c0 = v128.load(w + (c.wTap << 1));
    const next = w + c.wLine;
    const a1 = v128.load(next),
      b1 = v128.load(next + c.wTap),
      c1 = v128.load(next + (c.wTap << 1));
    let a2 = a0,
      b2 = a0,
      c2 = a0;
    if (lines == 3) {
      const last = next + c.wLine;
      a2 = v128.load(last);
      b2 = v128.load(last + c.wTap);
      c2 = v128.load(last + (c.wTap << 1));
    }
    let p = x,
      q = y;
    let sum = v128.load(start);
    if (left) sum = tap(lines, p, line, a0, a1, a2, sum);
    p += pixel;
    sum = tap(lines, p, line, b0, b1, b2, sum);
    p += pixel;
    for (let rest = count - 1; rest; rest--) {
      let v = v128.load(p);
      sum = madd(v, c0, sum);
      let later = madd(v, a0, v128.load(start));
      v = v128.load(p + line);
      sum = madd(v, c1, sum);
      later = madd(v, a1, later);
      if (lines == 3) {
        v = v128.load(p + (line << 1));
        sum = madd(v, c2, sum);
        later = madd(v, a2, later);
      }
      put(c, q, sum);
      p += pixel;
      q += yPixel;
      sum = tap(lines, p, line, b0, b1, b2, later);
      p += pixel;
    }
    if (right) sum = tap(lines, p, line, c0, c1, c2, sum);
    put(c, q, sum);
    start += c.startStep;
    x += 16;
    y += 16;
    w += 16;
  }
}

function slide1x3(c: Correlation, x: usize, y: usize, w: usize, start: usize, count: i32, channels: usize, left: bool, right: bool): void {
  slide1(3, c, x, y, w, start, count, channels, left, right);
}

function slide1x2(c: Correlation, x: usize, y: usize, w: usize, start: usize, count: i32, channels: usize, left: bool, right: bool): void {
  slide1(2, c, x, y, w, start, count, channels, left, right);
}

function slide2x3(c: Correlation, x: usize, y: usize, w: usize, start: usize, count: i32, channels: usize, left: bool, right: bool): void {
  slide2(3, c, x, y, w, start, count, channels, left, right);
}

function slide2x2(c: Correlation, x: usize, y: usize, w: usize, start: usize, count: i32, channels: usize, left: bool, right: bool): void {
  slide2(2, c, x, y, w, start, count, channels, left, right);
}
