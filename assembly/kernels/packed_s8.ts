// Products of 8-bit matrices in 16 bits, rows in fours: of each pair of inputs the numbers of four rows lie side by side, so that one address serves
// them all. `widenPanel` makes the weights.
import { placed, placedSigned, smallest } from '../math/requantize_vectors';
import { Conv2dInt8 } from '../records';
import {
  biasesOf,
  centers,
  EXACT,
  finish,
  fractionMask,
  isClose,
  isLimited,
  SIGNED,
  scalesOf,
  signBits,
  startsOf,
  storePair,
  tileBytes,
} from './finish_s8';
import { pairsOf, wideDot } from './quads_s8';
import { zip16, zip16High, zip32, zip32High } from './zip';

/** Bytes of a packed row of `length` numbers. */
@inline
function rowBytes(length: usize): usize {
  return pairsOf(length) << 2;
}

/** Rows of x, as x + 128, for `packedPanel`: fours of them, and what is left one by one. */
export function packRows(to: usize, x: usize, rows: usize, length: usize, sign: usize): void {
  const bytes = rowBytes(length);
  for (; rows >= 4; rows -= 4) {
    packFour(to, x, length, sign);
    x += length << 2;
    to += bytes << 2;
  }
  for (; rows; rows--) {
    for (let i: usize = 0; i < length; i++) store<u16>(to + (i << 1), load<u8>(x + i) ^ 128);
    x += length;
    to += bytes;
  }
}

@inline
function storeWide(to: usize, v: v128): void {
  v128.store(to, i16x8.extend_low_i8x16_u(v));
  v128.store(to, i16x8.extend_high_i8x16_u(v), 16);
}

function packFour(to: usize, x: usize, length: usize, sign: usize): void {
  const x1 = x + length;
  const x2 = x1 + length;
  const x3 = x2 + length;
  let i: usize = 0;
  const flip = v128.load(sign);
  for (; i + 16 <= length; i += 16) {
    const a = v128.xor(v128.load(x + i), flip),
      b = v128.xor(v128.load(x1 + i), flip),
      c = v128.xor(v128.load(x2 + i), flip),
      d = v128.xor(v128.load(x3 + i), flip);
    let top = zip16(a, b),
      bottom = zip16(c, d);
    storeWide(to, zip32(top, bottom));
    storeWide(to + 32, zip32High(top, bottom));
    top = zip16High(a, b);
    bottom = zip16High(c, d);
    storeWide(to + 64, zip32(top, bottom));
    storeWide(to + 96, zip32High(top, bottom));
    to += 128;
  }
  for (; i + 8 <= length; i += 8) {
    const top = v128.xor(zip16(v128.load64_zero(x + i), v128.load64_zero(x1 + i)), flip),
      bottom = v128.xor(zip16(v128.load64_zero(x2 + i), v128.load64_zero(x3 + i)), flip);
    storeWide(to, zip32(top, bottom));
    storeWide(to + 32, zip32High(top, bottom));
    to += 64;
  }
  for (; i < length; i++) {
    store<u16>(to, load<u8>(x + i) ^ 128);
    store<u16>(to, load<u8>(x1 + i) ^ 128, 4);
    store<u16>(to, load<u8>(x2 + i) ^ 128, 8);
    store<u16>(to, load<u8>(x3 + i) ^ 128, 12);
    to += i & 1 ? 14 : 2;
  }
}

/** y[rows, columns] of packed rows and a panel w; `channel` is the first of the columns. */
export function packedPanel(
  r: Conv2dInt8,
  way: i32,
  x: usize,
  length: usize,
  w: usize,
  y: usize,
  rows: usize,
  columns: usize,
  channel: usize,
): void {
  const pairs = pairsOf(length),
    stride = <usize>r.outChannels;
  let fours = rows >> 2;
  if (way != EXACT && columns == 8) {
    packedBytes(r, way, x, w, pairs, y, channel, fours);
    y += (fours << 2) * stride;
    x += (fours * pairs) << 4;
  } else {
    for (; fours; fours--) {
      packedSums(x, w, pairs, biasesOf(r) + (channel << 2), r.sums);
      finish(r, way, r.sums, y, stride, 4, columns, channel);
      y += stride << 2;
      x += pairs << 4;
    }
  }
  const left = rows & 3;
  for (let row: usize = 0; row < left; row++) rowSums(x + row * (pairs << 2), w, pairs, biasesOf(r) + (channel << 2), r.sums + (row << 5));
  if (left) finish(r, way, r.sums, y, stride, left, columns, channel);
}

/** Sums of 4 packed rows. */
function packedSums(x: usize, w: usize, pairs: usize, bias: usize, sums: usize): void {
  tiles<i32>(changetype<Conv2dInt8>(0), EXACT, x, w, pairs, bias, sums, 0, 1);
}

/** `count` times 4 packed rows, where results are made in vectors. */
function packedBytes(r: Conv2dInt8, way: i32, x: usize, w: usize, pairs: usize, y: usize, channel: usize, count: usize): void {
  tiles<i8>(r, way, x, w, pairs, biasesOf(r) + (channel << 2), y, channel, count);
}

