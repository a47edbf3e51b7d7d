// What the 8-bit convolutions read: input lines with their padding, as unsigned numbers (x + 128), in scratch. `wide` lines hold 16-bit numbers, for
// dot products of those.
import { Conv2dInt8 } from '../records';
import { signBytes } from './finish_s8';

/** Input columns that a row of output pixels reads. */
@inline
function lineWidth(r: Conv2dInt8): i32 {
  return <i32>((r.outWidth - 1) * r.strideX + (r.kernelWidth - 1) * r.dilationX + 1);
}

/** Elements of a line of the band, of `channels` a pixel. */
@inline
export function lineLength(r: Conv2dInt8, channels: usize): usize {
  return <usize>lineWidth(r) * channels;
}

/** to[i] = x[i] + 128. `sign`: an address of 16 bytes of 128. */
export function widen(to: usize, x: usize, count: usize, wide: bool, sign: usize): void {
  if (wide) {
    if (ASC_FEATURE_SIMD) {
      const flip = v128.load(sign);
      for (; count >= 16; count -= 16) {
        const v = v128.xor(v128.load(x), flip);
        v128.store(to, i16x8.extend_low_i8x16_u(v));
        v128.store(to, i16x8.extend_high_i8x16_u(v), 16);
        x += 16;
        to += 32;
      }
    }
    for (; count; count--) {
      store<u16>(to, load<u8>(x) ^ 128);
      x++;
      to += 2;
    }
  } else {
    if (ASC_FEATURE_SIMD) {
      const flip = v128.load(sign);
      for (; count >= 16; count -= 16) {
        v128.store(to, v128.xor(v128.load(x), flip));
        x += 16;
        to += 16;
      }
    }
    for (; count; count--) {
      store<u8>(to, load<u8>(x) ^ 128);
      x++;
      to++;
    }
  }
}

/** `count` numbers of type T; mostly a few: `memory.fill` is a call to the host's runtime. */
export function pad<T>(to: usize, count: usize, value: u32): void {
  if (ASC_FEATURE_SIMD) {
    const v = sizeof<T>() == 1 ? i8x16.splat(<i8>value) : i16x8.splat(<i16>value);
    for (; count >= 16 / sizeof<T>(); count -= 16 / sizeof<T>()) {
      v128.store(to, v);
      to += 16;
    }
  }
  for (; count; count--) {
    store<T>(to, <T>value);
    to += sizeof<T>();
  }
}

@inline
function fill(to: usize, value: u32, count: usize, wide: bool): void {
  if (wide) pad<u16>(to, count, value);
  else pad<u8>(to, count, value);
}

/** As `widen` of 8-bit numbers, each `copies` times. */
function repeat(to: usize, x: usize, count: usize, copies: usize): void {
  for (; count; count--) {
    memory.fill(to, load<u8>(x) ^ 128, copies);
    x++;
    to += copies;
  }
}

/**
 * Fills the band for output rows oy … oy + rows - 1 of image n: (rows - 1) strideY + (kernelHeight - 1) dilationY + 1 lines. `copies` of each channel
 * (more than one only where they are not wide).
 */
export function fillBand(r: Conv2dInt8, n: u32, oy: u32, rows: u32, wide: bool, copies: usize): void {
  const shift: usize = wide ? 1 : 0;
  const lines = (rows - 1) * r.strideY + (r.kernelHeight - 1) * r.dilationY + 1;
  const channels = <usize>r.inChannels,
    held = channels * copies;
  const length = lineLength(r, held);
  const width = lineWidth(r);
  const left = min<i32>(max<i32>(r.padLeft, 0), width);
  const skip = max<i32>(-r.padLeft, 0);
  const inside = max<i32>(min<i32>(<i32>r.inWidth - skip, width - left), 0);
  const right = width - left - inside;
  const zero = <u32>(r.xZero + 128);
  let iy = <i32>(oy * r.strideY) - r.padTop;
  let to = r.band;
  for (let i: u32 = 0; i < lines; i++) {
    if (<u32>iy >= r.inHeight) fill(to, zero, length, wide);
    else {
      const from = r.x + ((<usize>n * r.inHeight + <usize>iy) * r.inWidth + <usize>skip) * channels;
      const start = to + ((<usize>left * held) << shift);
      fill(to, zero, <usize>left * held, wide);
      if (copies == 1) widen(start, from, <usize>inside * channels, wide, signBytes(r));
      else repeat(start, from, <usize>inside * channels, copies);
      fill(start + ((<usize>inside * held) << shift), zero, <usize>right * held, wide);
    }
    iy++;
    to += length << shift;
  }
}

/**
 * Whether inputs are to be 16-bit numbers: where the host's relaxed dot product does not take a second operand above 127 as unsigned, exactly.
 * Hosts keep one behaviour, so one product shows it: 4 · 127 · 255. `count`, below 2^31, keeps the compiler from knowing the operand.
 */
@inline
export function isWide(count: u32): bool {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const a = i8x16.splat(<i8>(127 - (count >> 31))),
      b = i8x16.splat(-1);
    return i32x4.extract_lane(i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, i32x4.splat(0)), 0) != 129540;
  }
  return ASC_FEATURE_SIMD;
}
