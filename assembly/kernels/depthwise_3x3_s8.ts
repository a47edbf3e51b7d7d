// Rows of 3×3 windows of an 8-bit depthwise convolution: of 8 channels where the host multiplies 8 bits, of 4 where products are of 16.
import { dot, wideDot } from './quads_s8';
import { zip16, zip16High, zip8 } from './zip';

/**
 * Windows 3 wide and 3 high of 8 channels, a pixel apart: each interleaved column serves three of them. Their lines are 0, x1 and x2 bytes from the first; a
 * fourth, whose weights are 0, is any.
 */
export function sliding(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = v128.load(w),
    w1 = v128.load(w, 16),
    w2 = v128.load(w, 32),
    w3 = v128.load(w, 48),
    w4 = v128.load(w, 64),
    w5 = v128.load(w, 80);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let middle = v128.load64_zero(q);
    let top = zip8(v128.load64_zero(p), middle),
      bottom = zip8(v128.load64_zero(s), middle);
    let a0 = zip16(top, bottom),
      a1 = zip16High(top, bottom);
    p += pixel;
    q += pixel;
    s += pixel;
    middle = v128.load64_zero(q);
    top = zip8(v128.load64_zero(p), middle);
    bottom = zip8(v128.load64_zero(s), middle);
    let b0 = zip16(top, bottom),
      b1 = zip16High(top, bottom);
    for (let count = width; count; count--) {
      p += pixel;
      q += pixel;
      s += pixel;
      middle = v128.load64_zero(q);
      top = zip8(v128.load64_zero(p), middle);
      bottom = zip8(v128.load64_zero(s), middle);
      const c0 = zip16(top, bottom),
        c1 = zip16High(top, bottom);
      v128.store(sums, dot(w4, c0, dot(w2, b0, dot(w0, a0, v128.load(bias)))));
      v128.store(sums, dot(w5, c1, dot(w3, b1, dot(w1, a1, v128.load(bias, 16)))), 16);
      a0 = b0;
      a1 = b1;
      b0 = c0;
      b1 = c1;
      sums += 32;
    }
    x += down;
  }
}

/** The same, two pixels apart: every other column serves two windows. */
export function skipping(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = v128.load(w),
    w1 = v128.load(w, 16),
    w2 = v128.load(w, 32),
    w3 = v128.load(w, 48),
    w4 = v128.load(w, 64),
    w5 = v128.load(w, 80);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let middle = v128.load64_zero(q);
    let top = zip8(v128.load64_zero(p), middle),
      bottom = zip8(v128.load64_zero(s), middle);
    let a0 = zip16(top, bottom),
      a1 = zip16High(top, bottom);
    for (let count = width; count; count--) {
      p += pixel;
      q += pixel;
      s += pixel;
      middle = v128.load64_zero(q);
      top = zip8(v128.load64_zero(p), middle);
      bottom = zip8(v128.load64_zero(s), middle);
      const s0 = dot(w2, zip16(top, bottom), dot(w0, a0, v128.load(bias))),
        s1 = dot(w3, zip16High(top, bottom), dot(w1, a1, v128.load(bias, 16)));
      p += pixel;
      q += pixel;
      s += pixel;
      middle = v128.load64_zero(q);
      top = zip8(v128.load64_zero(p), middle);
      bottom = zip8(v128.load64_zero(s), middle);
      a0 = zip16(top, bottom);
      a1 = zip16High(top, bottom);
      v128.store(sums, dot(w4, a0, s0));
      v128.store(sums, dot(w5, a1, s1), 16);
      sums += 32;
    }
    x += down;
  }
}

// In 16 bits, 4 channels: of a window, the taps of the first and the last line are pairs, and those of the middle line in two columns.

/** Weights of lines 0 and 2 in the even bytes of quads, of lines 1 and 3 in the odd ones; with those of a second part. */
@inline
function even(w: usize, rest: usize): v128 {
  const v = i16x8.shr_s(i16x8.shl(v128.load(w), 8), 8);
  return rest ? i16x8.add(v, i16x8.shr_s(i16x8.shl(v128.load(w + rest), 8), 8)) : v;
}

