// The matrix product every dense, convolutional and recurrent kernel calls.
// Right-hand sides are panels: a K×N matrix as ceil(N / 8) blocks of K rows by 8 columns, the last padded with zeros.
// Each element accumulates strictly in the order of k, from its start value (0, the bias, or what y holds), in every flavour.

import { loadPart, madd, storePart } from './vector_f32';

/** Bytes of x that should stay in the first-level cache while all panels pass by. */
const BLOCK_BYTES: usize = 16384;

/**
 * y[M,N] = clamp(x[M,K] · b + bias). Strides in bytes. `bias` may be 0; with `accumulate` the sums start from y instead and bias is not used.
 */
export function gemm(
  x: usize,
  xStride: usize,
  b: usize,
  bias: usize,
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
        gemv32(x, b, panelBytes, bias ? bias + (n << 2) : 0, y + (n << 2), depth, low, high);
        b += panelBytes << 2;
      }
      if (n == columns) return;
      y += n << 2;
      if (bias) bias += n << 2;
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
        b + (n >> 3) * panelBytes,
        bias ? bias + (n << 2) : 0,
        y + m * yStride + (n << 2),
        yStride,
        block,
        min<usize>(8, columns - n),
        depth,
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
  b: usize,
  bias: usize,
  y: usize,
  yStride: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  low: f32,
  high: f32,
  accumulate: bool,
): void {
  for (let m: usize = 0; m < rows; m += 4) {
    tile(x + m * xStride, xStride, b, bias, y + m * yStride, yStride, min<usize>(4, rows - m), columns, depth, low, high, accumulate);
  }
}

/** Up to 4 rows by 8 columns, the accumulators in registers. Rows that are not there read row 0 and are not stored. */
function tile(
  x: usize,
  xStride: usize,
  b: usize,
  bias: usize,
  y: usize,
  yStride: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  low: f32,
  high: f32,
  accumulate: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    let x0 = x;
    let x1 = rows > 1 ? x + xStride : x;
    let x2 = rows > 2 ? x + (xStride << 1) : x;
    let x3 = rows > 3 ? x + xStride * 3 : x;
    const zero = f32x4.splat(0);
    let a0: v128, a1: v128, b0: v128, b1: v128, c0: v128, c1: v128, d0: v128, d1: v128;
    if (accumulate) {
      a0 = loadPart(y, 0, columns);
      a1 = loadPart(y, 4, columns);
      b0 = rows > 1 ? loadPart(y + yStride, 0, columns) : zero;
      b1 = rows > 1 ? loadPart(y + yStride, 4, columns) : zero;
      c0 = rows > 2 ? loadPart(y + (yStride << 1), 0, columns) : zero;
      c1 = rows > 2 ? loadPart(y + (yStride << 1), 4, columns) : zero;
      d0 = rows > 3 ? loadPart(y + yStride * 3, 0, columns) : zero;
      d1 = rows > 3 ? loadPart(y + yStride * 3, 4, columns) : zero;
    } else {
      a0 = bias ? loadPart(bias, 0, columns) : zero;
      a1 = bias ? loadPart(bias, 4, columns) : zero;
      b0 = a0;
      c0 = a0;
      d0 = a0;
      b1 = a1;
      c1 = a1;
      d1 = a1;
    }
    for (const end = b + (depth << 5); b < end; b += 32) {
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
    storePart(y, clamp(a0, low, high), clamp(a1, low, high), columns);
    if (rows > 1) storePart(y + yStride, clamp(b0, low, high), clamp(b1, low, high), columns);
    if (rows > 2) storePart(y + (yStride << 1), clamp(c0, low, high), clamp(c1, low, high), columns);
    if (rows > 3) storePart(y + yStride * 3, clamp(d0, low, high), clamp(d1, low, high), columns);
  } else {
    for (let m: usize = 0; m < rows; m++) {
      rowScalar(x + m * xStride, b, accumulate ? y + m * yStride : bias, y + m * yStride, columns, depth, low, high);
    }
  }
}

function rowScalar(x: usize, b: usize, start: usize, y: usize, columns: usize, depth: usize, low: f32, high: f32): void {
  for (let n: usize = 0; n < columns; n++) {
    let sum: f32 = start ? load<f32>(start + (n << 2)) : 0;
    let w = b + (n << 2);
    for (let p = x, end = x + (depth << 2); p < end; p += 4) {
      sum += load<f32>(p) * load<f32>(w);
      w += 32;
    }
    store<f32>(y + (n << 2), min(max(sum, low), high));
  }
}

/** One row by 32 columns: four panels at a time hide the latency of the additions. */
function gemv32(x: usize, b: usize, panelBytes: usize, bias: usize, y: usize, depth: usize, low: f32, high: f32): void {
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
  v128.store(y, clamp(a0, low, high));
  v128.store(y, clamp(a1, low, high), 16);
  v128.store(y, clamp(b0, low, high), 32);
  v128.store(y, clamp(b1, low, high), 48);
  v128.store(y, clamp(c0, low, high), 64);
  v128.store(y, clamp(c1, low, high), 80);
  v128.store(y, clamp(d0, low, high), 96);
  v128.store(y, clamp(d1, low, high), 112);
}

