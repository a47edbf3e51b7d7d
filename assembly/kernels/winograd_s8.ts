// 3×3 convolution of 8-bit images after Winograd, F(2×2, 3×3), as `conv2d_f32_winograd` does it, in whole numbers: with 2G for G nothing is halved, so
// V · U is 4 times the sums, exactly. V takes 11 bits and U 12: products are of 16 bits, of which a tile needs 16 where windows take 36. Where the host
// multiplies 8-bit numbers at twice the rate, windows are as fast, and need less memory.
import { Conv2dInt8, WinogradInt8 } from '../records';
import { isWide } from './band_s8';
import { conv2d_s8 } from './conv2d_s8';
import { biasesOf, finish, prepare } from './finish_s8';
import { wideDot } from './quads_s8';

/** Tiles whose products are at hand. Of those of one row the sums are finished together: two lines of up to 8 pixels. */
const GROUP: u32 = 4;
/** Bytes from one of the 16 positions of products to the next; of a line of sums. */
const PRODUCTS: usize = 128;
const LINE: usize = 256;

/** Bytes from one of the 16 positions of V to the next: 16 more than it is long, so that they do not share a cache set; and of U. */
@inline
function inputPosition(tiles: usize, channels: usize): usize {
  return ((tiles * channels) << 1) + 16;
}

@inline
function weightPosition(channels: usize): usize {
  return (channels << 4) + 16;
}

@inline
function add(a: v128, b: v128): v128 {
  return i16x8.add(a, b);
}

@inline
function sub(a: v128, b: v128): v128 {
  return i16x8.sub(a, b);
}

@inline
function widened(x: usize): v128 {
  return v128.load8x8_s(x);
}

/** A row of V. `offset`: of its second position. */
@inline
function inputRow(t0: v128, t1: v128, t2: v128, t3: v128, offset: i16, to: usize, position: usize): void {
  v128.store(to, sub(t0, t2));
  const sum = add(t1, t2);
  v128.store(to + position, offset ? add(sum, i16x8.splat(offset)) : sum);
  v128.store(to + (position << 1), sub(t2, t1));
  v128.store(to + position * 3, sub(t1, t3));
}

/** V of a 4×4 input at x; that inputs count as x + 128 is 4 · 128 more in one position. */
function inputTile(x: usize, pixel: usize, line: usize, to: usize, position: usize, channels: usize): void {
  const two = pixel << 1,
    three = pixel + two;
  for (; channels; channels -= 8) {
    const b = x + line,
      c = b + line,
      d = c + line;
    inputRow(
      sub(widened(x), widened(c)),
      sub(widened(x + pixel), widened(c + pixel)),
      sub(widened(x + two), widened(c + two)),
      sub(widened(x + three), widened(c + three)),
      0,
      to,
      position,
    );
    const b0 = widened(b),
      b1 = widened(b + pixel),
      b2 = widened(b + two),
      b3 = widened(b + three),
      c0 = widened(c),
      c1 = widened(c + pixel),
      c2 = widened(c + two),
      c3 = widened(c + three);
    inputRow(add(b0, c0), add(b1, c1), add(b2, c2), add(b3, c3), 512, to + (position << 2), position);
    inputRow(sub(c0, b0), sub(c1, b1), sub(c2, b2), sub(c3, b3), 0, to + (position << 3), position);
    inputRow(
      sub(b0, widened(d)),
      sub(b1, widened(d + pixel)),
      sub(b2, widened(d + two)),
      sub(b3, widened(d + three)),
      0,
      to + position * 12,
      position,
    );
    x += 8;
    to += 16;
  }
}

/** The 4×4 inputs from line iy and column ix on, with padding outside the image. */
function fillPatch(r: WinogradInt8, x: usize, iy: i32, ix: i32, to: usize): void {
  const channels = <usize>r.inChannels,
    padding = <u64>(<u8>r.xZero) * 0x0101010101010101;
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      const inside = <u32>(iy + i) < r.inHeight && <u32>(ix + j) < r.inWidth;
      let from = x + <usize>((iy + i) * r.inWidth + ix + j) * channels;
      for (const end = to + channels; to < end; to += 8) {
        store<u64>(to, inside ? load<u64>(from) : padding);
        from += 8;
      }
    }
  }
}

