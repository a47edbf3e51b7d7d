// The matrix product every dense, convolutional and recurrent kernel calls.
// Right-hand sides are panels: a K×N matrix as ceil(N / 8) blocks of K rows by 8 columns, the last padded with zeros.
// A row of the left-hand side is `runs` pieces of `length` f32, `runStride` bytes apart: one piece for a matrix, one a kernel row for the window
// of a convolution. Each element accumulates strictly in the order of k, from its start value (0, the bias, or what y holds), in every flavour.

import { edge, fiveRows, fourRows, gemv32, sixRows } from './gemm_tiles_f32';
import { clamp1 } from './vector_f32';

/** Bytes of x that should stay in the second-level cache while all panels pass by, each of them in the first-level cache. */
const BLOCK_BYTES: usize = 262144;

/**
 * y[M,N] = clamp(x[M,K] · b + bias + residual). Strides in bytes, the residual's is y's. `bias` and `residual` may be 0; the residual may be y;
 * with `accumulate` the sums start from y instead and bias is not used.
 */
export function gemm(
  x: usize,
  xStride: usize,
  b: usize,
  bias: usize,
  residual: usize,
  y: usize,
  yStride: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  low: f32,
  high: f32,
  accumulate: bool,
): void {
  const panelBytes = depth << 5;
  if (ASC_FEATURE_SIMD) {
    if (rows == 1 && !accumulate) {
      let n: usize = 0;
      for (; n + 32 <= columns; n += 32) {
        gemv32(x, b, panelBytes, bias ? bias + (n << 2) : 0, residual ? residual + (n << 2) : 0, y + (n << 2), depth, low, high);
        b += panelBytes << 2;
      }
      if (n == columns) return;
      y += n << 2;
      if (bias) bias += n << 2;
      if (residual) residual += n << 2;
      columns -= n;
    }
  }
  const blocks = max<usize>((rows * depth) / (BLOCK_BYTES >> 2), 1);
  let block = (((rows + blocks - 1) / blocks + 11) / 12) * 12;
  for (let m: usize = 0; m < rows; m += block) {
    block = min(block, rows - m);
    for (let n: usize = 0; n < columns; n += 8) {
      gemmPanel(
        x + m * xStride,
        xStride,
        1,
        0,
        depth,
        b + (n >> 3) * panelBytes,
        bias ? bias + (n << 2) : 0,
        residual ? residual + m * yStride + (n << 2) : 0,
        y + m * yStride + (n << 2),
        yStride,
        block,
        min<usize>(8, columns - n),
        low,
        high,
        accumulate,
      );
    }
  }
}

/** One panel: at most 8 columns of y, all rows. */
export function gemmPanel(
  x: usize,
  xStride: usize,
  runs: usize,
  runStride: usize,
  length: usize,
  b: usize,
  bias: usize,
  residual: usize,
  y: usize,
  yStride: usize,
  rows: usize,
  columns: usize,
  low: f32,
  high: f32,
  accumulate: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    if (columns == 8 && !accumulate) {
      const sixes = inSixes(rows);
      if (sixes) {
        sixRows(x, xStride, runs, runStride, length, b, bias, residual, y, yStride, sixes, low, high);
        rows -= sixes * 6;
        x += sixes * 6 * xStride;
        y += sixes * 6 * yStride;
        if (residual) residual += sixes * 6 * yStride;
      }
      // Rows that 4 does not divide go in fives where there are enough: a piece of a tile costs a tile.
      const fives = rows & 3;
      if (fives && rows >= fives * 5) {
        fiveRows(x, xStride, runs, runStride, length, b, bias, residual, y, yStride, fives, low, high);
        rows -= fives * 5;
        x += fives * 5 * xStride;
        y += fives * 5 * yStride;
        if (residual) residual += fives * 5 * yStride;
      }
      const fours = rows >> 2;
      fourRows(x, xStride, runs, runStride, length, b, bias, residual, y, yStride, fours, low, high);
      rows &= 3;
      x += fours * (xStride << 2);
      y += fours * (yStride << 2);
      if (residual) residual += fours * (yStride << 2);
    }
    for (; rows;) {
      const some = min<usize>(rows, 4);
      const start = accumulate ? y : bias;
      edge(x, xStride, runs, runStride, length, b, start, accumulate ? yStride : 0, residual, y, yStride, some, columns, low, high);
      rows -= some;
      x += xStride << 2;
      y += yStride << 2;
      if (residual) residual += yStride << 2;
    }
  } else {
    for (; rows; rows--) {
      scalarRow(x, runs, runStride, length, b, accumulate ? y : bias, residual, y, columns, low, high);
      x += xStride;
      y += yStride;
      if (residual) residual += yStride;
    }
  }
}

/**
 * Tiles of 6 rows, so that the others (0, 4, 5, 8, 9 or 13 where there are enough) make whole fours and fives. Only where a multiply-add is one
 * instruction: measured 32 GMAC/s, with 4 rows 28; of separate ones Node 20 spills, and Node 24 takes as long for either.
 */
@inline
function inSixes(rows: usize): usize {
  if (!ASC_FEATURE_RELAXED_SIMD) return 0;
  const rest = rows % 6;
  const fewer: usize = rest == 1 ? 2 : rest == 2 || rest == 3 ? 1 : 0;
  return max<usize>(rows / 6, fewer) - fewer;
}

/** One row by up to 8 columns. */
function scalarRow(
  x: usize,
  runs: usize,
  runStride: usize,
  length: usize,
  b: usize,
  start: usize,
  residual: usize,
  y: usize,
  columns: usize,
  low: f32,
  high: f32,
): void {
  for (let n: usize = 0; n < columns; n++) {
    let sum: f32 = start ? load<f32>(start + (n << 2)) : 0;
    let w = b + (n << 2);
    for (let run: usize = 0; run < runs; run++) {
      for (let p = x + run * runStride, end = p + (length << 2); p < end; p += 4) {
        sum += load<f32>(p) * load<f32>(w);
        w += 32;
      }
    }
    if (residual) sum += load<f32>(residual + (n << 2));
    store<f32>(y + (n << 2), clamp1(sum, low, high));
  }
}
