// 3×3 convolution of stride 1 over NHWC after Winograd, F(2×2, 3×3) of Lavin and Gray 2015: a tile of 2×2 output pixels takes 16 products for
// each pair of channels, not 36. Tiles of `blockRows` at a time: V = Bᵀ d B of their 4×4 inputs, then for each panel of 8 output channels
// U = G w Gᵀ, 16 matrix products V · U, and y = Aᵀ m A.
import { Conv2d } from '../records';
import { clamp, clamp1, copyRow, loadPart, madd, storePart, zeroRow } from './vector_f32';

// What follows is written once for four lanes (T = v128) and for one (T = f32): every element gets the same operations in every flavour.

@inline
function add<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.add(a, b);
  else return a + b;
}

@inline
function sub<T>(a: T, b: T): T {
  if (isVector<T>()) return f32x4.sub(a, b);
  else return a - b;
}

@inline
function half<T>(a: T): T {
  if (isVector<T>()) return f32x4.mul(a, f32x4.splat(0.5));
  else return a * 0.5;
}

/** V of `count` vectors of channels of a 4×4 input at x; the 16 results are `position` bytes apart. */
function inputTile<T>(x: usize, pixel: usize, line: usize, to: usize, position: usize, count: usize): void {
  const third = pixel + (pixel << 1);
  for (; count; count--) {
    let p = x,
      q = x + (line << 1),
      v = to;
    let t0 = sub<T>(load<T>(p), load<T>(q));
    let t1 = sub<T>(load<T>(p + pixel), load<T>(q + pixel));
    let t2 = sub<T>(load<T>(p + (pixel << 1)), load<T>(q + (pixel << 1)));
    let t3 = sub<T>(load<T>(p + third), load<T>(q + third));
    store<T>(v, sub<T>(t0, t2));
    store<T>(v + position, add<T>(t1, t2));
    store<T>(v + (position << 1), sub<T>(t2, t1));
    store<T>(v + position * 3, sub<T>(t1, t3));
    p += line;
    v += position << 2;
    t0 = add<T>(load<T>(p), load<T>(q));
    t1 = add<T>(load<T>(p + pixel), load<T>(q + pixel));
    t2 = add<T>(load<T>(p + (pixel << 1)), load<T>(q + (pixel << 1)));
    t3 = add<T>(load<T>(p + third), load<T>(q + third));
    store<T>(v, sub<T>(t0, t2));
    store<T>(v + position, add<T>(t1, t2));
    store<T>(v + (position << 1), sub<T>(t2, t1));
    store<T>(v + position * 3, sub<T>(t1, t3));
    v += position << 2;
    t0 = sub<T>(load<T>(q), load<T>(p));
    t1 = sub<T>(load<T>(q + pixel), load<T>(p + pixel));
    t2 = sub<T>(load<T>(q + (pixel << 1)), load<T>(p + (pixel << 1)));
    t3 = sub<T>(load<T>(q + third), load<T>(p + third));
    store<T>(v, sub<T>(t0, t2));
    store<T>(v + position, add<T>(t1, t2));
    store<T>(v + (position << 1), sub<T>(t2, t1));
    store<T>(v + position * 3, sub<T>(t1, t3));
    q += line;
    v += position << 2;
    t0 = sub<T>(load<T>(p), load<T>(q));
    t1 = sub<T>(load<T>(p + pixel), load<T>(q + pixel));
    t2 = sub<T>(load<T>(p + (pixel << 1)), load<T>(q + (pixel << 1)));
    t3 = sub<T>(load<T>(p + third), load<T>(q + third));
    store<T>(v, sub<T>(t0, t2));
    store<T>(v + position, add<T>(t1, t2));
    store<T>(v + (position << 1), sub<T>(t2, t1));
    store<T>(v + position * 3, sub<T>(t1, t3));
    x += sizeof<T>();
    to += sizeof<T>();
  }
}

