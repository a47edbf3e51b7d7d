// Depthwise convolution of 8-bit images. The band holds `blockChannels` output channels of `blockRows` output rows: what fits a first-level cache, with
// little read twice. Sums are made of 8 channels and some rows at a time. A quad of weights is 4 taps of one kernel column (`packDepthwiseQuads`),
// so inputs are interleaved to quads too: four lines' numbers of a channel side by side.
import { Conv2dInt8, DepthwiseInt8 } from '../records';
import { isWide } from './band_s8';
import { skipping, sliding, wideSkipping, wideSliding } from './depthwise_3x3_s8';
import { fillBlock } from './depthwise_band_s8';
import { pairWindows, preparePairs, prepareQuads, quadWindows, scalarWindows } from './depthwise_windows_s8';
import { biasesOf, finish, prepare } from './finish_s8';

export function depthwise_conv2d_s8(r: DepthwiseInt8): void {
  if (r.outWidth == 0) return;
  // The record of a product, and two fields more.
  const product = changetype<Conv2dInt8>(r);
  const channels = <usize>r.outChannels,
    pixel = <usize>r.blockChannels;
  const line = <usize>((r.outWidth - 1) * r.strideX + (r.kernelWidth - 1) * r.dilationX + 1) * pixel;
  const weights = (<usize>(r.kernelWidth * ((r.kernelHeight + 3) >> 2))) << 5;
  const parts: u32 = r.rest ? 2 : 1;
  const way = prepare(product, <usize>(r.kernelHeight * r.kernelWidth * parts));
  // Sums of two weights take more than 8 bits.
  const wide = parts > 1 || isWide(r.outChannels);
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      for (let first: usize = 0; first < channels; first += pixel) {
        const last = min<usize>(first + pixel, channels);
        fillBlock(r, n, oy, rows, first, last - first, line);
        for (let c = first; c < last; c += 8) {
          const w = r.w + (c >> 3) * weights,
            columns = min<usize>(8, channels - c);
          for (let row: u32 = 0; row < rows; row += r.sumRows) {
            const count = min<u32>(r.sumRows, rows - row);
            const x = r.band + c - first + <usize>(row * r.strideY) * line,
              y = r.y + <usize>((n * r.outHeight + oy + row) * r.outWidth) * channels + c;
            sumsOf8(r, x, line, w, biasesOf(product) + (c << 2), columns > 4, count, wide);
            finish(product, way, r.sums, y, channels, count * r.outWidth, columns, c);
          }
        }
      }
    }
  }
}

/** The sums of some rows of output pixels, 8 channels. `both`: whether there are more than 4. */
@inline
export function sumsOf8(r: DepthwiseInt8, x: usize, line: usize, w: usize, bias: usize, both: bool, rows: u32, wide: bool): void {
  // From a block of weights to its second part.
  const rest = r.rest ? r.rest - r.w : 0;
  const pixel = <usize>r.blockChannels,
    down = r.strideY * line;
  if (ASC_FEATURE_SIMD) {
    if (r.kernelHeight <= 3 && r.kernelWidth == 3 && r.strideX <= 2 && r.dilationX == 1) {
      // Lines that are not there have weights of 0.
      const x1 = r.kernelHeight > 1 ? r.dilationY * line : 0,
        x2 = r.kernelHeight > 2 ? x1 << 1 : x1;
      if (ASC_FEATURE_RELAXED_SIMD) {
        if (!wide) {
          if (r.strideX == 1) sliding(x, x1, x2, pixel, w, bias, r.sums, r.outWidth, rows, down);
          else skipping(x, x1, x2, pixel, w, bias, r.sums, r.outWidth, rows, down);
          return;
        }
      }
      if (r.strideX == 1) {
        wideSliding(x, x1, x2, pixel, w, rest, bias, r.sums, r.outWidth, rows, down);
        if (both) wideSliding(x + 4, x1, x2, pixel, w + 16, rest, bias + 16, r.sums + 16, r.outWidth, rows, down);
      } else {
        wideSkipping(x, x1, x2, pixel, w, rest, bias, r.sums, r.outWidth, rows, down);
        if (both) wideSkipping(x + 4, x1, x2, pixel, w + 16, rest, bias + 16, r.sums + 16, r.outWidth, rows, down);
      }
      return;
    }
  }
  let sums = r.sums;
  if (ASC_FEATURE_SIMD) {
    if (wide) preparePairs(r, line, w, rest);
    else prepareQuads(r, line, w);
  }
  for (; rows; rows--) {
    if (!ASC_FEATURE_SIMD) scalarWindows(r, x, line, w, rest, bias, sums);
    else if (wide) pairWindows(r, x, bias, sums);
    else quadWindows(r, x, bias, sums);
    x += down;
    sums += r.outWidth << 5;
  }
}
