// Numbers of 16 bits, held as i32, and sums that need 64.
import { scaled, scaledDouble } from '../math/requantize';
import { Conv2dInt16, Rescale } from '../records';

/** y may be x. */
export function rescale_i32(r: Rescale): void {
  for (let i: usize = 0; i < r.length; i++) {
    const value = r.zero + scaled(load<i32>(r.x + (i << 2)), r.multiplier, r.shift, r.rounding);
    store<i32>(r.y + (i << 2), min<i32>(max<i32>(value, r.low), r.high));
  }
}

/** A sum of 64 bits by a multiplier of which 15 bits are kept (TFLite's MultiplyByQuantizedMultiplier of int64). */
@inline
function scaledWide(x: i64, multiplier: i32, shift: i32): i64 {
  const reduced: i64 = multiplier < 0x7fff0000 ? (multiplier + 32768) >> 16 : 0x7fff;
  const right = <i64>(15 - shift);
  return (x * reduced + ((<i64>1) << (right - 1))) >> right;
}

/** A sum of 64 bits by the whole multiplier, rounded once, ties up. */
@inline
function scaledOnce(x: i64, multiplier: i32, shift: i32): i64 {
  const right: i64 = 31 - shift;
  const half: i64 = (<i64>1) << (right - 1);
  return (x * <i64>multiplier + half) >> right;
}

/** The sum of one output: filter f at the window whose first input is (iy, ix) of image `x`. */
function sum(r: Conv2dInt16, x: usize, iy: i32, ix: i32, f: usize): i64 {
  const depth = r.inChannels / r.groups;
  const first = (f / (r.outChannels / r.groups)) * depth;
  let total: i64 = load<i32>(r.bias + (f << 2));
  for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
    const py = iy + <i32>(ky * r.dilationY);
    if (<u32>py >= r.inHeight) continue;
    for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
      const px = ix + <i32>(kx * r.dilationX);
      if (<u32>px >= r.inWidth) continue;
      let p = x + (((<usize>py * r.inWidth + <usize>px) * r.inChannels + first) << 2);
      let w = r.w + (ky * r.kernelWidth + kx) * depth * r.outChannels + f;
      for (let c: usize = 0; c < depth; c++) {
        total += <i64>(load<i32>(p) - r.xZero) * <i64>load<i8>(w);
        p += 4;
        w += r.outChannels;
      }
    }
  }
  return total;
}

/** NHWC convolution; outside of x are zeros. */
export function conv2d_s16(r: Conv2dInt16): void {
  let y = r.y;
  for (let n: usize = 0; n < r.batch; n++) {
    const x = r.x + ((n * r.inHeight * r.inWidth * r.inChannels) << 2);
    for (let oy: usize = 0; oy < r.outHeight; oy++) {
      const iy = <i32>(oy * r.strideY) - r.padTop;
      for (let ox: usize = 0; ox < r.outWidth; ox++) {
        const ix = <i32>(ox * r.strideX) - r.padLeft;
        for (let f: usize = 0; f < r.outChannels; f++) {
          const total = sum(r, x, iy, ix, f);
          const m = load<i32>(r.multiplier + (f << 2)),
            s = load<i32>(r.shift + (f << 2));
          let value: i64;
          if (r.rounding == 2) value = scaledWide(total, m, s);
          else if (r.rounding == 1) value = scaledOnce(total, m, s);
          else value = scaledDouble(<i32>total, m, s);
          store<i32>(y, <i32>min<i64>(max<i64>(value + r.yZero, r.low), r.high));
          y += 4;
        }
      }
    }
  }
}