/** U of one panel: w is [9 · channels][8], U is [16][channels][8]. `count` vectors of columns or channels follow one another. */
function weightTile<T>(w: usize, to: usize, channels: usize, count: usize): void {
  const tap = channels << 5;
  for (; count; count--) {
    const a = w,
      b = a + tap * 3,
      c = b + tap * 3;
    weightRow<T>(load<T>(a), load<T>(a + tap), load<T>(a + (tap << 1)), to, tap);
    const s0 = add<T>(load<T>(a), load<T>(c)),
      s1 = add<T>(load<T>(a + tap), load<T>(c + tap)),
      s2 = add<T>(load<T>(a + (tap << 1)), load<T>(c + (tap << 1)));
    const m0 = load<T>(b),
      m1 = load<T>(b + tap),
      m2 = load<T>(b + (tap << 1));
    weightRow<T>(half<T>(add<T>(s0, m0)), half<T>(add<T>(s1, m1)), half<T>(add<T>(s2, m2)), to + (tap << 2), tap);
    weightRow<T>(half<T>(sub<T>(s0, m0)), half<T>(sub<T>(s1, m1)), half<T>(sub<T>(s2, m2)), to + (tap << 3), tap);
    weightRow<T>(load<T>(c), load<T>(c + tap), load<T>(c + (tap << 1)), to + tap * 12, tap);
    w += sizeof<T>();
    to += sizeof<T>();
  }
}

@inline
function weightRow<T>(g0: T, g1: T, g2: T, to: usize, position: usize): void {
  store<T>(to, g0);
  const s = add<T>(g0, g2);
  store<T>(to + position, half<T>(add<T>(s, g1)));
  store<T>(to + (position << 1), half<T>(sub<T>(s, g1)));
  store<T>(to + position * 3, g2);
}

/** y of one tile and one vector of columns from its 16 products m; `rows` and `columns` of its 2×2 pixels are there. */
@inline
function outputTile<T>(
  m: usize,
  bias: usize,
  residual: usize,
  y: usize,
  pixel: usize,
  line: usize,
  rows: usize,
  columns: usize,
  low: f32,
  high: f32,
): void {
  let a = load<T>(m),
    b = load<T>(m, 128),
    c = load<T>(m, 256),
    d = load<T>(m, 384);
  let top = add<T>(add<T>(a, b), c),
    bottom = sub<T>(sub<T>(b, c), d);
  let y00 = top,
    y10 = bottom;
  a = load<T>(m, 32);
  b = load<T>(m, 160);
  c = load<T>(m, 288);
  d = load<T>(m, 416);
  top = add<T>(add<T>(a, b), c);
  bottom = sub<T>(sub<T>(b, c), d);
  y00 = add<T>(y00, top);
  y10 = add<T>(y10, bottom);
  let y01 = top,
    y11 = bottom;
  a = load<T>(m, 64);
  b = load<T>(m, 192);
  c = load<T>(m, 320);
  d = load<T>(m, 448);
  top = add<T>(add<T>(a, b), c);
  bottom = sub<T>(sub<T>(b, c), d);
  y00 = add<T>(y00, top);
  y10 = add<T>(y10, bottom);
  y01 = sub<T>(y01, top);
  y11 = sub<T>(y11, bottom);
  a = load<T>(m, 96);
  b = load<T>(m, 224);
  c = load<T>(m, 352);
  d = load<T>(m, 480);
  y01 = sub<T>(y01, add<T>(add<T>(a, b), c));
  y11 = sub<T>(y11, sub<T>(sub<T>(b, c), d));
  finish<T>(y00, bias, residual, y, low, high);
  if (columns > 1) finish<T>(y01, bias, residual ? residual + pixel : 0, y + pixel, low, high);
  if (rows == 1) return;
  y += line;
  if (residual) residual += line;
  finish<T>(y10, bias, residual, y, low, high);
  if (columns > 1) finish<T>(y11, bias, residual ? residual + pixel : 0, y + pixel, low, high);
}

@inline
function finish<T>(v: T, bias: usize, residual: usize, y: usize, low: f32, high: f32): void {
  if (bias) v = add<T>(v, load<T>(bias));
  if (residual) v = add<T>(v, load<T>(residual));
  if (isVector<T>()) store<T>(y, clamp(v, f32x4.splat(low), f32x4.splat(high)));
  else store<T>(y, clamp1(v, low, high));
}

/** Bytes from one tile's V to the next: 64 more than it is long, so that the tiles of a product do not share a cache set. */
@inline
function tileBytes(channels: usize): usize {
  return (channels << 6) + 64;
}

