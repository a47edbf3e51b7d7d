// The loops of the matrix product that keep a tile of sums in registers; `gemm_f32.ts` says what they work on.
import { clamp, loadPart, madd, storePart } from './vector_f32';

/** `height` (4 to 6) rows by 8 columns, `count` times; the accumulators in registers. */
@inline
function tiles(
  height: i32,
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
  count: usize,
  low: f32,
  high: f32,
): void {
  for (; count; count--) {
    let a0 = f32x4.splat(0),
      a1 = a0;
    if (bias) {
      a0 = v128.load(bias);
      a1 = v128.load(bias, 16);
    }
    let b0 = a0,
      b1 = a1,
      c0 = a0,
      c1 = a1,
      d0 = a0,
      d1 = a1,
      e0 = a0,
      e1 = a1,
      f0 = a0,
      f1 = a1;
    let k = b,
      p = x;
    for (let run = runs; run; run--) {
      let x0 = p,
        x1 = x0 + xStride,
        x2 = x1 + xStride,
        x3 = x2 + xStride,
        x4 = x3 + xStride,
        x5 = x4 + xStride;
      for (const end = k + (length << 5); k < end; k += 32) {
        const w0 = v128.load(k),
          w1 = v128.load(k, 16);
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
        if (height > 4) {
          s = v128.load32_splat(x4);
          e0 = madd(s, w0, e0);
          e1 = madd(s, w1, e1);
        }
        if (height > 5) {
          s = v128.load32_splat(x5);
          f0 = madd(s, w0, f0);
          f1 = madd(s, w1, f1);
        }
        x0 += 4;
        x1 += 4;
        x2 += 4;
        x3 += 4;
        if (height > 4) x4 += 4;
        if (height > 5) x5 += 4;
      }
      p += runStride;
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
      residual += yStride;
      if (height > 4) {
        e0 = f32x4.add(e0, v128.load(residual));
        e1 = f32x4.add(e1, v128.load(residual, 16));
        residual += yStride;
      }
      if (height > 5) {
        f0 = f32x4.add(f0, v128.load(residual));
        f1 = f32x4.add(f1, v128.load(residual, 16));
        residual += yStride;
      }
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
    y += yStride;
    if (height > 4) {
      v128.store(y, clamp(e0, lows, highs));
      v128.store(y, clamp(e1, lows, highs), 16);
      y += yStride;
    }
    if (height > 5) {
      v128.store(y, clamp(f0, lows, highs));
      v128.store(y, clamp(f1, lows, highs), 16);
      y += yStride;
    }
    x += xStride * height;
  }
}

export function fourRows(
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
  count: usize,
  low: f32,
  high: f32,
): void {
  tiles(4, x, xStride, runs, runStride, length, b, bias, residual, y, yStride, count, low, high);
}

export function fiveRows(
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
  count: usize,
  low: f32,
  high: f32,
): void {
  tiles(5, x, xStride, runs, runStride, length, b, bias, residual, y, yStride, count, low, high);
}

export function sixRows(
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
  count: usize,
  low: f32,
  high: f32,
): void {
  tiles(6, x, xStride, runs, runStride, length, b, bias, residual, y, yStride, count, low, high);
}

/**
 * Up to 4 rows by up to 8 columns, from any start: rows that are not there repeat the first and are not stored. Takes as long as 4 rows.
 * `start` (0: none) is that of the first row.
 */
export function edge(
  x: usize,
  xStride: usize,
  runs: usize,
  runStride: usize,
  length: usize,
  b: usize,
  start: usize,
  startStride: usize,
  residual: usize,
  y: usize,
  yStride: usize,
  rows: usize,
  columns: usize,
  low: f32,
  high: f32,
): void {
  let a0 = f32x4.splat(0),
    a1 = a0,
    b0 = a0,
    b1 = a0,
    c0 = a0,
    c1 = a0,
    d0 = a0,
    d1 = a0;
  if (start) {
    a0 = loadPart(start, 0, columns);
    a1 = loadPart(start, 4, columns);
    if (rows > 1) {
      start += startStride;
      b0 = loadPart(start, 0, columns);
      b1 = loadPart(start, 4, columns);
    }
    if (rows > 2) {
      start += startStride;
      c0 = loadPart(start, 0, columns);
      c1 = loadPart(start, 4, columns);
    }
    if (rows > 3) {
      start += startStride;
      d0 = loadPart(start, 0, columns);
      d1 = loadPart(start, 4, columns);
    }
  }
  const o1 = rows > 1 ? xStride : 0,
    o2 = rows > 2 ? xStride << 1 : 0,
    o3 = rows > 3 ? xStride * 3 : 0;
  let k = b;
  for (; runs; runs--) {
    let x0 = x,
      x1 = x + o1,
      x2 = x + o2,
      x3 = x + o3;
    for (const end = k + (length << 5); k < end; k += 32) {
      const w0 = v128.load(k),
        w1 = v128.load(k, 16);
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
  finish(y, residual, a0, a1, columns, low, high);
  if (rows == 1) return;
  y += yStride;
  if (residual) residual += yStride;
  finish(y, residual, b0, b1, columns, low, high);
  if (rows == 2) return;
  y += yStride;
  if (residual) residual += yStride;
  finish(y, residual, c0, c1, columns, low, high);
  if (rows == 3) return;
  y += yStride;
  if (residual) residual += yStride;
  finish(y, residual, d0, d1, columns, low, high);
}

function finish(y: usize, residual: usize, v0: v128, v1: v128, columns: usize, low: f32, high: f32): void {
  if (residual) {
    v0 = f32x4.add(v0, loadPart(residual, 0, columns));
    v1 = f32x4.add(v1, loadPart(residual, 4, columns));
  }
  const lows = f32x4.splat(low),
    highs = f32x4.splat(high);
  storePart(y, clamp(v0, lows, highs), clamp(v1, lows, highs), columns);
}

/** One row by 32 columns: four panels at a time hide the latency of the additions. */
export function gemv32(
  x: usize,
  b: usize,
  panelBytes: usize,
  bias: usize,
  residual: usize,
  y: usize,
  depth: usize,
  low: f32,
  high: f32,
): void {
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
    // Never: V8 of Node 20 loads what one block needs before it computes, and would spill a sum.
    if (x > end) break;
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
