// Sums of products of unsigned inputs (x + 128, in the band) and signed weights, one panel of 8 columns at a time. A row of the left-hand side is `runs`
// pieces of `length` numbers at the byte offsets in `table`; numbers past a piece's end, up to whole quads, meet weights that are 0.
import { placed, placedBySign, placedSigned, smallest } from '../math/requantize_vectors';
import { Conv2dInt8 } from '../records';
import {
  biasesOf,
  centers,
  EXACT,
  finish,
  fractionMask,
  isClose,
  isLimited,
  runsOf,
  SIGNED,
  scalesOf,
  signBits,
  startsOf,
  storePair,
  tileBytes,
} from './finish_s8';
import { dot, pairs, pairsOf, quadsOf, wideDot } from './quads_s8';
import { rowSums } from './row_s8';

/** Rows of a tile, as types: what depends on them is decided when compiling. 12 sums hide the latency of dot products, and just fit the registers. */
type Six = v128;
type Four = u64;

/** Products of a tile, as types: `dot` of quads, or `wideDot` of pairs. */
type Quads = i8;
type Pairs = i16;

/** The panel w in 16 bits: of each pair of a run, two vectors of 4 columns. */
export function widenPanel(w: usize, to: usize, runs: usize, length: usize): void {
  const odd = pairsOf(length) & 1;
  for (; runs; runs--) {
    for (let quad = quadsOf(length) - odd; quad; quad--) {
      const v0 = v128.load8x8_s(w),
        v1 = v128.load8x8_s(w, 8),
        v2 = v128.load8x8_s(w, 16),
        v3 = v128.load8x8_s(w, 24);
      v128.store(to, v128.shuffle<i32>(v0, v1, 0, 2, 4, 6));
      v128.store(to, v128.shuffle<i32>(v2, v3, 0, 2, 4, 6), 16);
      v128.store(to, v128.shuffle<i32>(v0, v1, 1, 3, 5, 7), 32);
      v128.store(to, v128.shuffle<i32>(v2, v3, 1, 3, 5, 7), 48);
      w += 32;
      to += 64;
    }
    if (odd) {
      v128.store(to, v128.shuffle<i32>(v128.load8x8_s(w), v128.load8x8_s(w, 8), 0, 2, 4, 6));
      v128.store(to, v128.shuffle<i32>(v128.load8x8_s(w, 16), v128.load8x8_s(w, 24), 0, 2, 4, 6), 16);
      w += 32;
      to += 32;
    }
  }
}

/** sums[rows, 8] = bias + x · w. `pairs`: what `widenPanel` made of w, or 0; of use with four rows or more of 16-bit inputs. */
export function panelSums(
  x: usize,
  xStride: usize,
  table: usize,
  runs: usize,
  length: usize,
  w: usize,
  pairs: usize,
  bias: usize,
  sums: usize,
  rows: usize,
  wide: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    const done = wholeTiles<i32>(changetype<Conv2dInt8>(0), EXACT, x, xStride, table, runs, length, w, pairs, bias, sums, 0, 0, rows, wide);
    rows -= done;
    x += done * xStride;
    sums += done << 5;
  }
  const quads = quadsOf(length);
  if (ASC_FEATURE_SIMD) {
    if (wide) {
      for (; rows >= 4; rows -= 4) {
        wideTile4(x, xStride, table, runs, quads, w, bias, sums);
        wideTile4(x, xStride, table, runs, quads, w + 16, bias + 16, sums + 16);
        x += xStride << 2;
        sums += 128;
      }
    }
  }
  for (; rows; rows--) {
    rowSums(x, table, runs, quads, w, bias, sums, wide);
    x += xStride;
    sums += 32;
  }
}

/** y[rows, 8], where results are made in vectors and there are whole tiles; `channel` is the first of the columns. */
export function panelBytes(
  r: Conv2dInt8,
  way: i32,
  x: usize,
  xStride: usize,
  runs: usize,
  length: usize,
  w: usize,
  pairs: usize,
  y: usize,
  rows: usize,
  channel: usize,
  wide: bool,
): void {
  const stride = <usize>r.outChannels,
    table = runsOf(r),
    bias = biasesOf(r) + (channel << 2);
  const done = wholeTiles<i8>(r, way, x, xStride, table, runs, length, w, pairs, bias, r.sums, y, channel, rows, wide);
  rows -= done;
  if (!rows) return;
  panelSums(x + done * xStride, xStride, table, runs, length, w, pairs, bias, r.sums, rows, wide);
  finish(r, way, r.sums, y + done * stride, stride, rows, 8, channel);
}

