// RoiAlign (He et al. 2017, Mask R-CNN) as ONNX has it: a region of an image cut into bins, each the mean or the maximum of samples between pixels.
import { RoiAlign } from '../records';
import { limited } from './move';

/** acc[i] += a w0 + b w1 + c w2 + d w3 for `count` channels. */
function addBlend(acc: usize, a: usize, b: usize, c: usize, d: usize, w0: f32, w1: f32, w2: f32, w3: f32, count: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      const top = f32x4.add(f32x4.mul(v128.load(a), f32x4.splat(w0)), f32x4.mul(v128.load(b), f32x4.splat(w1)));
      const bottom = f32x4.add(f32x4.mul(v128.load(c), f32x4.splat(w2)), f32x4.mul(v128.load(d), f32x4.splat(w3)));
      v128.store(acc, f32x4.add(v128.load(acc), f32x4.add(top, bottom)));
      acc += 16;
      a += 16;
      b += 16;
      c += 16;
      d += 16;
    }
  }
  for (; count; count--) {
    const top = load<f32>(a) * w0 + load<f32>(b) * w1;
    const bottom = load<f32>(c) * w2 + load<f32>(d) * w3;
    store<f32>(acc, load<f32>(acc) + (top + bottom));
    acc += 4;
    a += 4;
    b += 4;
    c += 4;
    d += 4;
  }
}

/** acc[i] = the largest of acc[i], a w0, b w1, c w2, d w3. */
function maxBlend(acc: usize, a: usize, b: usize, c: usize, d: usize, w0: f32, w1: f32, w2: f32, w3: f32, count: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      const top = f32x4.max(f32x4.mul(v128.load(a), f32x4.splat(w0)), f32x4.mul(v128.load(b), f32x4.splat(w1)));
      const bottom = f32x4.max(f32x4.mul(v128.load(c), f32x4.splat(w2)), f32x4.mul(v128.load(d), f32x4.splat(w3)));
      v128.store(acc, f32x4.max(v128.load(acc), f32x4.max(top, bottom)));
      acc += 16;
      a += 16;
      b += 16;
      c += 16;
      d += 16;
    }
  }
  for (; count; count--) {
    const top = max<f32>(load<f32>(a) * w0, load<f32>(b) * w1);
    const bottom = max<f32>(load<f32>(c) * w2, load<f32>(d) * w3);
    store<f32>(acc, max<f32>(load<f32>(acc), max<f32>(top, bottom)));
    acc += 4;
    a += 4;
    b += 4;
    c += 4;
    d += 4;
  }
}

function fillRow(to: usize, value: f32, count: usize): void {
  for (; count; count--) {
    store<f32>(to, value);
    to += 4;
  }
}

function divideRow(to: usize, by: f32, count: usize): void {
  for (; count; count--) {
    store<f32>(to, load<f32>(to) / by);
    to += 4;
  }
}

/** Where sample `i` of `grid` lies in the bin that starts at `start`. */
@inline
function coordinate(start: f32, bin: f32, grid: i32, i: i32): f32 {
  return start + ((<f32>i + 0.5) * bin) / <f32>grid;
}

/** Samples further than a pixel outside the image count as 0. */
@inline
function inside(at: f32, extent: u32): bool {
  return at >= -1 && at <= <f32>extent;
}

/** The first sample inside the image. Regions may be far larger than the image: the search starts next to its edge. */
function firstInside(start: f32, bin: f32, grid: i32, extent: u32): i32 {
  let i = bin > 0 ? max<i32>(<i32>ceil<f32>(((-1 - start) * <f32>grid) / bin - 0.5) - 1, 0) : 0;
  while (i < grid && !inside(coordinate(start, bin, grid, i), extent)) {
    if (bin > 0 && !(coordinate(start, bin, grid, i) < -1)) return grid;
    i++;
  }
  return i;
}

/** One past the last sample inside the image, `first` where there is none. */
function endInside(start: f32, bin: f32, grid: i32, extent: u32, first: i32): i32 {
  let i = first;
  while (i < grid && inside(coordinate(start, bin, grid, i), extent)) i++;
  return i;
}

