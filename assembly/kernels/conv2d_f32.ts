// Convolution over NHWC without im2col. A band of input lines is copied with its padding into scratch, as many as `blockRows` output rows need;
// in it the window of an output pixel is one contiguous run per kernel row (one per tap with dilation or groups), and neighbouring pixels are
// a fixed stride apart: the matrix product reads windows where they lie. A 1×1 convolution of stride 1 is a matrix product as it is.
import { Conv2d } from '../records';
import { gemm, gemmPanel } from './gemm_f32';
import { gemmTransposed, gemmTransposedLines } from './gemm_transposed_f32';
import { transposePanel } from './matmul_f32';
import { addRow, copyRow, zeroRow } from './vector_f32';

@inline
function isPointwise(r: Conv2d): bool {
  return (
    r.kernelHeight == 1 &&
    r.kernelWidth == 1 &&
    r.strideY == 1 &&
    r.strideX == 1 &&
    r.padTop == 0 &&
    r.padLeft == 0 &&
    r.groups == 1 &&
    r.outHeight == r.inHeight &&
    r.outWidth == r.inWidth
  );
}

@inline
function groupDepth(r: Conv2d): usize {
  return <usize>(r.kernelHeight * r.kernelWidth * (r.inChannels / r.groups));
}

/** Bytes of one group's panels. */
@inline
function groupBytes(r: Conv2d): usize {
  return (((r.outChannels / r.groups + 7) >> 3) * groupDepth(r)) << 5;
}

/** Bytes of a line of the band: all input columns that a row of output pixels reads, padding included. */
@inline
export function lineBytes(r: Conv2d): usize {
  return (<usize>(((r.outWidth - 1) * r.strideX + (r.kernelWidth - 1) * r.dilationX + 1) * r.inChannels)) << 2;
}

/** Whether a kernel row of the window is one run. */
@inline
function wholeRows(r: Conv2d): bool {
  return r.dilationX == 1 && r.groups == 1;
}

/** Fills the band for output rows oy … oy + rows - 1 of image n: (rows - 1) strideY + (kernelHeight - 1) dilationY + 1 lines. */
export function fillBand(r: Conv2d, x: usize, n: u32, oy: u32, rows: u32): void {
  const bytes = lineBytes(r);
  const lines = (rows - 1) * r.strideY + (r.kernelHeight - 1) * r.dilationY + 1;
  const channels = <usize>r.inChannels;
  const width = <i32>(bytes / (channels << 2));
  const left = min<i32>(max<i32>(r.padLeft, 0), width);
  const skip = max<i32>(-r.padLeft, 0);
  const inside = max<i32>(min<i32>(<i32>r.inWidth - skip, width - left), 0);
  const right = width - left - inside;
  let iy = <i32>(oy * r.strideY) - r.padTop;
  let to = r.scratch;
  for (let i: u32 = 0; i < lines; i++) {
    if (<u32>iy >= r.inHeight) zeroRow(to, bytes >> 2);
    else {
      const from = x + <usize>((((n * r.inHeight + <u32>iy) * r.inWidth + <u32>skip) * r.inChannels) << 2);
      zeroRow(to, <usize>left * channels);
      copyRow(to + ((<usize>left * channels) << 2), from, <usize>inside * channels);
      zeroRow(to + ((<usize>(left + inside) * channels) << 2), <usize>right * channels);
    }
    iy++;
    to += bytes;
  }
}

/** Output rows oy … oy + rows - 1 of one image, from the band. `w` may lie in scratch. */
export function bandForward(r: Conv2d, w: usize, y: usize, rows: u32): void {
  const channels = <usize>(r.inChannels / r.groups),
    columns = <usize>(r.outChannels / r.groups);
  const bytes = lineBytes(r),
    depth = groupDepth(r);
  const whole = wholeRows(r);
  const pixelStride = (<usize>(r.strideX * r.inChannels)) << 2,
    yStride = (<usize>r.outChannels) << 2;
  for (let g: usize = 0; g < r.groups; g++) {
    const bias: usize = r.bias ? r.bias + ((g * columns) << 2) : 0;
    for (let n: usize = 0; n < columns; n += 8) {
      const panel = w + g * groupBytes(r) + (n >> 3) * (depth << 5);
      const width = min<usize>(8, columns - n);
      for (let row: usize = 0; row < rows; row++) {
        const band = r.scratch + row * r.strideY * bytes + ((g * channels) << 2);
        const at = y + ((row * r.outWidth * r.outChannels + g * columns + n) << 2);
        const start: usize = bias ? bias + (n << 2) : 0;
        if (whole) {
          gemmPanel(
            band,
            pixelStride,
            r.kernelHeight,
            bytes * r.dilationY,
            r.kernelWidth * channels,
            panel,
            start,
            r.residual ? r.residual + (at - r.y) : 0,
            at,
            yStride,
            r.outWidth,
            width,
            r.low,
            r.high,
            false,
          );
        } else tapByTap(r, band, panel, start, at, width);
      }
    }
  }
}