/** Computes as many of the rows as there are whole tiles of; returns how many. */
@inline
function wholeTiles<Y>(
  r: Conv2dInt8,
  way: i32,
  x: usize,
  xStride: usize,
  table: usize,
  runs: usize,
  length: usize,
  w: usize,
  pairs: usize,
  bias: usize,
  sums: usize,
  y: usize,
  channel: usize,
  rows: usize,
  wide: bool,
): usize {
  const stride: usize = sizeof<Y>() == 1 ? <usize>r.outChannels : 0,
    rowBytes: usize = sizeof<Y>() == 1 ? 0 : 32;
  if (rows < 4) return 0;
  if (wide) {
    if (!pairs) return 0;
    tiles<Y, Four, Pairs>(r, way, x, xStride, table, runs, pairsOf(length), pairs, bias, sums, y, channel, rows >> 2);
    return rows & ~3;
  }
  if (ASC_FEATURE_RELAXED_SIMD) {
    const sixes = sixesOf(rows, runs * quadsOf(length)),
      fours = (rows - sixes * 6) >> 2,
      done = sixes * 6;
    tiles<Y, Six, Quads>(r, way, x, xStride, table, runs, quadsOf(length), w, bias, sums, y, channel, sixes);
    x += done * xStride;
    tiles<Y, Four, Quads>(
      r,
      way,
      x,
      xStride,
      table,
      runs,
      quadsOf(length),
      w,
      bias,
      sums + done * rowBytes,
      y + done * stride,
      channel,
      fours,
    );
    return done + (fours << 2);
  }
  return 0;
}

/** Up to so many steps, tiles of four rows take less time than those of six: their places fit the registers. */
const SHALLOW: usize = 16;

/** How many tiles of six rows there are, so that those of four leave over as few as can be: 8 are two fours. */
@inline
function sixesOf(rows: usize, steps: usize): usize {
  if (steps <= SHALLOW) return 0;
  const sixes = rows / 6,
    left = rows - sixes * 6;
  return sixes - <usize>(sixes > 0 && left > 1 && left < 4);
}

/**
 * `count` tiles of R rows by 8 columns; a run is `steps` times what P multiplies at once. Y i32: they are sums. Y i8: results
 * go to y. The loop is not unrolled: V8 would spill (measured).
 */
