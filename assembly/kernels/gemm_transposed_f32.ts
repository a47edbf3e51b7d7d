// The product of a transposed left-hand side: weight gradients dw = xᵀ · dy, written in panels.
// Rows come as `lines` of `rows`: one line for a matrix, one an output row for a convolution. Strides in bytes. Sums run in the order of the rows.
import { loadPart, madd } from './vector_f32';

/** dw (panels of K×N) = xᵀ[K,M] · dy[M,N], or += with `accumulate`. Padding columns of dw become 0. */
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
  gemmTransposedLines(x, xStride, 0, dy, dyStride, 0, dw, depth, 1, rows, columns, depth, accumulate);
}

/** As `gemmTransposed` for the first `depth` rows of panels of `panelDepth` rows. */
export function gemmTransposedLines(
  x: usize,
  xStride: usize,
  xLine: usize,
  dy: usize,
  dyStride: usize,
  dyLine: usize,
  dw: usize,
  panelDepth: usize,
  lines: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  accumulate: bool,
): void {
  for (let n: usize = 0; n < columns; n += 8) {
    const panel = dw + (n >> 3) * (panelDepth << 5);
    const width = min<usize>(8, columns - n);
    const g = dy + (n << 2);
    if (ASC_FEATURE_SIMD) {
      if (width == 8) tiles(x, xStride, xLine, g, dyStride, dyLine, panel, lines, rows, depth, accumulate);
      else ragged(x, xStride, xLine, g, dyStride, dyLine, panel, lines, rows, width, depth, accumulate);
    } else {
      for (let k: usize = 0; k < depth; k++) {
        tile1(x + (k << 2), xStride, xLine, g, dyStride, dyLine, panel + (k << 5), lines, rows, width, accumulate);
      }
    }
  }
}

/** `depth` rows of dw by 8 columns. */
function tiles(
  x: usize,
  xStride: usize,
  xLine: usize,
  dy: usize,
  dyStride: usize,
  dyLine: usize,
  dw: usize,
  lines: usize,
  rows: usize,
  depth: usize,
  accumulate: bool,
): void {
  for (; depth >= 4; depth -= 4) {
    tile4(x, xStride, xLine, dy, dyStride, dyLine, dw, lines, rows, accumulate);
    x += 16;
    dw += 128;
  }
  if (depth) tile3(x, xStride, xLine, dy, dyStride, dyLine, dw, lines, rows, depth, accumulate);
}

/**
 * `depth` rows of dw by fewer than 8 columns. Whole vectors of dy reach into the rows that follow; the last lines, and there the last rows, have
 * none that follow and are read in parts, which also clears the padding columns.
 */
function ragged(
  x: usize,
  xStride: usize,
  xLine: usize,
  dy: usize,
  dyStride: usize,
  dyLine: usize,
  dw: usize,
  lines: usize,
  rows: usize,
  columns: usize,
  depth: usize,
  accumulate: bool,
): void {
  const past = 32 - (columns << 2);
  const lastLines = lines > 1 ? min(lines, (past + dyLine - 1) / dyLine) : lines;
  const lastRows = min(rows, (past + dyStride - 1) / dyStride);
  const whole = lines - lastLines;
  if (whole) {
    tiles(x, xStride, xLine, dy, dyStride, dyLine, dw, whole, rows, depth, accumulate);
    accumulate = true;
    x += whole * xLine;
    dy += whole * dyLine;
  }
  for (let line = lastLines; line > 1; line--) {
    lastLine(x, xStride, dy, dyStride, dw, rows, lastRows, columns, depth, accumulate);
    accumulate = true;
    x += xLine;
    dy += dyLine;
  }
  lastLine(x, xStride, dy, dyStride, dw, lines ? rows : 0, lines ? lastRows : 0, columns, depth, accumulate);
}

function lastLine(
  x: usize,
  xStride: usize,
  dy: usize,
  dyStride: usize,
  dw: usize,
  rows: usize,
  lastRows: usize,
  columns: usize,
  depth: usize,
  accumulate: bool,
): void {
  const whole = rows - lastRows;
  if (whole) tiles(x, xStride, 0, dy, dyStride, 0, dw, 1, whole, depth, accumulate);
  accumulate = accumulate || whole > 0;
  x += whole * xStride;
  dy += whole * dyStride;
  for (let k: usize = 0; k < depth; k++) tile1(x + (k << 2), xStride, 0, dy, dyStride, 0, dw + (k << 5), 1, lastRows, columns, accumulate);
}

