// Rows of windows of any size of an 8-bit depthwise convolution, 8 channels: quads of taps where the host multiplies 8 bits, pairs where products are of 16.
import { DepthwiseInt8 } from '../records';
import { dot, wideDot } from './quads_s8';
import { zip16, zip16High, zip8 } from './zip';

/** A row of windows of any size, tap by tap. */
export function scalarWindows(r: DepthwiseInt8, x: usize, line: usize, w: usize, rest: usize, bias: usize, sums: usize): void {
  for (let ox: u32 = 0; ox < r.outWidth; ox++) {
    for (let c: usize = 0; c < 8; c++)
      store<i32>(sums + (c << 2), load<i32>(bias + (c << 2)) + scalarWindow(r, x + c, line, w + (c << 2), rest));
    x += r.strideX * r.blockChannels;
    sums += 32;
  }
}

function scalarWindow(r: DepthwiseInt8, x: usize, line: usize, w: usize, rest: usize): i32 {
  const quads = <usize>((r.kernelHeight + 3) >> 2);
  let sum = 0;
  for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
    let p = x + kx * r.dilationX * r.blockChannels;
    for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
      const at = w + ((ky >> 2) << 5) + (ky & 3);
      sum += <i32>load<u8>(p) * (<i32>load<i8>(at) + (rest ? <i32>load<i8>(at + rest) : 0));
      p += r.dilationY * line;
    }
    w += quads << 5;
  }
  return sum;
}

/**
 * In vectors, windows of any size are steps of some taps each: of four where products are of 8 bits, of two where they are of 16. Bytes of a step in scratch,
 * behind the sums: the weights of 8 channels, side by side, and where in the band the taps are.
 */
const QUAD_STEP: usize = 48;
const PAIR_STEP: usize = 40;

@inline
function stepsOf(r: DepthwiseInt8): usize {
  return r.sums + ((<usize>r.sumRows * r.outWidth) << 5);
}

/** Byte `from` of each i32 as byte `to`, the rest 0. */
@inline
function moved(v: v128, from: i32, to: i32): v128 {
  return i32x4.shl(i32x4.shr_u(i32x4.shl(v, 24 - (from << 3)), 24), to << 3);
}

/** Writes the steps of four taps of 8 channels. Taps that are not there are the first of their step, with a weight of 0. */
export function prepareQuads(r: DepthwiseInt8, line: usize, w: usize): void {
  const quads = ((r.kernelHeight + 3) >> 2) << 5;
  let step = stepsOf(r),
    byte: i32 = 0;
  for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
    for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
      const at = w + ((ky >> 2) << 5),
        tap = ky * r.dilationY * line + kx * r.dilationX * r.blockChannels,
        left = moved(v128.load(at), ky & 3, byte),
        right = moved(v128.load(at, 16), ky & 3, byte);
      if (byte) {
        v128.store(step, v128.or(v128.load(step), left));
        v128.store(step, v128.or(v128.load(step, 16), right), 16);
        store<u32>(step + (byte << 2), tap, 32);
      } else {
        v128.store(step, left);
        v128.store(step, right, 16);
        v128.store(step, i32x4.splat(tap), 32);
      }
      byte = (byte + 1) & 3;
      if (!byte) step += QUAD_STEP;
    }
    w += quads;
  }
}

/** A row of windows, two at a time, of which the last may be twice the same. */
export function quadWindows(r: DepthwiseInt8, x: usize, bias: usize, sums: usize): void {
  const apart = r.strideX * r.blockChannels,
    steps = stepsOf(r),
    end = steps + <usize>((r.kernelHeight * r.kernelWidth + 3) >> 2) * QUAD_STEP;
  for (let left = r.outWidth; left; left -= min<u32>(left, 2)) {
    const next = left > 1 ? x + apart : x;
    let a0 = v128.load(bias),
      a1 = v128.load(bias, 16);
    let b0 = a0,
      b1 = a1,
      step = steps;
    do {
      const w0 = v128.load(step),
        w1 = v128.load(step, 16),
        p = <usize>load<u32>(step, 32),
        q = <usize>load<u32>(step, 36),
        s = <usize>load<u32>(step, 40),
        t = <usize>load<u32>(step, 44);
      let top = zip8(v128.load64_zero(x + p), v128.load64_zero(x + q)),
        bottom = zip8(v128.load64_zero(x + s), v128.load64_zero(x + t));
      a0 = dot(w0, zip16(top, bottom), a0);
      a1 = dot(w1, zip16High(top, bottom), a1);
      top = zip8(v128.load64_zero(next + p), v128.load64_zero(next + q));
      bottom = zip8(v128.load64_zero(next + s), v128.load64_zero(next + t));
      b0 = dot(w0, zip16(top, bottom), b0);
      b1 = dot(w1, zip16High(top, bottom), b1);
      step += QUAD_STEP;
    } while (step < end);
    storeTwo(sums, a0, a1, b0, b1, left > 1);
    x += apart << 1;
    sums += 64;
  }
}

