// `conv2d_s8` of images that are quantized at run time, into f32.
import { Conv2dInt8, ConvScaled } from '../records';
import { fillBand, isWide, lineLength, widen } from './band_s8';
import { biasesOf, runsOf, signBytes } from './finish_s8';
import { finishScaled, productOf, startImage } from './finish_scaled_s8';
import { panelSums } from './gemm_s8';

export function conv2d_scaled_s8(r: ConvScaled): void {
  const product = productOf(r);
  const wide = isWide(r.outChannels);
  if (r.matrix) store<u32>(runsOf(product), 0);
  else listRuns(r, product, wide);
  for (let n: u32 = 0; n < r.batch; n++) {
    startImage(r, product, n);
    if (r.matrix) matrixImage(r, product, n, wide);
    else image(r, product, n, wide);
  }
}

/** Whether a kernel row of the window is one run. */
@inline
function wholeRows(r: ConvScaled): bool {
  return r.dilationX == 1 && r.groups == 1;
}

function listRuns(r: ConvScaled, product: Conv2dInt8, wide: bool): void {
  const shift: usize = wide ? 1 : 0;
  const line = lineLength(product, r.inChannels) << shift;
  const across: usize = wholeRows(r) ? 1 : r.kernelWidth;
  let at = runsOf(product);
  for (let ky: usize = 0; ky < r.kernelHeight; ky++) {
    for (let kx: usize = 0; kx < across; kx++) {
      store<u32>(at, <u32>(ky * r.dilationY * line + ((kx * r.dilationX * r.inChannels) << shift)));
      at += 4;
    }
  }
}

function matrixImage(r: ConvScaled, product: Conv2dInt8, n: u32, wide: bool): void {
  const channels = <usize>r.inChannels,
    shift: usize = wide ? 1 : 0;
  const pixels = <usize>(r.outHeight * r.outWidth);
  for (let m: usize = 0; m < pixels; m += r.blockRows) {
    const rows = min<usize>(r.blockRows, pixels - m),
      first = <usize>n * pixels + m;
    widen(r.band, r.x + first * channels, rows * channels, wide, signBytes(product));
    const y = r.y + ((first * r.outChannels) << 2);
    panels(r, product, r.band, channels << shift, y, rows, 0, 1, channels, wide);
  }
}

function image(r: ConvScaled, product: Conv2dInt8, n: u32, wide: bool): void {
  const shift: usize = wide ? 1 : 0;
  const channels = <usize>(r.inChannels / r.groups);
  const line = lineLength(product, r.inChannels) << shift;
  const whole = wholeRows(r);
  const runs: usize = whole ? r.kernelHeight : r.kernelHeight * r.kernelWidth,
    length: usize = whole ? r.kernelWidth * channels : channels;
  for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
    const rows = min<u32>(r.blockRows, r.outHeight - oy);
    fillBand(product, n, oy, rows, wide, 1);
    for (let row: u32 = 0; row < rows; row++) {
      const y = r.y + ((<usize>((n * r.outHeight + oy + row) * r.outWidth) * r.outChannels) << 2);
      for (let g: usize = 0; g < r.groups; g++) {
        const band = r.band + row * r.strideY * line + ((g * channels) << shift);
        panels(r, product, band, (<usize>(r.strideX * r.inChannels)) << shift, y, r.outWidth, g, runs, length, wide);
      }
    }
  }
}

/** All columns of group g for `rows` pixels. */
function panels(
  r: ConvScaled,
  product: Conv2dInt8,
  x: usize,
  xStride: usize,
  y: usize,
  rows: usize,
  g: usize,
  runs: usize,
  length: usize,
  wide: bool,
): void {
  const columns = <usize>(r.outChannels / r.groups);
  const size = (runs * ((length + 3) >> 2)) << 5;
  let w = r.w + g * ((columns + 7) >> 3) * size;
  for (let n: usize = 0; n < columns; n += 8) {
    const channel = g * columns + n;
    panelSums(x, xStride, runsOf(product), runs, length, w, 0, biasesOf(product) + (channel << 2), r.sums, rows, wide);
    finishScaled(r, product, r.sums, y + (channel << 2), rows, min<usize>(8, columns - n), channel);
    w += size;
  }
}
