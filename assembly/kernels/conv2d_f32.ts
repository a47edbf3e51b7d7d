// Convolution over NHWC as matrix products: blocks of output pixels are gathered into rows of scratch (im2col, K = kernelHeight ×
// kernelWidth × channels of a group) and multiplied with the weight panels. A 1×1 convolution of stride 1 is a matrix product as it is.
import { Conv2d } from '../records';
import { gemm, gemmTransposed } from './gemm_f32';
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

/** scratch: blockRows · K f32, none for 1×1 of stride 1. */
export function conv2d_f32(r: Conv2d): void {
  const pixels = <usize>(r.batch * r.outHeight * r.outWidth);
  if (isPointwise(r)) {
    gemm(r.x, r.inChannels << 2, r.w, r.bias, r.y, r.outChannels << 2, pixels, r.outChannels, r.inChannels, r.low, r.high, false);
    return;
  }
  const depth = groupDepth(r),
    columns = <usize>(r.outChannels / r.groups);
  for (let start: usize = 0; start < pixels; start += r.blockRows) {
    const rows = min<usize>(r.blockRows, pixels - start);
    for (let g: usize = 0; g < r.groups; g++) {
      gather(r, start, rows, g);
      const offset = (g * columns) << 2;
      gemm(
        r.scratch,
        depth << 2,
        r.w + g * groupBytes(r),
        r.bias ? r.bias + offset : 0,
        r.y + ((start * r.outChannels) << 2) + offset,
        r.outChannels << 2,
        rows,
        columns,
        depth,
        r.low,
        r.high,
        false,
      );
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
  const depth = groupDepth(r),
    columns = <usize>(r.outChannels / r.groups);
  if (pixels == 0) zeroRow(r.w, (groupBytes(r) * r.groups) >> 2);
  for (let start: usize = 0; start < pixels; start += r.blockRows) {
    const rows = min<usize>(r.blockRows, pixels - start);
    for (let g: usize = 0; g < r.groups; g++) {
      gather(r, start, rows, g);
      const dy = r.y + ((start * r.outChannels + g * columns) << 2);
      gemmTransposed(r.scratch, depth << 2, dy, r.outChannels << 2, r.w + g * groupBytes(r), rows, columns, depth, start > 0);
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
  if (!pointwise || r.bias) startRows(r.x, r.bias, r.batch * r.inHeight * r.inWidth, r.inChannels);
  for (let g: usize = 0; g < r.groups; g++) {
    for (let k: usize = 0; k < depth; k += 8) {
      transposePanel(r.w + g * groupBytes(r), columns, depth, k, min<usize>(8, depth - k), r.scratch + ((k * columns) << 2));
    }
    if (pointwise) {
      gemm(r.y, r.outChannels << 2, r.scratch, r.bias, r.x, r.inChannels << 2, pixels, depth, columns, r.low, r.high, false);
      return;
    }
    for (let start: usize = 0; start < pixels; start += r.blockRows) {
      const rows = min<usize>(r.blockRows, pixels - start);
      const dy = r.y + ((start * r.outChannels + g * columns) << 2);
      gemm(dy, r.outChannels << 2, r.scratch, 0, block, depth << 2, rows, depth, columns, -Infinity, Infinity, false);
      scatter(r, start, rows, g, block);
    }
  }
  if (r.low != -Infinity || r.high != Infinity) clampRow(r.x, r.batch * r.inHeight * r.inWidth * r.inChannels, r.low, r.high);
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

/** Rows of K values, one per output pixel from `start` on; taps outside the image are 0. */
function gather(r: Conv2d, start: usize, rows: usize, group: usize): void {
  let to = r.scratch;
  const depthBytes = groupDepth(r) << 2;
  for (let p = start; p < start + rows; p++) {
    gatherPixel(r, p, group, to);
    to += depthBytes;
  }
}

function gatherPixel(r: Conv2d, pixel: usize, group: usize, to: usize): void {
  const channels = <usize>(r.inChannels / r.groups);
  const ox = <i32>(<u32>pixel % r.outWidth),
    rest = <u32>pixel / r.outWidth;
  const oy = <i32>(rest % r.outHeight),
    n = rest / r.outHeight;
  const y0 = oy * <i32>r.strideY - r.padTop,
    x0 = ox * <i32>r.strideX - r.padLeft;
  const image = r.x + ((n * r.inHeight * r.inWidth * r.inChannels + <u32>(group * channels)) << 2);
  const runBytes = (<usize>r.kernelWidth * channels) << 2;
  const contiguous = r.dilationX == 1 && r.groups == 1;
  const inWidth = <i32>r.inWidth,
    kernelWidth = <i32>r.kernelWidth;
  for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
    const iy = y0 + <i32>(ky * r.dilationY);
    if (<u32>iy >= r.inHeight) {
      zeroRow(to, runBytes >> 2);
    } else {
      const line = image + ((<u32>iy * r.inWidth * r.inChannels) << 2);
      if (contiguous) {
        // Taps left of the image, inside, and right of it.
        const left = min<i32>(max<i32>(-x0, 0), kernelWidth);
        const right = max<i32>(min<i32>(inWidth - x0, kernelWidth), left);
        if (left > 0) zeroRow(to, <usize>left * channels);
        copyRow(to + ((<usize>left * channels) << 2), line + ((<usize>(x0 + left) * channels) << 2), <usize>(right - left) * channels);
        if (right < kernelWidth) zeroRow(to + ((<usize>right * channels) << 2), <usize>(kernelWidth - right) * channels);
      } else {
        let at = to;
        for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
          const ix = x0 + <i32>(kx * r.dilationX);
          if (<u32>ix >= r.inWidth) zeroRow(at, channels);
          else copyRow(at, line + ((<u32>ix * r.inChannels) << 2), channels);
          at += channels << 2;
        }
      }
    }
    to += runBytes;
  }
}

/** Adds rows of K values back to the pixels they were taken from (col2im). */
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
  const contiguous = r.dilationX == 1 && r.groups == 1;
  const inWidth = <i32>r.inWidth,
    kernelWidth = <i32>r.kernelWidth;
  for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
    const iy = y0 + <i32>(ky * r.dilationY);
    if (<u32>iy < r.inHeight) {
      const line = image + ((<u32>iy * r.inWidth * r.inChannels) << 2);
      if (contiguous) {
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
