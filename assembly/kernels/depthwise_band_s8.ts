// What `depthwise_conv2d_s8` reads: lines of some output channels' inputs with their padding, as unsigned numbers (x + 128), in scratch.
import { Conv2dInt8, DepthwiseInt8 } from '../records';
import { pad } from './band_s8';
import { signBytes } from './finish_s8';

/**
 * Fills the band for output rows oy … oy + rows - 1 of image n and `held` output channels from `first` on: (rows - 1) strideY + (kernelHeight - 1)
 * dilationY + 1 lines of `line` bytes, whose pixels are `blockChannels` bytes apart.
 */
export function fillBlock(r: DepthwiseInt8, n: u32, oy: u32, rows: u32, first: usize, held: usize, line: usize): void {
  const channels = <usize>r.inChannels,
    pixel = <usize>r.blockChannels;
  const lines = (rows - 1) * r.strideY + (r.kernelHeight - 1) * r.dilationY + 1;
  const width = <i32>(line / pixel);
  const left = min<i32>(max<i32>(r.padLeft, 0), width),
    skip = max<i32>(-r.padLeft, 0);
  const inside = max<i32>(min<i32>(<i32>r.inWidth - skip, width - left), 0);
  const start = <usize>left * pixel,
    end = start + <usize>inside * pixel;
  const sign = signBytes(changetype<Conv2dInt8>(r)),
    copies = <usize>(r.outChannels / r.inChannels),
    whole = held == channels && held == pixel && copies == 1,
    zero = r.xZero + 128;
  let iy = <i32>(oy * r.strideY) - r.padTop;
  let to = r.band;
  for (let i: u32 = 0; i < lines; i++) {
    if (<u32>iy >= r.inHeight) pad<u8>(to, line, zero);
    else {
      const x = r.x + ((<usize>n * r.inHeight + <usize>iy) * r.inWidth + <usize>skip) * channels;
      pad<u8>(to, start, zero);
      if (whole) run(to + start, x, end - start, sign);
      else if (copies > 1) repeat(to + start, pixel, x, channels, <usize>inside, first, held, copies);
      else pixels(to + start, pixel, x + first, channels, <usize>inside, held, sign);
      pad<u8>(to + end, line - end, zero);
    }
    iy++;
    to += line;
  }
}

/** Neighbouring bytes. */
@inline
function run(to: usize, x: usize, count: usize, sign: usize): void {
  const whole = count & ~31;
  pixels(to, 32, x, 32, count >> 5, 32, sign);
  pixels(to + whole, 0, x + whole, 0, 1, count & 31, sign);
}

/** The first `held` channels of `count` pixels. */
function pixels(to: usize, toStride: usize, x: usize, stride: usize, count: usize, held: usize, sign: usize): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 32 <= held; c += 32) columns32(to + c, toStride, x + c, stride, count, sign);
    for (; c + 16 <= held; c += 16) columns16(to + c, toStride, x + c, stride, count, sign);
  }
  if (c < held) columns(to + c, toStride, x + c, stride, count, held - c);
}

function columns32(to: usize, toStride: usize, x: usize, stride: usize, count: usize, sign: usize): void {
  const flip = v128.load(sign);
  for (; count; count--) {
    v128.store(to, v128.xor(v128.load(x), flip));
    v128.store(to, v128.xor(v128.load(x, 16), flip), 16);
    x += stride;
    to += toStride;
  }
}

function columns16(to: usize, toStride: usize, x: usize, stride: usize, count: usize, sign: usize): void {
  const flip = v128.load(sign);
  for (; count; count--) {
    v128.store(to, v128.xor(v128.load(x), flip));
    x += stride;
    to += toStride;
  }
}

function columns(to: usize, toStride: usize, x: usize, stride: usize, count: usize, held: usize): void {
  for (; count; count--) {
    let c: usize = 0;
    for (; c + 8 <= held; c += 8) store<u64>(to + c, load<u64>(x + c) ^ 0x8080808080808080);
    for (; c < held; c++) store<u8>(to + c, load<u8>(x + c) ^ 128);
    x += stride;
    to += toStride;
  }
}

/** With a multiplier: output channel c has input channel c / copies. */
function repeat(to: usize, toStride: usize, x: usize, stride: usize, count: usize, first: usize, held: usize, copies: usize): void {
  const from = first / copies,
    done = first % copies;
  for (; count; count--) {
    let p = x + from,
      left = copies - done,
      value = load<u8>(p) ^ 128;
    for (let c: usize = 0; c < held; c++) {
      if (left == 0) {
        p++;
        left = copies;
        value = load<u8>(p) ^ 128;
      }
      store<u8>(to + c, value);
      left--;
    }
    x += stride;
    to += toStride;
  }
}