@inline
function clamp(v: v128, low: f32, high: f32): v128 {
  return f32x4.min(f32x4.max(v, f32x4.splat(low)), f32x4.splat(high));
}

/**
 * dw (panels of K×N) = xᵀ[K,M] · dy[M,N], or += with `accumulate`. Strides in bytes. Padding columns of dw become 0.
 */
export function gemmTransposed(
  x: usize,
  xStride: usize,
  dy: usize,
  dyStride: usize,
  dw: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  accumulate: bool,
): void {
  for (let n: usize = 0; n < columns; n += 8) {
    const panel = dw + (n >> 3) * (depth << 5);
    const width = min<usize>(8, columns - n);
    for (let k: usize = 0; k < depth; k += 4) {
      tileTransposed(x + (k << 2), xStride, dy + (n << 2), dyStride, panel + (k << 5), rows, min<usize>(4, depth - k), width, accumulate);
    }
  }
}

/** Up to 4 rows of dw by 8 columns. */
function tileTransposed(
  x: usize,
  xStride: usize,
  dy: usize,
  dyStride: usize,
  dw: usize,
  rows: usize,
  depth: usize,
  columns: usize,
  accumulate: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    // Rows of dw that are not there repeat the first: their columns of x may lie past its end.
    const o1: usize = depth > 1 ? 4 : 0;
    const o2: usize = depth > 2 ? 8 : 0;
    const o3: usize = depth > 3 ? 12 : 0;
    const zero = f32x4.splat(0);
    let a0 = zero,
      a1 = zero,
      b0 = zero,
      b1 = zero,
      c0 = zero,
      c1 = zero,
      d0 = zero,
      d1 = zero;
    if (accumulate) {
      a0 = v128.load(dw);
      a1 = v128.load(dw, 16);
      if (depth > 1) {
        b0 = v128.load(dw, 32);
        b1 = v128.load(dw, 48);
      }
      if (depth > 2) {
        c0 = v128.load(dw, 64);
        c1 = v128.load(dw, 80);
      }
      if (depth > 3) {
        d0 = v128.load(dw, 96);
        d1 = v128.load(dw, 112);
      }
    }
    let x1 = x + o1,
      x2 = x + o2,
      x3 = x + o3;
    if (columns == 8) {
      for (; rows; rows--) {
        const g0 = v128.load(dy);
        const g1 = v128.load(dy, 16);
        let s = v128.load32_splat(x);
        a0 = madd(s, g0, a0);
        a1 = madd(s, g1, a1);
        s = v128.load32_splat(x1);
        b0 = madd(s, g0, b0);
        b1 = madd(s, g1, b1);
        s = v128.load32_splat(x2);
        c0 = madd(s, g0, c0);
        c1 = madd(s, g1, c1);
        s = v128.load32_splat(x3);
        d0 = madd(s, g0, d0);
        d1 = madd(s, g1, d1);
        x += xStride;
        x1 += xStride;
        x2 += xStride;
        x3 += xStride;
        dy += dyStride;
      }
    } else {
      for (; rows; rows--) {
        const g0 = loadPart(dy, 0, columns);
        const g1 = loadPart(dy, 4, columns);
        let s = v128.load32_splat(x);
        a0 = madd(s, g0, a0);
        a1 = madd(s, g1, a1);
        s = v128.load32_splat(x1);
        b0 = madd(s, g0, b0);
        b1 = madd(s, g1, b1);
        s = v128.load32_splat(x2);
        c0 = madd(s, g0, c0);
        c1 = madd(s, g1, c1);
        s = v128.load32_splat(x3);
        d0 = madd(s, g0, d0);
        d1 = madd(s, g1, d1);
        x += xStride;
        x1 += xStride;
        x2 += xStride;
        x3 += xStride;
        dy += dyStride;
      }
    }
    v128.store(dw, a0);
    v128.store(dw, a1, 16);
    if (depth > 1) {
      v128.store(dw, b0, 32);
      v128.store(dw, b1, 48);
    }
    if (depth > 2) {
      v128.store(dw, c0, 64);
      v128.store(dw, c1, 80);
    }
    if (depth > 3) {
      v128.store(dw, d0, 96);
      v128.store(dw, d1, 112);
    }
  } else {
    for (let k: usize = 0; k < depth; k++) {
      for (let n: usize = 0; n < 8; n++) {
        const at = dw + (k << 5) + (n << 2);
        let sum: f32 = accumulate ? load<f32>(at) : 0;
        if (n < columns) {
          let p = x + (k << 2);
          let g = dy + (n << 2);
          for (let m: usize = 0; m < rows; m++) {
            sum += load<f32>(p) * load<f32>(g);
            p += xStride;
            g += dyStride;
          }
        }
        store<f32>(at, sum);
      }
    }
  }
}
