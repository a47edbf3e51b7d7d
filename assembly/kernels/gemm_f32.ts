// The matrix product every dense, convolutional and recurrent kernel calls.
// Right-hand sides are panels: a K×N matrix as ceil(N / 8) blocks of K rows by 8 columns, the last padded with zeros.
// A row of the left-hand side is `runs` pieces of `length` f32, `runStride` bytes apart: one piece for a matrix, one a kernel row for the window
// of a convolution. Each element accumulates strictly in the order of k, from its start value (0, the bias, or what y holds), in every flavour.

import { clamp, clamp1, loadPart, madd, storePart } from './vector_f32';

/** Bytes of x that should stay in the first-level cache while all panels pass by. */
const BLOCK_BYTES: usize = 16384;

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
  let block = max<usize>(BLOCK_BYTES / max<usize>(depth << 2, 1), 4) & ~3;
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
      const v0 = bias ? v128.load(bias) : f32x4.splat(0);
      const v1 = bias ? v128.load(bias, 16) : f32x4.splat(0);
      for (; rows >= 4; rows -= 4) {
        tile4(x, xStride, runs, runStride, length, b, v0, v1, residual, y, yStride, low, high);
        x += xStride << 2;
        y += yStride << 2;
        if (residual) residual += yStride << 2;
      }
      if (rows >= 2) {
        tile2(x, xStride, runs, runStride, length, b, v0, v1, residual, y, yStride, low, high);
        x += xStride << 1;
        y += yStride << 1;
        if (residual) residual += yStride << 1;
        rows -= 2;
      }
    }
  }
  for (; rows; rows--) {
    tile1(x, runs, runStride, length, b, bias, residual, y, columns, low, high, accumulate);
    x += xStride;
    y += yStride;
    if (residual) residual += yStride;
  }
}

/** 4 rows by 8 columns, the accumulators in registers. */
function tile4(
  x: usize,
  xStride: usize,
  runs: usize,
  runStride: usize,
  length: usize,
  b: usize,
  v0: v128,
  v1: v128,
  residual: usize,
  y: usize,
  yStride: usize,
  low: f32,
  high: f32,
): void {
  let a0 = v0,
    a1 = v1,
    b0 = v0,
    b1 = v1,
    c0 = v0,
    c1 = v1,
    d0 = v0,
    d1 = v1;
  for (; runs; runs--) {
    let x0 = x;
    let x1 = x + xStride;
    let x2 = x1 + xStride;
    let x3 = x2 + xStride;
    for (const end = b + (length << 5); b < end; b += 32) {
      const w0 = v128.load(b);
      const w1 = v128.load(b, 16);
      let s = v128.load32_splat(x0);
      a0 = madd(s, w0, a0);
      a1 = madd(s, w1, a1);
      s = v128.load32_splat(x1);
      b0 = madd(s, w0, b0);
      b1 = madd(s, w1, b1);
      s = v128.load32_splat(x2);
      c0 = madd(s, w0, c0);
      c1 = madd(s, w1, c1);
      s = v128.load32_splat(x3);
      d0 = madd(s, w0, d0);
      d1 = madd(s, w1, d1);
      x0 += 4;
      x1 += 4;
      x2 += 4;
      x3 += 4;
    }
    x += runStride;
  }
  if (residual) {
    a0 = f32x4.add(a0, v128.load(residual));
    a1 = f32x4.add(a1, v128.load(residual, 16));
    residual += yStride;
    b0 = f32x4.add(b0, v128.load(residual));
    b1 = f32x4.add(b1, v128.load(residual, 16));
    residual += yStride;
    c0 = f32x4.add(c0, v128.load(residual));
    c1 = f32x4.add(c1, v128.load(residual, 16));
    residual += yStride;
    d0 = f32x4.add(d0, v128.load(residual));
    d1 = f32x4.add(d1, v128.load(residual, 16));
  }
  const lows = f32x4.splat(low),
    highs = f32x4.splat(high);
  v128.store(y, clamp(a0, lows, highs));
  v128.store(y, clamp(a1, lows, highs), 16);
  y += yStride;
  v128.store(y, clamp(b0, lows, highs));
  v128.store(y, clamp(b1, lows, highs), 16);
  y += yStride;
  v128.store(y, clamp(c0, lows, highs));
  v128.store(y, clamp(c1, lows, highs), 16);
  y += yStride;
  v128.store(y, clamp(d0, lows, highs));
  v128.store(y, clamp(d1, lows, highs), 16);
}