/** Adds the samples of one line of a bin to acc. */
function sampleLine(r: RoiAlign, image: usize, acc: usize, at: f32, start: f32, bin: f32, grid: i32, first: i32, end: i32): void {
  const lastRow = <i32>r.inHeight - 1,
    lastColumn = <i32>r.inWidth - 1,
    pixel = (<usize>r.channels) << 2;
  const y = min<f32>(max<f32>(at, 0), <f32>lastRow);
  const top = <i32>y;
  const v = y - <f32>top;
  const upper = image + <usize>top * r.inWidth * pixel,
    lower = image + <usize>min<i32>(top + 1, lastRow) * r.inWidth * pixel;
  for (let i = first; i < end; i++) {
    const x = min<f32>(max<f32>(coordinate(start, bin, grid, i), 0), <f32>lastColumn);
    const left = <i32>x;
    const u = x - <f32>left;
    const a = <usize>left * pixel,
      b = <usize>min<i32>(left + 1, lastColumn) * pixel;
    const w0 = (<f32>1 - v) * (<f32>1 - u),
      w1 = (<f32>1 - v) * u,
      w2 = v * (<f32>1 - u),
      w3 = v * u;
    if (r.maximum) maxBlend(acc, upper + a, upper + b, lower + a, lower + b, w0, w1, w2, w3, r.channels);
    else addBlend(acc, upper + a, upper + b, lower + a, lower + b, w0, w1, w2, w3, r.channels);
  }
}

/** One pixel of y: the bin of binHeight × binWidth at (top, left). */
function pool(r: RoiAlign, image: usize, acc: usize, top: f32, left: f32, binHeight: f32, binWidth: f32, gridY: i32, gridX: i32): void {
  const y0 = firstInside(top, binHeight, gridY, r.inHeight),
    y1 = endInside(top, binHeight, gridY, r.inHeight, y0),
    x0 = firstInside(left, binWidth, gridX, r.inWidth),
    x1 = endInside(left, binWidth, gridX, r.inWidth, x0);
  const whole = gridY > 0 && gridX > 0 && y1 - y0 == gridY && x1 - x0 == gridX;
  fillRow(acc, r.maximum && whole ? -Infinity : 0, r.channels);
  for (let i = y0; i < y1; i++) {
    sampleLine(r, image, acc, coordinate(top, binHeight, gridY, i), left, binWidth, gridX, x0, x1);
  }
  if (!r.maximum) divideRow(acc, max<f32>(<f32>gridY * <f32>gridX, 1), r.channels);
}

/** Samples of a bin along one axis: as stated, or one a pixel. */
@inline
function gridOf(r: RoiAlign, bin: f32): i32 {
  return r.samplingRatio ? <i32>r.samplingRatio : <i32>ceil<f32>(bin);
}

export function roi_align_f32(r: RoiAlign): void {
  const offset: f32 = r.halfPixel ? 0.5 : 0;
  const least: f32 = r.halfPixel ? -Infinity : 1;
  const bytes = (<usize>r.channels) << 2;
  let y = r.y;
  for (let n: usize = 0; n < r.rois; n++) {
    const roi = r.regions + (n << 4);
    const image = r.x + limited(r.batchIndices, n, r.batch) * r.inHeight * r.inWidth * bytes;
    const left = load<f32>(roi) * r.spatialScale - offset,
      top = load<f32>(roi, 4) * r.spatialScale - offset,
      right = load<f32>(roi, 8) * r.spatialScale - offset,
      bottom = load<f32>(roi, 12) * r.spatialScale - offset;
    const binHeight = max<f32>(bottom - top, least) / <f32>r.outHeight,
      binWidth = max<f32>(right - left, least) / <f32>r.outWidth;
    const gridY = gridOf(r, binHeight),
      gridX = gridOf(r, binWidth);
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        pool(r, image, y, top + <f32>oy * binHeight, left + <f32>ox * binWidth, binHeight, binWidth, gridY, gridX);
        y += bytes;
      }
    }
  }
}