@inline
function odd(w: usize, rest: usize): v128 {
  const v = i16x8.shr_s(v128.load(w), 8);
  return rest ? i16x8.add(v, i16x8.shr_s(v128.load(w + rest), 8)) : v;
}

/** 2 columns' weights of line 1 side by side. */
@inline
function sideBySide(left: v128, right: v128): v128 {
  return v128.or(i32x4.shr_u(i32x4.shl(left, 16), 16), i32x4.shl(right, 16));
}

/** The sums of a window: columns a, b, c of outer lines, the middle line's pairs of the columns before and in a, and of b and c. */
@inline
function nineTaps(bias: v128, a: v128, b: v128, c: v128, first: v128, two: v128, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128): v128 {
  return wideDot(w4, two, wideDot(w2, c, wideDot(w3, first, wideDot(w1, b, wideDot(w0, a, bias)))));
}

/** `sliding` of 4 channels. */
export function wideSliding(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  rest: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = even(w, rest),
    w1 = even(w + 32, rest),
    w2 = even(w + 64, rest),
    w3 = i32x4.shl(odd(w, rest), 16),
    w4 = sideBySide(odd(w + 32, rest), odd(w + 64, rest)),
    start = v128.load(bias);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let m = v128.load8x8_u(q);
    let a = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
      ma = zip16(m, m);
    p += pixel;
    q += pixel;
    s += pixel;
    let n = v128.load8x8_u(q);
    let b = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
      mb = zip16(m, n);
    let count = width;
    for (; count >= 2; count -= 2) {
      p += pixel;
      q += pixel;
      s += pixel;
      m = v128.load8x8_u(q);
      const c = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        mc = zip16(n, m);
      v128.store(sums, nineTaps(start, a, b, c, ma, mc, w0, w1, w2, w3, w4));
      p += pixel;
      q += pixel;
      s += pixel;
      n = v128.load8x8_u(q);
      a = c;
      ma = mc;
      const d = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        md = zip16(m, n);
      v128.store(sums, nineTaps(start, b, c, d, mb, md, w0, w1, w2, w3, w4), 32);
      b = d;
      mb = md;
      sums += 64;
    }
    if (count) {
      p += pixel;
      q += pixel;
      s += pixel;
      const c = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        mc = zip16(n, v128.load8x8_u(q));
      v128.store(sums, nineTaps(start, a, b, c, ma, mc, w0, w1, w2, w3, w4));
      sums += 32;
    }
    x += down;
  }
}

/** `skipping` of 4 channels. */
export function wideSkipping(
  x: usize,
  x1: usize,
  x2: usize,
  pixel: usize,
  w: usize,
  rest: usize,
  bias: usize,
  sums: usize,
  width: u32,
  rows: u32,
  down: usize,
): void {
  const w0 = even(w, rest),
    w1 = even(w + 32, rest),
    w2 = even(w + 64, rest),
    w3 = i32x4.shl(odd(w, rest), 16),
    w4 = sideBySide(odd(w + 32, rest), odd(w + 64, rest)),
    start = v128.load(bias);
  for (; rows; rows--) {
    let p = x,
      q = x + x1,
      s = x + x2;
    let m = v128.load8x8_u(q);
    let a = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
      ma = zip16(m, m);
    for (let count = width; count; count--) {
      p += pixel;
      q += pixel;
      s += pixel;
      m = v128.load8x8_u(q);
      const b = zip16(v128.load8x8_u(p), v128.load8x8_u(s));
      p += pixel;
      q += pixel;
      s += pixel;
      const c = zip16(v128.load8x8_u(p), v128.load8x8_u(s)),
        mc = zip16(m, v128.load8x8_u(q));
      v128.store(sums, nineTaps(start, a, b, c, ma, mc, w0, w1, w2, w3, w4));
      a = c;
      ma = mc;
      sums += 32;
    }
    x += down;
  }
}
