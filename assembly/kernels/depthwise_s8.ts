// Depthwise convolution of 8-bit images, 8 output channels at a time. Weights: `packDepthwiseQuads`.
import { Conv2dInt8 } from '../records';
import { fillBand, lineLength } from './band_s8';
import { finish } from './finish_s8';

export function depthwise_conv2d_s8(r: Conv2dInt8): void {
  const line = lineLength(r);
  const blockBytes = (<usize>(r.kernelWidth * ((r.kernelHeight + 3) >> 2))) << 5;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      fillBand(r, n, oy, rows, false);
      for (let row: u32 = 0; row < rows; row++) {
        const y = r.y + <usize>((n * r.outHeight + oy + row) * r.outWidth * r.outChannels);
        const band = r.band + row * r.strideY * line;
        let w = r.w;
        for (let c: usize = 0; c < r.outChannels; c += 8) {
          const columns = min<usize>(8, r.outChannels - c);
          rowSums(r, band, line, w, c, columns);
          finish(r, r.sums, y + c, r.outChannels, r.outWidth, columns, c);
          w += blockBytes;
        }
      }
    }
  }
}

/** One row of output pixels. */
function rowSums(r: Conv2dInt8, band: usize, line: usize, w: usize, first: usize, columns: usize): void {
  const perChannel = <usize>(r.outChannels / r.inChannels);
  let sums = r.sums;
  for (let ox: usize = 0; ox < r.outWidth; ox++) {
    for (let c: usize = 0; c < columns; c++) {
      store<i32>(sums + (c << 2), window(r, band + ox * r.strideX * r.inChannels + (first + c) / perChannel, line, w + (c << 2)));
    }
    sums += 32;
  }
}

function window(r: Conv2dInt8, x: usize, line: usize, w: usize): i32 {
  const quads = <usize>((r.kernelHeight + 3) >> 2);
  let sum = 0;
  for (let kx: usize = 0; kx < r.kernelWidth; kx++) {
    let p = x + kx * r.dilationX * r.inChannels;
    for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
      sum += <i32>load<u8>(p) * <i32>load<i8>(w + ((ky >> 2) << 5) + (ky & 3));
      p += r.dilationY * line;
    }
    w += quads << 5;
  }
  return sum;
}
