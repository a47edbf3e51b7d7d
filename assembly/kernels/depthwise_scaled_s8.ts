// `depthwise_conv2d_s8` of images that are quantized at run time, into f32.
import { ConvScaled, DepthwiseInt8 } from '../records';
import { isWide } from './band_s8';
import { fillBlock } from './depthwise_band_s8';
import { sumsOf8 } from './depthwise_s8';
import { biasesOf } from './finish_s8';
import { finishScaled, productOf, startImage } from './finish_scaled_s8';

export function depthwise_conv2d_scaled_s8(r: ConvScaled): void {
  if (r.outWidth == 0) return;
  const product = productOf(r);
  const d = changetype<DepthwiseInt8>(r.product);
  d.blockChannels = r.blockChannels;
  d.sumRows = r.sumRows;
  d.rest = r.rest;
  const channels = <usize>r.outChannels,
    pixel = <usize>r.blockChannels;
  const line = <usize>((r.outWidth - 1) * r.strideX + (r.kernelWidth - 1) * r.dilationX + 1) * pixel;
  const weights = (<usize>(r.kernelWidth * ((r.kernelHeight + 3) >> 2))) << 5;
  // Sums of two weights take more than 8 bits.
  const wide = r.rest != 0 || isWide(r.outChannels);
  for (let n: u32 = 0; n < r.batch; n++) {
    startImage(r, product, n);
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const rows = min<u32>(r.blockRows, r.outHeight - oy);
      for (let first: usize = 0; first < channels; first += pixel) {
        const last = min<usize>(first + pixel, channels);
        fillBlock(d, n, oy, rows, first, last - first, line);
        for (let c = first; c < last; c += 8) {
          const w = r.w + (c >> 3) * weights,
            columns = min<usize>(8, channels - c);
          for (let row: u32 = 0; row < rows; row += r.sumRows) {
            const count = min<u32>(r.sumRows, rows - row);
            const x = r.band + c - first + <usize>(row * r.strideY) * line,
              y = r.y + ((<usize>((n * r.outHeight + oy + row) * r.outWidth) * channels + c) << 2);
            sumsOf8(d, x, line, w, biasesOf(product) + (c << 2), columns > 4, count, wide);
            finishScaled(r, product, r.sums, y, count * r.outWidth, columns, c);
          }
        }
      }
    }
  }
}
