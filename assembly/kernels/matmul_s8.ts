// Products of two 8-bit matrices that are both computed: b becomes quads of panels, as weights lie in memory, anew at every call.
import { Conv2dInt8, MatmulInt8 } from '../records';
import { isWide, widen } from './band_s8';
import { biasesOf, finish, prepare, runsOf, signBytes } from './finish_s8';
import { panelSums } from './gemm_s8';
import { lessZeros, total } from './linear_scaled_s8';
import { zip16, zip16High, zip8 } from './zip';

/** In front of the sums: bZero 8 times, and the sum of each row of a block without its zero point. */
@inline
function totalsOf(r: MatmulInt8): usize {
  return r.sums + 32;
}

@inline
function panelOf(r: MatmulInt8): usize {
  return totalsOf(r) + ((<usize>r.blockRows + 3) & ~3) * 4;
}

export function matmul_s8_batched(r: MatmulInt8): void {
  if (!r.rows || !r.columns) return;
  const product = productOf(r);
  const wide = isWide(r.columns);
  for (let c: usize = 0; c < 32; c += 4) store<i32>(r.sums + c, r.bZero);
  let y = r.y;
  for (let i0: u32 = 0; i0 < r.batch0; i0++) {
    for (let i1: u32 = 0; i1 < r.batch1; i1++) {
      packQuads(r, r.b + i0 * r.bBatch0 + i1 * r.bBatch1);
      addBiases(r);
      // The zero point of b adds up to as much again to a sum.
      const way = prepare(product, (<usize>r.depth) << 1);
      store<u32>(runsOf(product), 0);
      matrix(r, product, way, r.a + i0 * r.aBatch0 + i1 * r.aBatch1, y, wide);
      y += <usize>r.rows * r.columns;
    }
  }
}

/** The record of the product that `prepare` and `finish` take. */
function productOf(r: MatmulInt8): Conv2dInt8 {
  const product = changetype<Conv2dInt8>(r.product);
  product.bias = r.biases;
  product.table = r.table;
  product.outChannels = r.columns;
  product.scale = r.scale;
  product.perChannel = 0;
  product.rounding = 2;
  product.yZero = r.yZero;
  product.low = r.low;
  product.high = r.high;
  memory.fill(signBytes(product), 128, 16);
  return product;
}

/** b as quads: 4 neighbours of the sum of each of 8 columns; what is not there is 0. */
function packQuads(r: MatmulInt8, b: usize): void {
  const quads = (<usize>r.depth + 3) >> 2;
  let to = r.panels;
  for (let n: usize = 0; n < r.columns; n += 8) {
    const columns = min<usize>(8, r.columns - n),
      from = b + n * r.bColumn;
    let whole: usize = 0;
    if (columns == 8) {
      whole = (<usize>r.depth) >> 2;
      if (r.bRow == 1) runsOfColumns(from, r.bColumn, to, whole);
      else if (ASC_FEATURE_SIMD && r.bColumn == 1) rowsOfColumns(from, r.bRow, to, whole);
      else whole = 0;
    }
    for (let q = whole; q < quads; q++) oneQuad(r, from + (q << 2) * r.bRow, to + (q << 5), min<usize>(4, r.depth - (q << 2)), columns);
    to += quads << 5;
  }
}

/** 8 columns whose elements are neighbours. */
function runsOfColumns(from: usize, stride: usize, to: usize, quads: usize): void {
  for (let c: usize = 0; c < 8; c++) {
    let x = from + c * stride,
      p = to + (c << 2);
    for (let q = quads; q; q--) {
      store<u32>(p, load<u32>(x));
      x += 4;
      p += 32;
    }
  }
}

/** 8 columns side by side. */
function rowsOfColumns(x: usize, stride: usize, to: usize, quads: usize): void {
  if (ASC_FEATURE_SIMD) {
    const twice = stride << 1;
    for (; quads; quads--) {
      const top = zip8(v128.load64_zero(x), v128.load64_zero(x + stride));
      x += twice;
      const bottom = zip8(v128.load64_zero(x), v128.load64_zero(x + stride));
      x += twice;
      v128.store(to, zip16(top, bottom));
      v128.store(to, zip16High(top, bottom), 16);
      to += 32;
    }
  }
}

function oneQuad(r: MatmulInt8, from: usize, to: usize, depth: usize, columns: usize): void {
  for (let c: usize = 0; c < 8; c++) {
    for (let k: usize = 0; k < 4; k++) {
      store<u8>(to, c < columns && k < depth ? load<u8>(from + c * r.bColumn + k * r.bRow) : 0);
      to++;
    }
  }
}

/** The bias of each column, for a that counts as a + 128. */
function addBiases(r: MatmulInt8): void {
  const quads = (<usize>r.depth + 3) >> 2,
    zero = r.aZero + 128;
  let from = r.panels,
    to = r.biases;
  for (let n: usize = 0; n < r.columns; n += 8) {
    if (ASC_FEATURE_SIMD) {
      let low = i32x4.splat(0),
        high = low;
      for (let q = quads; q; q--) {
        low = i32x4.add(low, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(v128.load(from))));
        high = i32x4.add(high, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(v128.load(from, 16))));
        from += 32;
      }
      const z = i32x4.splat(-zero);
      v128.store(to, i32x4.mul(low, z));
      v128.store(to, i32x4.mul(high, z), 16);
    } else {
      for (let c: usize = 0; c < 32; c += 4) {
        let sum = 0;
        for (let q: usize = 0; q < quads; q++) sum += total(from + c + (q << 5), 4);
        store<i32>(to + c, -zero * sum);
      }
      from += quads << 5;
    }
    to += 32;
  }
}

/** Rows m … m + rows - 1 of a in the band, and their sums. */
function fillRows(r: MatmulInt8, product: Conv2dInt8, a: usize, rows: usize, wide: bool): void {
  const depth = <usize>r.depth,
    stride = depth << (wide ? 1 : 0);
  for (let row: usize = 0; row < rows; row++) {
    const x = a + row * r.aRow,
      to = r.band + row * stride;
    let sum: i32 = 0;
    if (r.aColumn == 1) {
      widen(to, x, depth, wide, signBytes(product));
      if (r.bZero) sum = total(x, depth);
    } else {
      for (let k: usize = 0; k < depth; k++) {
        const value = <i32>load<i8>(x + k * r.aColumn);
        sum += value;
        if (wide) store<u16>(to + (k << 1), value + 128);
        else store<u8>(to + k, value + 128);
      }
    }
    store<i32>(totalsOf(r) + (row << 2), sum - r.aZero * <i32>depth);
  }
}

function matrix(r: MatmulInt8, product: Conv2dInt8, way: i32, a: usize, y: usize, wide: bool): void {
  const stride = (<usize>r.depth) << (wide ? 1 : 0),
    depth = <usize>r.depth,
    size = ((depth + 3) & ~3) << 3;
  for (let m: usize = 0; m < r.rows; m += r.blockRows) {
    const rows = min<usize>(r.blockRows, r.rows - m);
    fillRows(r, product, a + m * r.aRow, rows, wide);
    let w = r.panels;
    for (let n: usize = 0; n < r.columns; n += 8) {
      panelSums(r.band, stride, runsOf(product), 1, depth, w, 0, biasesOf(product) + (n << 2), panelOf(r), rows, wide);
      if (r.bZero) lessZeros(panelOf(r), totalsOf(r), r.sums, rows);
      finish(product, way, panelOf(r), y + m * r.columns + n, r.columns, rows, min<usize>(8, r.columns - n), n);
      w += size;
    }
  }
}