/** 2 rows by 8 columns. */
function tile2(
  x: usize,
  xStride: usize,
  runs: usize,
  runStride: usize,
  length: usize,
  b: usize,
  v0: v128,
  v1: v128,
  residual: usize,
  y: usize,
  yStride: usize,
  low: f32,
  high: f32,
): void {
  let a0 = v0,
    a1 = v1,
    b0 = v0,
    b1 = v1;
  for (; runs; runs--) {
    let x0 = x;
    let x1 = x + xStride;
    for (const end = b + (length << 5); b < end; b += 32) {
      const w0 = v128.load(b);
      const w1 = v128.load(b, 16);
      let s = v128.load32_splat(x0);
      a0 = madd(s, w0, a0);
      a1 = madd(s, w1, a1);
      s = v128.load32_splat(x1);
      b0 = madd(s, w0, b0);
      b1 = madd(s, w1, b1);
      x0 += 4;
      x1 += 4;
    }
    x += runStride;
  }
  if (residual) {
    a0 = f32x4.add(a0, v128.load(residual));
    a1 = f32x4.add(a1, v128.load(residual, 16));
    residual += yStride;
    b0 = f32x4.add(b0, v128.load(residual));
    b1 = f32x4.add(b1, v128.load(residual, 16));
  }
  const lows = f32x4.splat(low),
    highs = f32x4.splat(high);
  v128.store(y, clamp(a0, lows, highs));
  v128.store(y, clamp(a1, lows, highs), 16);
  y += yStride;
  v128.store(y, clamp(b0, lows, highs));
  v128.store(y, clamp(b1, lows, highs), 16);
}

/** One row by up to 8 columns. */
function tile1(
  x: usize,
  runs: usize,
  runStride: usize,
  length: usize,
  b: usize,
  bias: usize,
  residual: usize,
  y: usize,
  columns: usize,
  low: f32,
  high: f32,
  accumulate: bool,
): void {
  const start = accumulate ? y : bias;
  if (ASC_FEATURE_SIMD) {
    let a0 = start ? loadPart(start, 0, columns) : f32x4.splat(0);
    let a1 = start ? loadPart(start, 4, columns) : f32x4.splat(0);
    for (; runs; runs--) {
      let p = x;
      for (const end = b + (length << 5); b < end; b += 32) {
        const s = v128.load32_splat(p);
        a0 = madd(s, v128.load(b), a0);
        a1 = madd(s, v128.load(b, 16), a1);
        p += 4;
      }
      x += runStride;
    }
    if (residual) {
      a0 = f32x4.add(a0, loadPart(residual, 0, columns));
      a1 = f32x4.add(a1, loadPart(residual, 4, columns));
    }
    const lows = f32x4.splat(low),
      highs = f32x4.splat(high);
    storePart(y, clamp(a0, lows, highs), clamp(a1, lows, highs), columns);
  } else {
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
}

/** One row by 32 columns: four panels at a time hide the latency of the additions. */
function gemv32(x: usize, b: usize, panelBytes: usize, bias: usize, residual: usize, y: usize, depth: usize, low: f32, high: f32): void {
  const zero = f32x4.splat(0);
  let a0 = bias ? v128.load(bias) : zero,
    a1 = bias ? v128.load(bias, 16) : zero;
  let b0 = bias ? v128.load(bias, 32) : zero,
    b1 = bias ? v128.load(bias, 48) : zero;
  let c0 = bias ? v128.load(bias, 64) : zero,
    c1 = bias ? v128.load(bias, 80) : zero;
  let d0 = bias ? v128.load(bias, 96) : zero,
    d1 = bias ? v128.load(bias, 112) : zero;
  let p1 = b + panelBytes,
    p2 = p1 + panelBytes,
    p3 = p2 + panelBytes;
  for (const end = x + (depth << 2); x < end; x += 4) {
    const s = v128.load32_splat(x);
    a0 = madd(s, v128.load(b), a0);
    a1 = madd(s, v128.load(b, 16), a1);
    b0 = madd(s, v128.load(p1), b0);
    b1 = madd(s, v128.load(p1, 16), b1);
    c0 = madd(s, v128.load(p2), c0);
    c1 = madd(s, v128.load(p2, 16), c1);
    d0 = madd(s, v128.load(p3), d0);
    d1 = madd(s, v128.load(p3, 16), d1);
    b += 32;
    p1 += 32;
    p2 += 32;
    p3 += 32;
  }
  if (residual) {
    a0 = f32x4.add(a0, v128.load(residual));
    a1 = f32x4.add(a1, v128.load(residual, 16));
    b0 = f32x4.add(b0, v128.load(residual, 32));
    b1 = f32x4.add(b1, v128.load(residual, 48));
    c0 = f32x4.add(c0, v128.load(residual, 64));
    c1 = f32x4.add(c1, v128.load(residual, 80));
    d0 = f32x4.add(d0, v128.load(residual, 96));
    d1 = f32x4.add(d1, v128.load(residual, 112));
  }
  const lows = f32x4.splat(low),
    highs = f32x4.splat(high);
  v128.store(y, clamp(a0, lows, highs));
  v128.store(y, clamp(a1, lows, highs), 16);
  v128.store(y, clamp(b0, lows, highs), 32);
  v128.store(y, clamp(b1, lows, highs), 48);
  v128.store(y, clamp(c0, lows, highs), 64);
  v128.store(y, clamp(c1, lows, highs), 80);
  v128.store(y, clamp(d0, lows, highs), 96);
  v128.store(y, clamp(d1, lows, highs), 112);
}
