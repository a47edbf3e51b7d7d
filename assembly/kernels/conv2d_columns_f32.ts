// Convolution by im2col, for narrow images: the windows of a block of output rows are copied side by side, and one matrix product takes them all.
import { Conv2d } from '../records';
import { fillBand, lineBytes } from './conv2d_f32';
import { gemm } from './gemm_f32';

/** groups and dilationX are 1. scratch: a band of blockRows output rows, 16 bytes, their windows, 16 bytes (copies end at whole vectors). */
export function conv2d_f32_columns(r: Conv2d): void {
  const depth = <usize>(r.kernelHeight * r.kernelWidth * r.inChannels);
  const lines = (r.blockRows - 1) * r.strideY + (r.kernelHeight - 1) * r.dilationY + 1;
  const windows = r.scratch + lines * lineBytes(r) + 16;
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      fillBand(r, r.x, n, oy, rows);
      for (let i: u32 = 0; i < rows; i++) {
        const from = r.scratch + i * r.strideY * lineBytes(r);
        const to = windows + ((i * r.outWidth * depth) << 2);
        copyWindows(
          from,
          r.dilationY * lineBytes(r),
          (r.strideX * r.inChannels) << 2,
          to,
          r.outWidth,
          r.kernelHeight,
          r.kernelWidth * r.inChannels,
        );
      }
      const residual: usize = r.residual ? r.residual + (y - r.y) : 0;
      const pixels = rows * r.outWidth;
      gemm(windows, depth << 2, r.w, r.bias, residual, y, r.outChannels << 2, pixels, r.outChannels, depth, r.low, r.high, false);
      y += (pixels * r.outChannels) << 2;
    }
  }
}

/** Copies `count` windows of `runs` runs of `length` f32. Up to 3 behind each run are overwritten by the next, or lie between buffers. */
function copyWindows(from: usize, line: usize, pixel: usize, to: usize, count: usize, runs: usize, length: usize): void {
  for (; count; count--) {
    let p = from;
    for (let run = runs; run; run--) {
      if (ASC_FEATURE_SIMD) {
        for (let i: usize = 0; i < length; i += 4) v128.store(to + (i << 2), v128.load(p + (i << 2)));
      } else {
        for (let i: usize = 0; i < length; i++) store<f32>(to + (i << 2), load<f32>(p + (i << 2)));
      }
      p += line;
      to += length << 2;
    }
    from += pixel;
  }
}