/** V of `count` tiles from tile `first` on, in the order of pixels. */
function inputTiles(r: WinogradInt8, first: u32, count: u32, to: usize, position: usize, patch: usize): void {
  const channels = <usize>r.inChannels,
    line = <usize>r.inWidth * channels;
  const across = (r.outWidth + 1) >> 1,
    down = (r.outHeight + 1) >> 1;
  for (const last = first + count; first < last; first++) {
    const row = first / across;
    const x = r.x + <usize>(row / down) * r.inHeight * line;
    const iy = <i32>((row % down) << 1) - r.padTop,
      ix = <i32>((first % across) << 1) - r.padLeft;
    if (iy >= 0 && iy + 4 <= <i32>r.inHeight && ix >= 0 && ix + 4 <= <i32>r.inWidth) {
      inputTile(x + iy * line + ix * channels, channels, line, to, position, channels);
    } else {
      fillPatch(r, x, iy, ix, patch);
      inputTile(patch, channels, channels << 2, to, position, channels);
    }
    to += channels << 1;
  }
}

/** The first (P i8) or last two channels of a quad, as 16-bit pairs of 4 columns. */
@inline
function pairOf<P>(w: usize): v128 {
  const v0 = v128.load8x8_s(w),
    v1 = v128.load8x8_s(w, 8);
  return sizeof<P>() == 1 ? v128.shuffle<i32>(v0, v1, 0, 2, 4, 6) : v128.shuffle<i32>(v0, v1, 1, 3, 5, 7);
}

@inline
function twice(v: v128): v128 {
  return add(v, v);
}

@inline
function weightRow(g0: v128, g1: v128, g2: v128, to: usize, position: usize): void {
  const outer = add(g0, g2);
  v128.store(to, twice(g0));
  v128.store(to + position, add(outer, g1));
  v128.store(to + (position << 1), sub(outer, g1));
  v128.store(to + position * 3, twice(g2));
}

/** U of two channels and 4 columns; `tap` bytes from one of the 9 weights to the next. */
function weightTile<P>(w: usize, tap: usize, to: usize, position: usize): void {
  const line = tap * 3,
    two = tap << 1;
  const a0 = pairOf<P>(w),
    a1 = pairOf<P>(w + tap),
    a2 = pairOf<P>(w + two);
  weightRow(twice(a0), twice(a1), twice(a2), to, position);
  w += line;
  const b0 = pairOf<P>(w),
    b1 = pairOf<P>(w + tap),
    b2 = pairOf<P>(w + two);
  w += line;
  const c0 = pairOf<P>(w),
    c1 = pairOf<P>(w + tap),
    c2 = pairOf<P>(w + two);
  const s0 = add(a0, c0),
    s1 = add(a1, c1),
    s2 = add(a2, c2);
  weightRow(add(s0, b0), add(s1, b1), add(s2, b2), to + (position << 2), position);
  weightRow(sub(s0, b0), sub(s1, b1), sub(s2, b2), to + (position << 3), position);
  weightRow(twice(c0), twice(c1), twice(c2), to + position * 12, position);
}

/** U of a panel of quads, in pairs as `widenPanel` leaves them. */
function weightTiles(w: usize, to: usize, channels: usize): void {
  const tap = channels << 3,
    position = weightPosition(channels);
  for (let quad = channels >> 2; quad; quad--) {
    weightTile<i8>(w, tap, to, position);
    weightTile<i8>(w + 16, tap, to + 16, position);
    weightTile<i16>(w, tap, to + 32, position);
    weightTile<i16>(w + 16, tap, to + 48, position);
    w += 32;
    to += 64;
  }
}

/** The products of 4 tiles with a panel, of `pairs` pairs of channels; `vs` and `us` bytes from one position to the next. */
function products(v: usize, vs: usize, u: usize, us: usize, m: usize, pairs: usize): void {
  const tile = pairs << 2;
  for (const last = m + (PRODUCTS << 4); m < last; m += PRODUCTS) {
    let a0 = i32x4.splat(0),
      a1 = a0,
      b0 = a0,
      b1 = a0,
      c0 = a0,
      c1 = a0,
      d0 = a0,
      d1 = a0;
    let x0 = v;
    let x1 = x0 + tile,
      x2 = x1 + tile,
      x3 = x2 + tile,
      k = u;
    for (const end = k + (pairs << 5); k < end; k += 32) {
      const w0 = v128.load(k),
        w1 = v128.load(k, 16);
      let s = v128.load32_splat(x0);
      a0 = wideDot(w0, s, a0);
      a1 = wideDot(w1, s, a1);
      s = v128.load32_splat(x1);
      b0 = wideDot(w0, s, b0);
      b1 = wideDot(w1, s, b1);
      s = v128.load32_splat(x2);
      c0 = wideDot(w0, s, c0);
      c1 = wideDot(w1, s, c1);
      s = v128.load32_splat(x3);
      d0 = wideDot(w0, s, d0);
      d1 = wideDot(w1, s, d1);
      x0 += 4;
      x1 += 4;
      x2 += 4;
      x3 += 4;
    }
    v128.store(m, a0);
    v128.store(m, a1, 16);
    v128.store(m, b0, 32);
    v128.store(m, b1, 48);
    v128.store(m, c0, 64);
    v128.store(m, c1, 80);
    v128.store(m, d0, 96);
    v128.store(m, d1, 112);
    v += vs;
    u += us;
  }
}

