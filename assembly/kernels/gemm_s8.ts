// Sums of products of unsigned inputs (x + 128, in the band) and signed weights, one panel of 8 columns at a time. A row of the left-hand side is `runs`
// pieces of `quads` · 4 numbers at the byte offsets in `table`; numbers past a piece's end meet weights that are 0.

/** sums[rows, 8] = bias + x · w. */
export function panelSums(
  x: usize,
  xStride: usize,
  table: usize,
  runs: usize,
  quads: usize,
  w: usize,
  bias: usize,
  sums: usize,
  rows: usize,
  wide: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (!wide) {
        const fours = rows >> 2;
        tiles4(x, xStride, table, runs, quads, w, bias, sums, fours);
        rows &= 3;
        x += fours * (xStride << 2);
        sums += fours << 7;
        for (; rows; rows--) {
          row1(x, table, runs, quads, w, bias, sums);
          x += xStride;
          sums += 32;
        }
        return;
      }
    }
    for (; rows >= 4; rows -= 4) {
      wideTile4(x, xStride, table, runs, quads, w, bias, sums);
      wideTile4(x, xStride, table, runs, quads, w + 16, bias + 16, sums + 16);
      x += xStride << 2;
      sums += 128;
    }
    for (; rows; rows--) {
      wideRow(x, table, runs, quads, w, bias, sums);
      x += xStride;
      sums += 32;
    }
  } else {
    for (; rows; rows--) {
      scalarRow(x, table, runs, quads, w, bias, sums);
      x += xStride;
      sums += 32;
    }
  }
}

@inline
export function dot(w: v128, x: v128, acc: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, acc);
}

/** Tiles of 4 rows by 8 columns. */
function tiles4(x: usize, xStride: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize, count: usize): void {
  for (; count; count--) {
    let a0 = v128.load(bias),
      a1 = v128.load(bias, 16);
    let b0 = a0,
      b1 = a1,
      c0 = a0,
      c1 = a1,
      d0 = a0,
      d1 = a1;
    let k = w,
      offsets = table;
    for (let run = runs; run; run--) {
      let x0 = x + <usize>load<u32>(offsets);
      let x1 = x0 + xStride,
        x2 = x1 + xStride,
        x3 = x2 + xStride;
      offsets += 4;
      const end = k + (quads << 5);
      // Two quads at a time: half the additions of addresses.
      for (; k + 32 < end; k += 64) {
        let w0 = v128.load(k),
          w1 = v128.load(k, 16);
        let s = v128.load32_splat(x0);
        a0 = dot(w0, s, a0);
        a1 = dot(w1, s, a1);
        s = v128.load32_splat(x1);
        b0 = dot(w0, s, b0);
        b1 = dot(w1, s, b1);
        s = v128.load32_splat(x2);
        c0 = dot(w0, s, c0);
        c1 = dot(w1, s, c1);
        s = v128.load32_splat(x3);
        d0 = dot(w0, s, d0);
        d1 = dot(w1, s, d1);
        w0 = v128.load(k, 32);
        w1 = v128.load(k, 48);
        s = v128.load32_splat(x0, 4);
        a0 = dot(w0, s, a0);
        a1 = dot(w1, s, a1);
        s = v128.load32_splat(x1, 4);
        b0 = dot(w0, s, b0);
        b1 = dot(w1, s, b1);
        s = v128.load32_splat(x2, 4);
        c0 = dot(w0, s, c0);
        c1 = dot(w1, s, c1);
        s = v128.load32_splat(x3, 4);
        d0 = dot(w0, s, d0);
        d1 = dot(w1, s, d1);
        x0 += 8;
        x1 += 8;
        x2 += 8;
        x3 += 8;
      }
      if (k < end) {
        const w0 = v128.load(k),
          w1 = v128.load(k, 16);
        let s = v128.load32_splat(x0);
        a0 = dot(w0, s, a0);
        a1 = dot(w1, s, a1);
        s = v128.load32_splat(x1);
        b0 = dot(w0, s, b0);
        b1 = dot(w1, s, b1);
        s = v128.load32_splat(x2);
        c0 = dot(w0, s, c0);
        c1 = dot(w1, s, c1);
        s = v128.load32_splat(x3);
        d0 = dot(w0, s, d0);
        d1 = dot(w1, s, d1);
        k += 32;
      }
    }
    v128.store(sums, a0);
    v128.store(sums, a1, 16);
    v128.store(sums, b0, 32);
    v128.store(sums, b1, 48);
    v128.store(sums, c0, 64);
    v128.store(sums, c1, 80);
    v128.store(sums, d0, 96);
    v128.store(sums, d1, 112);
    sums += 128;
    x += xStride << 2;
  }
}

