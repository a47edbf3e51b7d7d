// Convolution of 8-bit images as `conv2d_f32` does it: a band of input lines in scratch, whose windows the matrix product reads where they lie.
import { Conv2dInt8 } from '../records';
import { fillBand, isWide, lineLength, widen } from './band_s8';
import { biasesOf, EXACT, finish, prepare, runsOf, signBytes } from './finish_s8';
import { panelBytes, panelSums, widenPanel } from './gemm_s8';
import { packedPanel, packRows } from './packed_s8';

@inline
function isPointwise(r: Conv2dInt8): bool {
  return (
    r.kernelHeight == 1 &&
    r.kernelWidth == 1 &&
    r.strideY == 1 &&
    r.strideX == 1 &&
    r.padTop == 0 &&
    r.padLeft == 0 &&
    r.groups == 1 &&
    r.outHeight == r.inHeight &&
    r.outWidth == r.inWidth
  );
}

/** Whether a kernel row of the window is one run. */
@inline
function wholeRows(r: Conv2dInt8): bool {
  return r.dilationX == 1 && r.groups == 1;
}

/** Rows whose sums there is room for. */
const SUM_ROWS: usize = 12;

export function conv2d_s8(r: Conv2dInt8): void {
  const wide = isWide(r.outChannels);
  const shift: usize = wide ? 1 : 0;
  if (isPointwise(r)) {
    store<u32>(runsOf(r), 0);
    const channels = <usize>r.inChannels;
    const way = prepare(r, channels);
    const pixels = <usize>(r.batch * r.outHeight * r.outWidth);
    // The band has room for 16-bit inputs.
    const block = (<usize>r.blockRows) << (1 - shift);
    for (let m: usize = 0; m < pixels; m += block) {
      const rows = min<usize>(block, pixels - m);
      if (ASC_FEATURE_SIMD) {
        if (wide && r.pairs) {
          packedRows(r, way, m, rows, channels);
          continue;
        }
      }
      widen(r.band, r.x + m * channels, rows * channels, wide, signBytes(r));
      panels(r, way, r.band, channels << shift, r.y + m * r.outChannels, 1, 0, rows, 0, 1, channels, wide);
    }
    return;
  }
  const channels = <usize>(r.inChannels / r.groups);
  const line = lineLength(r, r.inChannels) << shift;
  const whole = wholeRows(r);
  const runs: usize = whole ? r.kernelHeight : r.kernelHeight * r.kernelWidth,
    length: usize = whole ? r.kernelWidth * channels : channels;
  const way = prepare(r, runs * ((length + 3) & ~3));
  const table = runsOf(r);
  for (let run: usize = 0; run < runs; run++) {
    const ky: usize = whole ? run : run / r.kernelWidth,
      kx: usize = whole ? 0 : run % r.kernelWidth;
    store<u32>(table + (run << 2), <u32>(ky * r.dilationY * line + ((kx * r.dilationX * r.inChannels) << shift)));
  }
  const xStride = (<usize>(r.strideX * r.inChannels)) << shift;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy += r.blockRows) {
      const lines = min<u32>(r.blockRows, r.outHeight - oy);
      fillBand(r, n, oy, lines, wide, 1);
      const y = r.y + <usize>((n * r.outHeight + oy) * r.outWidth * r.outChannels);
      for (let g: usize = 0; g < r.groups; g++)
        panels(r, way, r.band + ((g * channels) << shift), xStride, y, lines, r.strideY * line, r.outWidth, g, runs, length, wide);
    }
  }
}

/** All columns of `rows` rows of a matrix from row m on. */
function packedRows(r: Conv2dInt8, way: i32, m: usize, rows: usize, depth: usize): void {
  const columns = <usize>r.outChannels,
    size = ((depth + 3) & ~3) << 3;
  packRows(r.band, r.x + m * depth, rows, depth, signBytes(r));
  let w = r.w;
  for (let n: usize = 0; n < columns; n += 8) {
    widenPanel(w, r.pairs, 1, depth);
    packedPanel(r, way, r.band, depth, r.pairs, r.y + m * columns + n, rows, min<usize>(8, columns - n), n);
    w += size;
  }
}

/** All columns of group g, for `lines` lines of `rows` pixels; those of x are `xLine` bytes apart. */
function panels(
  r: Conv2dInt8,
  way: i32,
  x: usize,
  xStride: usize,
  y: usize,
  lines: usize,
  xLine: usize,
  rows: usize,
  g: usize,
  runs: usize,
  length: usize,
  wide: bool,
): void {
  const columns = <usize>(r.outChannels / r.groups);
  const size = (runs * ((length + 3) >> 2)) << 5;
  // Tiles are of four rows or more.
  const pairs: usize = wide && rows >= 4 ? r.pairs : 0;
  let w = r.w + g * ((columns + 7) >> 3) * size;
  for (let n: usize = 0; n < columns; n += 8) {
    if (ASC_FEATURE_SIMD) {
      if (pairs) widenPanel(w, pairs, runs, length);
    }
    for (let line: usize = 0; line < lines; line++) {
      const to = y + line * rows * r.outChannels + g * columns + n;
      panel(r, way, x + line * xLine, xStride, to, rows, runs, length, w, pairs, g * columns + n, min<usize>(8, columns - n), wide);
    }
    w += size;
  }
}

@inline
function sumRows(r: Conv2dInt8): usize {
  return min<usize>(SUM_ROWS, isPointwise(r) ? r.blockRows : r.outWidth);
}

@inline
function panel(
  r: Conv2dInt8,
  way: i32,
  x: usize,
  xStride: usize,
  y: usize,
  rows: usize,
  runs: usize,
  length: usize,
  w: usize,
  pairs: usize,
  channel: usize,
  columns: usize,
  wide: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    if (way != EXACT && columns == 8 && (wide ? pairs != 0 : rows >= 4))
      return panelBytes(r, way, x, xStride, runs, length, w, pairs, y, rows, channel, wide);
  }
  while (rows) {
    const part = min<usize>(rows, sumRows(r));
    panelSums(x, xStride, runsOf(r), runs, length, w, pairs, biasesOf(r) + (channel << 2), r.sums, part, wide);
    finish(r, way, r.sums, y, r.outChannels, part, columns, channel);
    x += part * xStride;
    y += part * r.outChannels;
    rows -= part;
  }
}