/** Sums of 4 columns of a tile's 2×2 pixels, 32 bytes from one to the next. */
@inline
function outputTile(m: usize, bias: v128, sums: usize): void {
  const down = PRODUCTS << 2;
  let y00 = i32x4.splat(0),
    y10 = y00,
    y01 = y00,
    y11 = y00;
  for (let column = 0; column < 4; column++) {
    const b = v128.load(m + down),
      c = v128.load(m + (down << 1));
    const top = i32x4.add(i32x4.add(v128.load(m), b), c),
      bottom = i32x4.sub(i32x4.sub(b, c), v128.load(m + down * 3));
    if (column < 3) {
      y00 = i32x4.add(y00, top);
      y10 = i32x4.add(y10, bottom);
    }
    if (column == 1) {
      y01 = top;
      y11 = bottom;
    }
    if (column > 1) {
      y01 = i32x4.sub(y01, top);
      y11 = i32x4.sub(y11, bottom);
    }
    m += PRODUCTS;
  }
  v128.store(sums, i32x4.add(bias, i32x4.shr_s(y00, 2)));
  v128.store(sums, i32x4.add(bias, i32x4.shr_s(y01, 2)), 32);
  v128.store(sums + LINE, i32x4.add(bias, i32x4.shr_s(y10, 2)));
  v128.store(sums + LINE, i32x4.add(bias, i32x4.shr_s(y11, 2)), 32);
}

function outputs(m: usize, bias: usize, sums: usize, tiles: u32): void {
  const b0 = v128.load(bias),
    b1 = v128.load(bias, 16);
  for (; tiles; tiles--) {
    outputTile(m, b0, sums);
    outputTile(m + 16, b1, sums + 16);
    m += 32;
    sums += 64;
  }
}

/** y of `count` tiles from tile `first` on, of 8 columns from `channel` on. */
function outputTiles(r: WinogradInt8, way: i32, first: u32, count: u32, m: usize, sums: usize, channel: usize): void {
  const product = changetype<Conv2dInt8>(r);
  const across = (r.outWidth + 1) >> 1,
    down = (r.outHeight + 1) >> 1,
    pixel = <usize>r.outChannels,
    columns = min<usize>(8, pixel - channel),
    bias = biasesOf(product) + (channel << 2);
  while (count) {
    const row = first / across,
      tx = first % across;
    const tiles = min<u32>(across - tx, count);
    outputs(m, bias, sums, tiles);
    const ox = tx << 1,
      oy = (row % down) << 1;
    const pixels = min<u32>(tiles << 1, r.outWidth - ox);
    const y = r.y + <usize>(((row / down) * r.outHeight + oy) * r.outWidth + ox) * pixel + channel;
    finish(product, way, sums, y, pixel, pixels, columns, channel);
    if (oy + 1 < r.outHeight) finish(product, way, sums + LINE, y + r.outWidth * pixel, pixel, pixels, columns, channel);
    m += tiles << 5;
    first += tiles;
    count -= tiles;
  }
}

/** Scratch from the band on: see `winogradInt8Scratch` of src/kernels/scratch.ts. */
export function conv2d_s8_winograd(r: WinogradInt8): void {
  const product = changetype<Conv2dInt8>(r);
  if (ASC_FEATURE_SIMD) {
    if (isWide(r.outChannels)) return tiled(r, prepare(product, <usize>r.inChannels * 9));
  }
  conv2d_s8(product);
}

function tiled(r: WinogradInt8, way: i32): void {
  const channels = <usize>r.inChannels,
    room = (<usize>r.tiles + 3) & ~3;
  const all = r.batch * ((r.outHeight + 1) >> 1) * ((r.outWidth + 1) >> 1);
  const vs = inputPosition(room, channels),
    us = weightPosition(channels);
  const v = r.band,
    u = v + (vs << 4),
    m = u + (us << 4),
    sums = m + (PRODUCTS << 4),
    patch = sums + (LINE << 1);
  for (let first: u32 = 0; first < all; first += r.tiles) {
    const count = min<u32>(r.tiles, all - first);
    inputTiles(r, first, count, v, vs, patch);
    let w = r.w;
    for (let n: usize = 0; n < r.outChannels; n += 8) {
      weightTiles(w, u, channels);
      for (let t: u32 = 0; t < count; t += GROUP) {
        const some = min<u32>(GROUP, count - t),
          x = v + t * (channels << 1);
        // Tiles past the last hold what is there, and go nowhere.
        products(x, vs, u, us, m, channels >> 1);
        outputTiles(r, way, first + t, some, m, sums, n);
      }
      w += channels * 72;
    }
  }
}