/** Windows whose taps are apart: the sum grows in y tap row by tap row; the limits apply after the last. */
function tapByTap(r: Conv2d, band: usize, panel: usize, bias: usize, y: usize, width: usize): void {
  const channels = <usize>(r.inChannels / r.groups);
  const pixelStride = (<usize>(r.strideX * r.inChannels)) << 2,
    yStride = (<usize>r.outChannels) << 2;
  const rowBytes = (<usize>r.kernelWidth * channels) << 5;
  for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
    const last = ky + 1 == r.kernelHeight;
    gemmPanel(
      band + ky * r.dilationY * lineBytes(r),
      pixelStride,
      r.kernelWidth,
      (r.dilationX * r.inChannels) << 2,
      channels,
      panel + ky * rowBytes,
      bias,
      last && r.residual ? r.residual + (y - r.y) : 0,
      y,
      yStride,
      r.outWidth,
      width,
      last ? r.low : -Infinity,
      last ? r.high : Infinity,
      ky > 0,
    );
  }
}

/** scratch: a band of blockRows output rows, none for 1×1 of stride 1. */
export function conv2d_f32(r: Conv2d): void {
  if (isPointwise(r)) {
    const pixels = <usize>(r.batch * r.outHeight * r.outWidth);
    gemm(
      r.x,
      r.inChannels << 2,
      r.w,
      r.bias,
      r.residual,
      r.y,
      r.outChannels << 2,
      pixels,
      r.outChannels,
      r.inChannels,
      r.low,
      r.high,
      false,
    );
    return;
  }
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      fillBand(r, r.x, n, oy, rows);
      bandForward(r, r.w, y, rows);
      y += (<usize>(rows * r.outWidth * r.outChannels)) << 2;
    }
  }
}

/** dw, from x and y = dy. scratch as forward. */
export function conv2d_f32_grad_weight(r: Conv2d): void {
  const pixels = <usize>(r.batch * r.outHeight * r.outWidth);
  if (isPointwise(r)) {
    gemmTransposed(r.x, r.inChannels << 2, r.y, r.outChannels << 2, r.w, pixels, r.outChannels, r.inChannels, false);
    return;
  }
  if (pixels == 0) zeroRow(r.w, (groupBytes(r) * r.groups) >> 2);
  let dy = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      fillBand(r, r.x, n, oy, rows);
      for (let g: usize = 0; g < r.groups; g++) bandGradWeight(r, dy, g, rows, (n | oy) > 0);
      dy += (<usize>(rows * r.outWidth * r.outChannels)) << 2;
    }
  }
}

function bandGradWeight(r: Conv2d, dy: usize, group: usize, rows: u32, accumulate: bool): void {
  const channels = <usize>(r.inChannels / r.groups),
    columns = <usize>(r.outChannels / r.groups);
  const bytes = lineBytes(r),
    depth = groupDepth(r);
  const whole = wholeRows(r);
  const length: usize = whole ? r.kernelWidth * channels : channels;
  const runs: usize = whole ? 1 : r.kernelWidth;
  for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
    for (let kx: usize = 0; kx < runs; kx++) {
      const band = r.scratch + ky * r.dilationY * bytes + ((kx * r.dilationX * r.inChannels + group * channels) << 2);
      const dw = r.w + group * groupBytes(r) + (((ky * r.kernelWidth + kx) * channels) << 5);
      gemmTransposedLines(
        band,
        (r.strideX * r.inChannels) << 2,
        r.strideY * bytes,
        dy + ((group * columns) << 2),
        r.outChannels << 2,
        (r.outWidth * r.outChannels) << 2,
        dw,
        depth,
        rows,
        r.outWidth,
        columns,
        length,
        accumulate,
      );
    }
  }
}

/**
 * x = dx, from w and y = dy; it starts from the bias, if there is one (a transposed convolution's forward). scratch: the panels of a group's
 * wᵀ (ceil(K / 8) · 8 · columns f32), then blockRows · K f32 (absent for 1×1 of stride 1).
 */
