// Convolution of an image whose channels are planes (NCHW), as image models get them: their pixels are put side by side as the band is filled.
import { Conv2d } from '../records';
import { bandForward, lineBytes } from './conv2d_f32';
import { zeroRow } from './vector_f32';

/** x is [batch, inChannels, inHeight, inWidth]; all else as conv2d_f32, but never pointwise. */
export function conv2d_f32_planar(r: Conv2d): void {
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      fillBand(r, r.x + ((n * r.inChannels * r.inHeight * r.inWidth) << 2), oy, rows);
      bandForward(r, r.w, y, rows);
      y += (<usize>(rows * r.outWidth * r.outChannels)) << 2;
    }
  }
}

/** As of conv2d_f32, from the planes of one image. */
function fillBand(r: Conv2d, x: usize, oy: u32, rows: u32): void {
  const bytes = lineBytes(r);
  const lines = (rows - 1) * r.strideY + (r.kernelHeight - 1) * r.dilationY + 1;
  const channels = <usize>r.inChannels;
  const width = <i32>(bytes / (channels << 2));
  const left = min<i32>(max<i32>(r.padLeft, 0), width);
  const skip = max<i32>(-r.padLeft, 0);
  const inside = max<i32>(min<i32>(<i32>r.inWidth - skip, width - left), 0);
  const right = width - left - inside;
  const plane = (<usize>(r.inHeight * r.inWidth)) << 2;
  let iy = <i32>(oy * r.strideY) - r.padTop;
  let to = r.scratch;
  for (let i: u32 = 0; i < lines; i++) {
    if (<u32>iy >= r.inHeight) zeroRow(to, bytes >> 2);
    else {
      zeroRow(to, <usize>left * channels);
      interleave(x + ((<usize>iy * r.inWidth + skip) << 2), plane, to + ((<usize>left * channels) << 2), inside, channels);
      zeroRow(to + ((<usize>(left + inside) * channels) << 2), <usize>right * channels);
    }
    iy++;
    to += bytes;
  }
}

/** to[i, c] = the i-th of plane c, for `count` pixels. */
function interleave(from: usize, plane: usize, to: usize, count: usize, channels: usize): void {
  if (ASC_FEATURE_SIMD) {
    if (channels == 3) {
      for (; count >= 4; count -= 4) {
        const a = v128.load(from),
          b = v128.load(from + plane),
          c = v128.load(from + (plane << 1));
        const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5),
          high = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<f32>(low, c, 0, 1, 4, 2));
        v128.store(to, v128.shuffle<f32>(v128.shuffle<f32>(low, c, 3, 5, 3, 5), high, 0, 1, 4, 5), 16);
        v128.store(to, v128.shuffle<f32>(c, high, 2, 6, 7, 3), 32);
        from += 16;
        to += 48;
      }
    }
  }
  for (let c: usize = 0; c < channels; c++) {
    for (let i: usize = 0; i < count; i++) store<f32>(to + ((i * channels + c) << 2), load<f32>(from + c * plane + (i << 2)));
  }
}