function tiles<Y, R, P>(
  r: Conv2dInt8,
  way: i32,
  x: usize,
  xStride: usize,
  table: usize,
  runs: usize,
  steps: usize,
  w: usize,
  bias: usize,
  sums: usize,
  y: usize,
  channel: usize,
  count: usize,
): void {
  const rows: usize = isVector<R>() ? 6 : 4,
    stride: usize = sizeof<Y>() == 1 ? <usize>r.outChannels : 0,
    constants: usize = sizeof<Y>() == 1 ? r.table : 0,
    scales: usize = sizeof<Y>() == 1 ? scalesOf(r, channel) : 0,
    starts: usize = sizeof<Y>() == 1 ? startsOf(r, channel) : 0,
    limited: bool = sizeof<Y>() == 1 ? isLimited(r) : false,
    signed = way == SIGNED;
  for (; count; count--) {
    let a0 = v128.load(bias),
      a1 = v128.load(bias, 16);
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
    let k = w,
      offsets = table;
    for (let run = runs; run; run--) {
      let x0 = x + <usize>load<u32>(offsets);
      let x1 = x0 + xStride,
        x2 = x1 + xStride,
        x3 = x2 + xStride,
        x4 = x3 + xStride,
        x5 = x4 + xStride;
      offsets += 4;
      for (const end = k + (steps << 5); k < end; k += 32) {
        const w0 = v128.load(k),
          w1 = v128.load(k, 16);
        let s = v128.load32_splat(x0);
        a0 = product<P>(w0, s, a0);
        a1 = product<P>(w1, s, a1);
        s = v128.load32_splat(x1);
        b0 = product<P>(w0, s, b0);
        b1 = product<P>(w1, s, b1);
        s = v128.load32_splat(x2);
        c0 = product<P>(w0, s, c0);
        c1 = product<P>(w1, s, c1);
        s = v128.load32_splat(x3);
        d0 = product<P>(w0, s, d0);
        d1 = product<P>(w1, s, d1);
        if (isVector<R>()) {
          s = v128.load32_splat(x4);
          e0 = product<P>(w0, s, e0);
          e1 = product<P>(w1, s, e1);
          s = v128.load32_splat(x5);
          f0 = product<P>(w0, s, f0);
          f1 = product<P>(w1, s, f1);
          x4 += 4;
          x5 += 4;
        }
        x0 += 4;
        x1 += 4;
        x2 += 4;
        x3 += 4;
      }
    }
    if (sizeof<Y>() == 1) {
      const s0 = v128.load(scales),
        s1 = v128.load(scales, 16),
        n0 = v128.load(starts),
        n1 = v128.load(starts, 16);
      if (signed) {
        const center = centers(constants);
        if (ASC_FEATURE_RELAXED_SIMD) {
          const above0 = f32x4.add(center, n0),
            above1 = f32x4.add(center, n1),
            below0 = f32x4.sub(center, n0),
            below1 = f32x4.sub(center, n1);
          a0 = placedBySign(a0, s0, above0, below0);
          a1 = placedBySign(a1, s1, above1, below1);
          b0 = placedBySign(b0, s0, above0, below0);
          b1 = placedBySign(b1, s1, above1, below1);
          c0 = placedBySign(c0, s0, above0, below0);
          c1 = placedBySign(c1, s1, above1, below1);
          d0 = placedBySign(d0, s0, above0, below0);
          d1 = placedBySign(d1, s1, above1, below1);
          if (isVector<R>()) {
            e0 = placedBySign(e0, s0, above0, below0);
            e1 = placedBySign(e1, s1, above1, below1);
            f0 = placedBySign(f0, s0, above0, below0);
            f1 = placedBySign(f1, s1, above1, below1);
          }
        } else {
          const sign = signBits(constants);
          a0 = placedSigned(a0, s0, n0, center, sign);
          a1 = placedSigned(a1, s1, n1, center, sign);
          b0 = placedSigned(b0, s0, n0, center, sign);
          b1 = placedSigned(b1, s1, n1, center, sign);
          c0 = placedSigned(c0, s0, n0, center, sign);
          c1 = placedSigned(c1, s1, n1, center, sign);
          d0 = placedSigned(d0, s0, n0, center, sign);
          d1 = placedSigned(d1, s1, n1, center, sign);
        }
      } else {
        a0 = placed(a0, s0, n0);
        a1 = placed(a1, s1, n1);
        b0 = placed(b0, s0, n0);
        b1 = placed(b1, s1, n1);
        c0 = placed(c0, s0, n0);
        c1 = placed(c1, s1, n1);
        d0 = placed(d0, s0, n0);
        d1 = placed(d1, s1, n1);
        if (isVector<R>()) {
          e0 = placed(e0, s0, n0);
          e1 = placed(e1, s1, n1);
          f0 = placed(f0, s0, n0);
          f1 = placed(f1, s1, n1);
        }
      }
      const mask = fractionMask(constants);
      let t = v128.and(a0, mask),
        u = v128.and(a1, mask);
      t = smallest(t, b0, mask);
      u = smallest(u, b1, mask);
      t = smallest(t, c0, mask);
      u = smallest(u, c1, mask);
      t = smallest(t, d0, mask);
      u = smallest(u, d1, mask);
      if (isVector<R>()) {
        t = smallest(t, e0, mask);
        u = smallest(u, e1, mask);
        t = smallest(t, f0, mask);
        u = smallest(u, f1, mask);
      }
      if (isClose(constants, t, u)) closeTile<R, P>(r, way, x, xStride, table, runs, steps, w, bias, y, channel);
      else {
        const signs = v128.load(constants);
        storePair(y, stride, tileBytes(r, limited, a0, a1, b0, b1, signs));
        storePair(y + (stride << 1), stride, tileBytes(r, limited, c0, c1, d0, d1, signs));
        if (isVector<R>()) storePair(y + (stride << 2), stride, tileBytes(r, limited, e0, e1, f0, f1, signs));
      }
      y += stride * rows;
    } else {
      v128.store(sums, a0);
      v128.store(sums, a1, 16);
      v128.store(sums, b0, 32);
      v128.store(sums, b1, 48);
      v128.store(sums, c0, 64);
      v128.store(sums, c1, 80);
      v128.store(sums, d0, 96);
      v128.store(sums, d1, 112);
      if (isVector<R>()) {
        v128.store(sums, e0, 128);
        v128.store(sums, e1, 144);
        v128.store(sums, f0, 160);
        v128.store(sums, f1, 176);
      }
      sums += rows << 5;
    }
    x += xStride * rows;
  }
}

/** A tile of which a result is too close to a tie. */
function closeTile<R, P>(
  r: Conv2dInt8,
  way: i32,
  x: usize,
  xStride: usize,
  table: usize,
  runs: usize,
  steps: usize,
  w: usize,
  bias: usize,
  y: usize,
  channel: usize,
): void {
  tiles<i32, R, P>(r, way, x, xStride, table, runs, steps, w, bias, r.sums, 0, channel, 1);
  finish(r, way, r.sums, y, r.outChannels, isVector<R>() ? 6 : 4, 8, channel);
}

@inline
function product<P>(w: v128, x: v128, acc: v128): v128 {
  return sizeof<P>() == 1 ? dot(w, x, acc) : wideDot(w, x, acc);
}

/** 4 rows by 4 columns, of 8-bit weights: these are widened by loading them, but sums come in halves. */
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