/** V of `count` tiles that lie side by side, from tile `tx` of tile row `ty` of image x. `patch`: 16 · channels f32. */
function inputTiles(r: Conv2d, x: usize, ty: i32, tx: i32, count: i32, to: usize, patch: usize): void {
  const channels = <usize>r.inChannels,
    pixel = channels << 2,
    line = <usize>r.inWidth * pixel;
  const iy = 2 * ty - r.padTop;
  const inside = iy >= 0 && iy + 4 <= <i32>r.inHeight;
  for (let ix = 2 * tx - r.padLeft; count; count--) {
    if (inside && ix >= 0 && ix + 4 <= <i32>r.inWidth) inputs(x + iy * line + ix * pixel, pixel, line, to, channels);
    else {
      fillPatch(r, x, iy, ix, patch);
      inputs(patch, pixel, pixel << 2, to, channels);
    }
    ix += 2;
    to += tileBytes(channels);
  }
}

@inline
function inputs(x: usize, pixel: usize, line: usize, to: usize, channels: usize): void {
  if (ASC_FEATURE_SIMD) {
    inputTile<v128>(x, pixel, line, to, pixel, channels >> 2);
    if (channels & 3) inputTile<f32>(x + ((channels & ~3) << 2), pixel, line, to + ((channels & ~3) << 2), pixel, channels & 3);
  } else inputTile<f32>(x, pixel, line, to, pixel, channels);
}

/** The 4×4 inputs from line iy and column ix on, zeros outside the image. */
function fillPatch(r: Conv2d, x: usize, iy: i32, ix: i32, to: usize): void {
  const channels = <usize>r.inChannels;
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      if (<u32>(iy + i) < r.inHeight && <u32>(ix + j) < r.inWidth) {
        copyRow(to, x + ((((iy + i) * r.inWidth + ix + j) * channels) << 2), channels);
      } else zeroRow(to, channels);
      to += channels << 2;
    }
  }
}

/** y of `count` tiles that lie side by side, 8 or `width` of their channels. */
function outputTiles(r: Conv2d, m: usize, bias: usize, residual: usize, y: usize, ty: u32, tx: u32, count: u32, width: usize): void {
  const pixel = (<usize>r.outChannels) << 2,
    line = <usize>r.outWidth * pixel;
  const rows = min<u32>(2, r.outHeight - 2 * ty);
  for (; count; count--) {
    const columns = min<u32>(2, r.outWidth - 2 * tx);
    let n: usize = 0;
    if (ASC_FEATURE_SIMD) {
      for (; n + 4 <= width; n += 4) {
        const at = n << 2;
        outputTile<v128>(m + at, bias ? bias + at : 0, residual ? residual + at : 0, y + at, pixel, line, rows, columns, r.low, r.high);
      }
    }
    for (; n < width; n++) {
      const at = n << 2;
      outputTile<f32>(m + at, bias ? bias + at : 0, residual ? residual + at : 0, y + at, pixel, line, rows, columns, r.low, r.high);
    }
    tx++;
    m += 512;
    y += pixel << 1;
    if (residual) residual += pixel << 1;
  }
}

/** m = V · U for `height` tiles: 16 products, one after the other in memory. */
@inline
function products(height: i32, v: usize, u: usize, m: usize, channels: usize): void {
  const stride = tileBytes(channels);
  let x0 = v,
    x1 = x0 + stride,
    x2 = x1 + stride,
    x3 = x2 + stride,
    x4 = x3 + stride,
    x5 = x4 + stride;
  for (const last = m + 512; m < last; m += 32) {
    let a0 = f32x4.splat(0),
      a1 = a0,
      b0 = a0,
      b1 = a0,
      c0 = a0,
      c1 = a0,
      d0 = a0,
      d1 = a0,
      e0 = a0,
      e1 = a0,
      f0 = a0,
      f1 = a0;
    for (const end = u + (channels << 5); u < end; u += 32) {
      const w0 = v128.load(u),
        w1 = v128.load(u, 16);
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
        s = v128.load32_splat(x5);
        f0 = madd(s, w0, f0);
        f1 = madd(s, w1, f1);
      }
      x0 += 4;
      x1 += 4;
      x2 += 4;
      x3 += 4;
      if (height > 4) {
        x4 += 4;
        x5 += 4;
      }
    }
    v128.store(m, a0);
    v128.store(m, a1, 16);
    v128.store(m, b0, 512);
    v128.store(m, b1, 528);
    v128.store(m, c0, 1024);
    v128.store(m, c1, 1040);
    v128.store(m, d0, 1536);
    v128.store(m, d1, 1552);
    if (height > 4) {
      v128.store(m, e0, 2048);
      v128.store(m, e1, 2064);
      v128.store(m, f0, 2560);
      v128.store(m, f1, 2576);
    }
  }
}

