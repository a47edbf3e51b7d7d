// Sums of one row by a panel of 8 columns; see `gemm_s8.ts`.
import { dot, pairs, wideDot } from './quads_s8';

/** One row by 8 columns. */
@inline
export function rowSums(x: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize, wide: bool): void {
  if (ASC_FEATURE_SIMD) {
    if (ASC_FEATURE_RELAXED_SIMD) {
      if (!wide) return row8(x, table, runs, quads, w, bias, sums);
    }
    row16(x, table, runs, quads, w, bias, sums);
  } else scalarRow(x, table, runs, quads, w, bias, sums);
}

/** One row by 8 columns; two sums of each column, as a sum waits for the one before it. */
function row8(x: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize): void {
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

/** The same of 16-bit inputs. */
function row16(x: usize, table: usize, runs: usize, quads: usize, w: usize, bias: usize, sums: usize): void {
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