export function conv2d_f32_grad_input(r: Conv2d): void {
  const pixels = <usize>(r.batch * r.outHeight * r.outWidth);
  const depth = groupDepth(r),
    columns = <usize>(r.outChannels / r.groups);
  const pointwise = isPointwise(r);
  const block = r.scratch + ((((depth + 7) >> 3) * columns) << 5);
  if (!pointwise) startRows(r.x, r.bias, r.batch * r.inHeight * r.inWidth, r.inChannels);
  for (let g: usize = 0; g < r.groups; g++) {
    for (let k: usize = 0; k < depth; k += 8) {
      transposePanel(r.w + g * groupBytes(r), columns, depth, k, min<usize>(8, depth - k), r.scratch + ((k * columns) << 2));
    }
    if (pointwise) {
      gemm(r.y, r.outChannels << 2, r.scratch, r.bias, 0, r.x, r.inChannels << 2, pixels, depth, columns, r.low, r.high, false);
      return;
    }
    for (let start: usize = 0; start < pixels; start += r.blockRows) {
      const rows = min<usize>(r.blockRows, pixels - start);
      const dy = r.y + ((start * r.outChannels + g * columns) << 2);
      gemm(dy, r.outChannels << 2, r.scratch, 0, 0, block, depth << 2, rows, depth, columns, -Infinity, Infinity, false);
      scatter(r, start, rows, g, block);
    }
  }
  if (r.low != -Infinity || r.high != Infinity) clampRow(r.x, r.batch * r.inHeight * r.inWidth * r.inChannels, r.low, r.high);
}

/**
 * w = the weights of the convolution that computes dx where stride and dilation are 1 and there is one group: wᵀ with the taps turned round.
 * The record is that convolution's own (its input channels are the forward's output channels); x = the forward weights.
 */
export function conv2d_f32_flip_weights(r: Conv2d): void {
  const taps = <usize>(r.kernelHeight * r.kernelWidth),
    from = <usize>r.inChannels,
    to = <usize>r.outChannels;
  const depth = taps * to;
  let at = r.w;
  for (let n: usize = 0; n < to; n += 8) {
    const width = min<usize>(8, to - n);
    for (let tap: usize = 0; tap < taps; tap++) {
      transposePanel(r.x, from, depth, (taps - 1 - tap) * to + n, width, at);
      at += from << 5;
    }
  }
}

function startRows(x: usize, bias: usize, rows: usize, channels: usize): void {
  if (!bias) {
    zeroRow(x, rows * channels);
    return;
  }
  for (let i: usize = 0; i < rows; i++) copyRow(x + ((i * channels) << 2), bias, channels);
}

function clampRow(x: usize, count: usize, low: f32, high: f32): void {
  for (; count; count--) {
    store<f32>(x, min<f32>(max<f32>(load<f32>(x), low), high));
    x += 4;
  }
}

/** Adds rows of K values to the pixels of their windows (col2im). */
function scatter(r: Conv2d, start: usize, rows: usize, group: usize, from: usize): void {
  const depthBytes = groupDepth(r) << 2;
  for (let p = start; p < start + rows; p++) {
    scatterPixel(r, p, group, from);
    from += depthBytes;
  }
}

function scatterPixel(r: Conv2d, pixel: usize, group: usize, from: usize): void {
  const channels = <usize>(r.inChannels / r.groups);
  const ox = <i32>(<u32>pixel % r.outWidth),
    rest = <u32>pixel / r.outWidth;
  const oy = <i32>(rest % r.outHeight),
    n = rest / r.outHeight;
  const y0 = oy * <i32>r.strideY - r.padTop,
    x0 = ox * <i32>r.strideX - r.padLeft;
  const image = r.x + ((n * r.inHeight * r.inWidth * r.inChannels + <u32>(group * channels)) << 2);
  const runBytes = (<usize>r.kernelWidth * channels) << 2;
  const inWidth = <i32>r.inWidth,
    kernelWidth = <i32>r.kernelWidth;
  for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
    const iy = y0 + <i32>(ky * r.dilationY);
    if (<u32>iy < r.inHeight) {
      const line = image + ((<u32>iy * r.inWidth * r.inChannels) << 2);
      if (wholeRows(r)) {
        const left = min<i32>(max<i32>(-x0, 0), kernelWidth);
        const right = max<i32>(min<i32>(inWidth - x0, kernelWidth), left);
        addRow(line + ((<usize>(x0 + left) * channels) << 2), from + ((<usize>left * channels) << 2), <usize>(right - left) * channels);
      } else {
        let at = from;
        for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
          const ix = x0 + <i32>(kx * r.dilationX);
          if (<u32>ix < r.inWidth) addRow(line + ((<u32>ix * r.inChannels) << 2), at, channels);
          at += channels << 2;
        }
      }
    }
    from += runBytes;
  }
}