/** Sums of two windows, or of the first alone. */
@inline
function storeTwo(sums: usize, a0: v128, a1: v128, b0: v128, b1: v128, both: bool): void {
  v128.store(sums, a0);
  v128.store(sums, a1, 16);
  if (both) {
    v128.store(sums, b0, 32);
    v128.store(sums, b1, 48);
  }
}

/** Weights of line `byte` of 4 channels' quads as i32, with those of a second part. */
@inline
function tapOf(quads: usize, rest: usize, byte: i32): v128 {
  const shift = 24 - (byte << 3),
    v = i32x4.shr_s(i32x4.shl(v128.load(quads), shift), 24);
  return rest ? i32x4.add(v, i32x4.shr_s(i32x4.shl(v128.load(quads + rest), shift), 24)) : v;
}

/** Writes the steps of two taps of 8 channels. Where taps are odd in number, the last is beside itself with a weight of 0. */
export function preparePairs(r: DepthwiseInt8, line: usize, w: usize, rest: usize): void {
  const quads = ((r.kernelHeight + 3) >> 2) << 5;
  let step = stepsOf(r),
    isSecond = false;
  for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
    for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
      const at = w + ((ky >> 2) << 5),
        tap = ky * r.dilationY * line + kx * r.dilationX * r.blockChannels,
        left = tapOf(at, rest, ky & 3),
        right = tapOf(at + 16, rest, ky & 3);
      store<u32>(step, tap, 36);
      if (isSecond) {
        v128.store(step, v128.or(v128.load(step), i32x4.shl(left, 16)));
        v128.store(step, v128.or(v128.load(step, 16), i32x4.shl(right, 16)), 16);
        step += PAIR_STEP;
      } else {
        store<u32>(step, tap, 32);
        v128.store(step, i32x4.shr_u(i32x4.shl(left, 16), 16));
        v128.store(step, i32x4.shr_u(i32x4.shl(right, 16), 16), 16);
      }
      isSecond = !isSecond;
    }
    w += quads;
  }
}

/** Numbers of two taps, alternating, times their weights: of channels 0 to 3, of channels 4 to 7. */
@inline
function lowPairs(w: v128, x: v128, acc: v128): v128 {
  return wideDot(w, i16x8.extend_low_i8x16_u(x), acc);
}

@inline
function highPairs(w: v128, x: v128, acc: v128): v128 {
  return wideDot(w, i16x8.extend_high_i8x16_u(x), acc);
}

/** The same by pairs. */
export function pairWindows(r: DepthwiseInt8, x: usize, bias: usize, sums: usize): void {
  const apart = r.strideX * r.blockChannels,
    steps = stepsOf(r),
    end = steps + <usize>((r.kernelHeight * r.kernelWidth + 1) >> 1) * PAIR_STEP;
  for (let left = r.outWidth; left; left -= min<u32>(left, 2)) {
    const next = left > 1 ? x + apart : x;
    let a0 = v128.load(bias),
      a1 = v128.load(bias, 16);
    let b0 = a0,
      b1 = a1,
      step = steps;
    do {
      const w0 = v128.load(step),
        w1 = v128.load(step, 16),
        p = <usize>load<u32>(step, 32),
        q = <usize>load<u32>(step, 36);
      let taps = zip8(v128.load64_zero(x + p), v128.load64_zero(x + q));
      a0 = lowPairs(w0, taps, a0);
      a1 = highPairs(w1, taps, a1);
      taps = zip8(v128.load64_zero(next + p), v128.load64_zero(next + q));
      b0 = lowPairs(w0, taps, b0);
      b1 = highPairs(w1, taps, b1);
      step += PAIR_STEP;
    } while (step < end);
    storeTwo(sums, a0, a1, b0, b1, left > 1);
    x += apart << 1;
    sums += 64;
  }
}