/** One row by 8 columns; two sums of each column, as a sum waits for the one before it. */
function row1(x: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize): void {
  let a0 = v128.load(bias),
    a1 = v128.load(bias, 16),
    b0 = i32x4.splat(0),
    b1 = b0;
  for (; runs; runs--) {
    let p = x + <usize>load<u32>(table);
    table += 4;
    const end = w + (quads << 5);
    for (; w + 32 < end; w += 64) {
      let s = v128.load32_splat(p);
      a0 = dot(v128.load(w), s, a0);
      a1 = dot(v128.load(w, 16), s, a1);
      s = v128.load32_splat(p, 4);
      b0 = dot(v128.load(w, 32), s, b0);
      b1 = dot(v128.load(w, 48), s, b1);
      p += 8;
    }
    if (w < end) {
      const s = v128.load32_splat(p);
      a0 = dot(v128.load(w), s, a0);
      a1 = dot(v128.load(w, 16), s, a1);
      w += 32;
    }
  }
  v128.store(sums, i32x4.add(a0, b0));
  v128.store(sums, i32x4.add(a1, b1), 16);
}

@inline
export function wideDot(w: v128, x: v128, acc: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(w, x));
}

/** Two columns in each vector, in two halves → four columns. */
@inline
export function pairs(v0: v128, v1: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(v0, v1, 0, 2, 4, 6), v128.shuffle<i32>(v0, v1, 1, 3, 5, 7));
}

/** 4 rows by 4 columns. */
function wideTile4(x: usize, xStride: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize): void {
  let a0 = i32x4.splat(0),
    a1 = a0,
    b0 = a0,
    b1 = a0,
    c0 = a0,
    c1 = a0,
    d0 = a0,
    d1 = a0;
  for (; runs; runs--) {
    let x0 = x + <usize>load<u32>(table);
    let x1 = x0 + xStride,
      x2 = x1 + xStride,
      x3 = x2 + xStride;
    table += 4;
    for (const end = w + (quads << 5); w < end; w += 32) {
      const w0 = v128.load8x8_s(w),
        w1 = v128.load8x8_s(w, 8);
      let s = v128.load64_splat(x0);
      a0 = wideDot(w0, s, a0);
      a1 = wideDot(w1, s, a1);
      s = v128.load64_splat(x1);
      b0 = wideDot(w0, s, b0);
      b1 = wideDot(w1, s, b1);
      s = v128.load64_splat(x2);
      c0 = wideDot(w0, s, c0);
      c1 = wideDot(w1, s, c1);
      s = v128.load64_splat(x3);
      d0 = wideDot(w0, s, d0);
      d1 = wideDot(w1, s, d1);
      x0 += 8;
      x1 += 8;
      x2 += 8;
      x3 += 8;
    }
  }
  const start = v128.load(bias);
  v128.store(sums, i32x4.add(start, pairs(a0, a1)));
  v128.store(sums, i32x4.add(start, pairs(b0, b1)), 32);
  v128.store(sums, i32x4.add(start, pairs(c0, c1)), 64);
  v128.store(sums, i32x4.add(start, pairs(d0, d1)), 96);
}

/** One row by 8 columns. */
function wideRow(x: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize): void {
  let a0 = i32x4.splat(0),
    a1 = a0,
    a2 = a0,
    a3 = a0;
  for (; runs; runs--) {
    let p = x + <usize>load<u32>(table);
    table += 4;
    for (const end = w + (quads << 5); w < end; w += 32) {
      const s = v128.load64_splat(p);
      a0 = wideDot(v128.load8x8_s(w), s, a0);
      a1 = wideDot(v128.load8x8_s(w, 8), s, a1);
      a2 = wideDot(v128.load8x8_s(w, 16), s, a2);
      a3 = wideDot(v128.load8x8_s(w, 24), s, a3);
      p += 8;
    }
  }
  v128.store(sums, i32x4.add(v128.load(bias), pairs(a0, a1)));
  v128.store(sums, i32x4.add(v128.load(bias, 16), pairs(a2, a3)), 16);
}

function scalarRow(x: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize): void {
  for (let n: usize = 0; n < 8; n++) {
    let sum = load<i32>(bias + (n << 2));
    let k = w + (n << 2);
    for (let run: usize = 0; run < runs; run++) {
      let p = x + <usize>load<u32>(table + (run << 2));
      for (let q: usize = 0; q < quads; q++) {
        sum += <i32>load<u8>(p) * <i32>load<i8>(k) + <i32>load<u8>(p, 1) * <i32>load<i8>(k, 1);
        sum += <i32>load<u8>(p, 2) * <i32>load<i8>(k, 2) + <i32>load<u8>(p, 3) * <i32>load<i8>(k, 3);
        p += 4;
        k += 32;
      }
    }
    store<i32>(sums + (n << 2), sum);
  }
}