/** A tile of which a result is too close to a tie. */
function closeTile(r: Conv2dInt8, way: i32, x: usize, w: usize, pairs: usize, y: usize, channel: usize): void {
  packedSums(x, w, pairs, biasesOf(r) + (channel << 2), r.sums);
  finish(r, way, r.sums, y, r.outChannels, 4, 8, channel);
}

/** Tiles of 4 rows by 8 columns. Y i32: to are sums, of one tile. Y i8: to is y. */
@inline
function tiles<Y>(r: Conv2dInt8, way: i32, x: usize, w: usize, pairs: usize, bias: usize, to: usize, channel: usize, count: usize): void {
  const stride: usize = sizeof<Y>() == 1 ? <usize>r.outChannels : 0,
    table: usize = sizeof<Y>() == 1 ? r.table : 0,
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
      d1 = a1;
    let k = w;
    const begin = x;
    for (const end = k + (pairs << 5); k < end; k += 32) {
      const w0 = v128.load(k),
        w1 = v128.load(k, 16);
      let s = v128.load32_splat(x);
      a0 = wideDot(w0, s, a0);
      a1 = wideDot(w1, s, a1);
      s = v128.load32_splat(x, 4);
      b0 = wideDot(w0, s, b0);
      b1 = wideDot(w1, s, b1);
      s = v128.load32_splat(x, 8);
      c0 = wideDot(w0, s, c0);
      c1 = wideDot(w1, s, c1);
      s = v128.load32_splat(x, 12);
      d0 = wideDot(w0, s, d0);
      d1 = wideDot(w1, s, d1);
      x += 16;
    }
    if (sizeof<Y>() == 4) {
      v128.store(to, a0);
      v128.store(to, a1, 16);
      v128.store(to, b0, 32);
      v128.store(to, b1, 48);
      v128.store(to, c0, 64);
      v128.store(to, c1, 80);
      v128.store(to, d0, 96);
      v128.store(to, d1, 112);
    } else {
      const s0 = v128.load(scales),
        s1 = v128.load(scales, 16),
        n0 = v128.load(starts),
        n1 = v128.load(starts, 16);
      if (signed) {
        const center = centers(table),
          sign = signBits(table);
        a0 = placedSigned(a0, s0, n0, center, sign);
        a1 = placedSigned(a1, s1, n1, center, sign);
        b0 = placedSigned(b0, s0, n0, center, sign);
        b1 = placedSigned(b1, s1, n1, center, sign);
        c0 = placedSigned(c0, s0, n0, center, sign);
        c1 = placedSigned(c1, s1, n1, center, sign);
        d0 = placedSigned(d0, s0, n0, center, sign);
        d1 = placedSigned(d1, s1, n1, center, sign);
      } else {
        a0 = placed(a0, s0, n0);
        a1 = placed(a1, s1, n1);
        b0 = placed(b0, s0, n0);
        b1 = placed(b1, s1, n1);
        c0 = placed(c0, s0, n0);
        c1 = placed(c1, s1, n1);
        d0 = placed(d0, s0, n0);
        d1 = placed(d1, s1, n1);
      }
      const mask = fractionMask(table);
      let t = v128.and(a0, mask),
        u = v128.and(a1, mask);
      t = smallest(t, b0, mask);
      u = smallest(u, b1, mask);
      t = smallest(t, c0, mask);
      u = smallest(u, c1, mask);
      t = smallest(t, d0, mask);
      u = smallest(u, d1, mask);
      if (isClose(table, t, u)) closeTile(r, way, begin, w, pairs, to, channel);
      else {
        const signs = v128.load(table);
        storePair(to, stride, tileBytes(r, limited, a0, a1, b0, b1, signs));
        storePair(to + (stride << 1), stride, tileBytes(r, limited, c0, c1, d0, d1, signs));
      }
      to += stride << 2;
    }
  }
}

/** One row by 8 columns; two sums of each column, as a sum waits for the one before it. */
function rowSums(x: usize, w: usize, pairs: usize, bias: usize, sums: usize): void {
  let a0 = v128.load(bias),
    a1 = v128.load(bias, 16),
    b0 = i32x4.splat(0),
    b1 = b0;
  for (; pairs >= 2; pairs -= 2) {
    let s = v128.load32_splat(x);
    a0 = wideDot(v128.load(w), s, a0);
    a1 = wideDot(v128.load(w, 16), s, a1);
    s = v128.load32_splat(x, 4);
    b0 = wideDot(v128.load(w, 32), s, b0);
    b1 = wideDot(v128.load(w, 48), s, b1);
    x += 8;
    w += 64;
  }
  if (pairs) {
    const s = v128.load32_splat(x);
    a0 = wideDot(v128.load(w), s, a0);
    a1 = wideDot(v128.load(w, 16), s, a1);
  }
  v128.store(sums, i32x4.add(a0, b0));
  v128.store(sums, i32x4.add(a1, b1), 16);
}