/** 4 rows of dw by 8 columns. */
function tile4(
  x: usize,
  xStride: usize,
  xLine: usize,
  dy: usize,
  dyStride: usize,
  dyLine: usize,
  dw: usize,
  lines: usize,
  rows: usize,
  accumulate: bool,
): void {
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
    b0 = v128.load(dw, 32);
    b1 = v128.load(dw, 48);
    c0 = v128.load(dw, 64);
    c1 = v128.load(dw, 80);
    d0 = v128.load(dw, 96);
    d1 = v128.load(dw, 112);
  }
  for (; lines; lines--) {
    let p = x;
    let g = dy;
    for (let i = rows; i; i--) {
      const g0 = v128.load(g);
      const g1 = v128.load(g, 16);
      let s = v128.load32_splat(p);
      a0 = madd(s, g0, a0);
      a1 = madd(s, g1, a1);
      s = v128.load32_splat(p, 4);
      b0 = madd(s, g0, b0);
      b1 = madd(s, g1, b1);
      s = v128.load32_splat(p, 8);
      c0 = madd(s, g0, c0);
      c1 = madd(s, g1, c1);
      s = v128.load32_splat(p, 12);
      d0 = madd(s, g0, d0);
      d1 = madd(s, g1, d1);
      p += xStride;
      g += dyStride;
    }
    x += xLine;
    dy += dyLine;
  }
  v128.store(dw, a0);
  v128.store(dw, a1, 16);
  v128.store(dw, b0, 32);
  v128.store(dw, b1, 48);
  v128.store(dw, c0, 64);
  v128.store(dw, c1, 80);
  v128.store(dw, d0, 96);
  v128.store(dw, d1, 112);
}

/** 1 to 3 rows of dw by 8 columns; rows that are not there repeat the first and are not stored. */
function tile3(
  x: usize,
  xStride: usize,
  xLine: usize,
  dy: usize,
  dyStride: usize,
  dyLine: usize,
  dw: usize,
  lines: usize,
  rows: usize,
  depth: usize,
  accumulate: bool,
): void {
  const zero = f32x4.splat(0);
  let a0 = zero,
    a1 = zero,
    b0 = zero,
    b1 = zero,
    c0 = zero,
    c1 = zero;
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
  }
  const second: usize = depth > 1 ? 4 : 0,
    third: usize = depth > 2 ? 8 : 0;
  for (; lines; lines--) {
    let p = x;
    let g = dy;
    for (let i = rows; i; i--) {
      const g0 = v128.load(g);
      const g1 = v128.load(g, 16);
      let s = v128.load32_splat(p);
      a0 = madd(s, g0, a0);
      a1 = madd(s, g1, a1);
      s = v128.load32_splat(p + second);
      b0 = madd(s, g0, b0);
      b1 = madd(s, g1, b1);
      s = v128.load32_splat(p + third);
      c0 = madd(s, g0, c0);
      c1 = madd(s, g1, c1);
      p += xStride;
      g += dyStride;
    }
    x += xLine;
    dy += dyLine;
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
}

/** One row of dw by up to 8 columns; the others become 0. */
function tile1(
  x: usize,
  xStride: usize,
  xLine: usize,
  dy: usize,
  dyStride: usize,
  dyLine: usize,
  dw: usize,
  lines: usize,
  rows: usize,
  columns: usize,
  accumulate: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    let a0 = accumulate ? v128.load(dw) : f32x4.splat(0);
    let a1 = accumulate ? v128.load(dw, 16) : f32x4.splat(0);
    for (; lines; lines--) {
      let p = x;
      let g = dy;
      for (let i = rows; i; i--) {
        const s = v128.load32_splat(p);
        a0 = madd(s, loadPart(g, 0, columns), a0);
        a1 = madd(s, loadPart(g, 4, columns), a1);
        p += xStride;
        g += dyStride;
      }
      x += xLine;
      dy += dyLine;
    }
    const lanes = i32x4.splat(<i32>columns);
    v128.store(dw, v128.and(a0, i32x4.gt_s(lanes, i32x4(0, 1, 2, 3))));
    v128.store(dw, v128.and(a1, i32x4.gt_s(lanes, i32x4(4, 5, 6, 7))), 16);
  } else {
    for (let n: usize = 0; n < 8; n++) {
      let sum: f32 = accumulate ? load<f32>(dw + (n << 2)) : 0;
      for (let line: usize = 0; n < columns && line < lines; line++) {
        let p = x + line * xLine;
        let g = dy + line * dyLine + (n << 2);
        for (let i = rows; i; i--) {
          sum += load<f32>(p) * load<f32>(g);
          p += xStride;
          g += dyStride;
        }
      }
      store<f32>(dw + (n << 2), sum);
    }
  }
}