function fourProducts(v: usize, u: usize, m: usize, channels: usize): void {
  products(4, v, u, m, channels);
}

function sixProducts(v: usize, u: usize, m: usize, channels: usize): void {
  products(6, v, u, m, channels);
}

function scalarProducts(v: usize, u: usize, m: usize, channels: usize): void {
  for (let position: usize = 0; position < 16; position++) {
    for (let n: usize = 0; n < 8; n++) {
      let sum: f32 = 0;
      for (let c: usize = 0; c < channels; c++) sum += load<f32>(v + (c << 2)) * load<f32>(u + (c << 5) + (n << 2));
      store<f32>(m + (n << 2), sum);
    }
    v += channels << 2;
    u += channels << 5;
    m += 32;
  }
}

/** m of `tiles` tiles, up to 3 more than that: V and m have room for a multiple of 4. */
function panelProducts(v: usize, u: usize, m: usize, tiles: usize, channels: usize): void {
  const stride = tileBytes(channels);
  if (ASC_FEATURE_SIMD) {
    tiles = (tiles + 3) & ~3;
    while (tiles) {
      // Sixes only where an odd number of fours is not left behind.
      if (ASC_FEATURE_RELAXED_SIMD && tiles >= 6 && tiles != 8) {
        sixProducts(v, u, m, channels);
        v += stride * 6;
        m += 3072;
        tiles -= 6;
      } else {
        fourProducts(v, u, m, channels);
        v += stride << 2;
        m += 2048;
        tiles -= 4;
      }
    }
  } else {
    for (; tiles; tiles--) {
      scalarProducts(v, u, m, channels);
      v += stride;
      m += 512;
    }
  }
}

function weights(w: usize, to: usize, channels: usize): void {
  if (ASC_FEATURE_SIMD) weightTile<v128>(w, to, channels, channels << 1);
  else weightTile<f32>(w, to, channels, channels << 3);
}

/** scratch: see `winogradScratch` of src/kernels/scratch.ts. */
export function conv2d_f32_winograd(r: Conv2d): void {
  const channels = <usize>r.inChannels;
  const across = (r.outWidth + 1) >> 1,
    down = (r.outHeight + 1) >> 1;
  const all = r.batch * across * down;
  const room = (<usize>r.blockRows + 3) & ~3;
  const v = r.scratch,
    m = v + room * tileBytes(channels),
    u = m + (room << 9),
    patch = u + (channels << 9);
  for (let first: u32 = 0; first < all; first += r.blockRows) {
    const tiles = min<u32>(r.blockRows, all - first);
    for (let t: u32 = 0; t < tiles;) {
      const tx = (first + t) % across,
        row = (first + t) / across;
      const some = min<u32>(across - tx, tiles - t);
      const x = r.x + (((row / down) * r.inHeight * r.inWidth * r.inChannels) << 2);
      inputTiles(r, x, row % down, tx, some, v + t * tileBytes(channels), patch);
      t += some;
    }
    for (let n: u32 = 0; n < r.outChannels; n += 8) {
      weights(r.w + <usize>(n >> 3) * ((channels * 9) << 5), u, channels);
      panelProducts(v, u, m, tiles, channels);
      for (let t: u32 = 0; t < tiles;) {
        const tx = (first + t) % across,
          row = (first + t) / across;
        const some = min<u32>(across - tx, tiles - t);
        const pixel = ((row / down) * r.outHeight + 2 * (row % down)) * r.outWidth + 2 * tx;
        const at = (<usize>(pixel * r.outChannels + n)) << 2;
        const width = min<usize>(8, r.outChannels - n);
        outputTiles(
          r,
          m + (t << 9),
          r.bias ? r.bias + (n << 2) : 0,
          r.residual ? r.residual + at : 0,
          r.y + at,
          row % down,
          tx,
          some,
          width,
        );
        t += some;
      }
    }
  }
}
