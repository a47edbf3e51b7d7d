import type { Geometry } from './geometry.ts';
import { int8Records } from './int8Records.ts';

/**
 * Bytes of scratch kernels need, from the numbers in their records. Kernels give the same bits in blocks of any size: with `small`, blocks are as
 * small as can be.
 */

/** `depthwise_conv2d_f32` and its gradients: the class `Correlation` of assembly/kernels/correlation.ts, rounded up to 16. */
export const depthwiseScratch = 160;

/** `matmul_f32_grad_input`: a panel of the transposed weights. */
export const matmulGradInputScratch = (columns: number): number => columns * 32;

/** `matmul_f32_batched`: the panels of b, and the rows of a where its elements are not neighbours. */
export const batchedMatmulScratch = (sizes: { rows: number; columns: number; depth: number; aColumn: number }): number =>
  Math.ceil(sizes.columns / 8) * sizes.depth * 32 + (sizes.aColumn === 1 ? 0 : sizes.rows * sizes.depth * 4);

/** Bytes that `conv2d_f32_winograd` keeps of a tile: its transformed inputs and the products with a panel. */
export const winogradTileBytes = (channels: number): number => (channels + 1) * 64 + 512;

/** `conv2d_f32_winograd`: `tiles` tiles, rounded up to fours, a panel of transformed weights, one tile's inputs with padding. */
export const winogradScratch = (tiles: number, channels: number): number =>
  Math.ceil(tiles / 4) * 4 * winogradTileBytes(channels) + channels * (512 + 64);

/** What the 8-bit convolutions keep at hand, in bytes, and the output rows (or pixels) at a time. */
export interface Int8Scratch {
  readonly blockRows: number;
  readonly band: number;
  readonly sums: number;
  readonly table: number;
}

/** Bytes of 16-bit inputs at hand: as little as keeps weights from being read too often, more where those do not fit into a first-level cache. */
const MATRIX_BYTES = 6144;
const LARGE_MATRIX_BYTES = 32768;
const LARGE_WEIGHTS = 65536;
const BAND_BYTES = 16384;
/** Rows of whole tiles: of four and of six. */
const TILE_ROWS = 12;
/** Rows of sums that `conv2d_s8` has at hand. */
const SUM_ROWS = 12;
/** Widening a panel costs as much as one or two rows of products: it is done for FEW_ROWS or more, for MANY_ROWS if they do not take too many bytes. */
const FEW_ROWS = 32;
const MANY_ROWS = 96;
const MANY_ROWS_BYTES = 98304;
/** Inputs are read in whole vectors: up to 14 bytes past the last. */
const SLACK = 16;

/** In the time of a product: to begin a line, and to fill in an element of it (measured). Lines that two bands share may take this share of the products' time. */
const LINE_TIME = 100;
const ELEMENT_TIME = 3;
const AGAIN_SHARE = 1 / 64;

/** A band of input lines: so many rows that what is filled in again for the next band takes little time, and that it takes at most `bytes`. */
function bands(g: Geometry, bytes: number): { blockRows: number; band: number } {
  const line = ((g.outWidth - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX + 1) * g.inChannels;
  const window = (g.kernelHeight - 1) * g.dilationY + 1;
  const products = g.outWidth * g.kernelHeight * g.kernelWidth * (g.inChannels / g.groups) * g.outChannels;
  const again = Math.max(0, window - g.strideY) * (LINE_TIME + line * ELEMENT_TIME);
  const fit = Math.floor((bytes / (2 * line) - window) / g.strideY) + 1;
  const blockRows = Math.max(1, Math.min(g.outHeight, fit, Math.ceil(again / AGAIN_SHARE / products)));
  return { blockRows, band: ((blockRows - 1) * g.strideY + window) * line * 2 + SLACK };
}

/** Constants, then biases and factors of all channels: three lists, read 8 at a time from any channel on. */
const factorBytes = (channels: number): number => 48 + (Math.ceil(channels / 8) * 8 + 8) * 12;

/** Pieces of a window that are contiguous in the band, and numbers in each: its rows, or its taps where dilation or groups put gaps between them. */
const runsOf = (g: Geometry): readonly [count: number, length: number] =>
  g.dilationX === 1 && g.groups === 1
    ? [g.kernelHeight, g.kernelWidth * g.inChannels]
    : [g.kernelHeight * g.kernelWidth, g.inChannels / g.groups];

/** `conv2d_scaled_s8`: `matrix` where it is a matrix product, whose rows are the pixels. */
export function int8Scratch(g: Geometry, matrix: boolean, small: boolean): Int8Scratch {
  const table = runsOf(g)[0] * 4 + factorBytes(g.outChannels);
  if (!matrix) return { ...bands(g, small ? 0 : BAND_BYTES), sums: g.outWidth * 32, table };
  const pixels = g.batch * g.outHeight * g.outWidth;
  const bytes = small ? 0 : g.inChannels * g.outChannels > LARGE_WEIGHTS ? LARGE_MATRIX_BYTES : MATRIX_BYTES;
  const blockRows = Math.min(pixels, Math.max(TILE_ROWS, rowsWithin(bytes, g.inChannels)));
  return { blockRows, band: blockRows * g.inChannels * 2 + SLACK, sums: blockRows * 32, table };
}

/** Rows of 16-bit numbers in whole tiles. */
const rowsWithin = (bytes: number, depth: number): number => Math.floor(bytes / (2 * Math.max(1, depth)) / TILE_ROWS) * TILE_ROWS;

/** Bytes of a panel of 16-bit weights: pairs of `runs` runs of `length`. */
const pairBytes = (runs: number, length: number): number => runs * Math.ceil(length / 2) * 32;

/** What `conv2d_s8` keeps at hand; pairs 0: no panel of 16-bit weights. */
export interface PairedInt8Scratch extends Int8Scratch {
  readonly pairs: number;
}

/** `conv2d_s8`, as `int8Scratch`. */
export function pairedInt8Scratch(g: Geometry, matrix: boolean, small: boolean): PairedInt8Scratch {
  const plain = int8Scratch(g, matrix, small);
  if (small) return { ...plain, sums: Math.min(matrix ? plain.blockRows : g.outWidth, SUM_ROWS) * 32, pairs: 0 };
  return matrix ? pairedMatrix(g, plain) : pairedWindows(g, plain);
}

function pairedMatrix(g: Geometry, { table }: Int8Scratch): PairedInt8Scratch {
  const few = Math.max(TILE_ROWS, rowsWithin(MATRIX_BYTES, g.inChannels));
  const rows = 2 * few >= MANY_ROWS ? few : Math.max(few, Math.min(MANY_ROWS, rowsWithin(MANY_ROWS_BYTES, g.inChannels)));
  const blockRows = Math.min(g.batch * g.outHeight * g.outWidth, rows);
  const sums = Math.min(blockRows, SUM_ROWS) * 32;
  const pairs = blockRows < FEW_ROWS ? 0 : pairBytes(1, g.inChannels);
  return { blockRows, band: blockRows * Math.ceil(g.inChannels / 2) * 4 + SLACK, sums, table, pairs };
}

/** A panel takes its place from the band and the sums. */
function pairedWindows(g: Geometry, plain: Int8Scratch): PairedInt8Scratch {
  const pairs = pairBytes(...runsOf(g));
  const sums = Math.min(g.outWidth, SUM_ROWS) * 32;
  const room = plain.band + plain.sums - sums - pairs;
  const least = bands(g, room - SLACK);
  const isPaired = g.outWidth >= 4 && least.band <= room && least.blockRows * g.outWidth >= FEW_ROWS;
  return isPaired ? { ...plain, ...least, sums, pairs } : { ...plain, sums, pairs: 0 };
}

/**
 * `conv2d_s8_winograd`, from its band on: in 16 positions, 16 bytes past their ends, `tiles` tiles of transformed inputs, rounded up to fours, and a panel
 * of transformed weights; products and sums of 4 tiles; one tile's inputs with padding.
 */
export const winogradInt8Scratch = (tiles: number, channels: number): number =>
  16 * (Math.ceil(tiles / 4) * 8 * channels + 16 + channels * 16 + 16) + 2048 + 512 + channels * 16;

/** Bytes of the band of `depthwise_conv2d_s8`: of whole images; of rows, unless one of 16 channels takes more. Pixels whose sums are at hand. */
const IMAGE_BYTES = 8192;
const BLOCK_BYTES = 12288;
const SUM_PIXELS = 128;
/** In small networks, where scratch weighs most, sums take at most this part of the output's bytes: 2 KB less of DS-CNN's 29, in 1 % more time (measured). */
const SUM_SHARE = 4;
/** Two taps: their weights of 8 channels in 16 bits, and where they are. */
const PAIR_BYTES = 40;
/** Four taps: the same, in 8 bits. */
const QUAD_BYTES = 48;

/** What `depthwise_conv2d_s8` keeps at hand, in bytes, and how many channels and rows at a time. */
export interface DepthwiseInt8Scratch extends Int8Scratch {
  readonly blockChannels: number;
  readonly sumRows: number;
}

/**
 * `depthwise_conv2d_s8`, whose band holds 8-bit numbers, one for each output channel: as many channels as leave room for the whole image, or 32 (half a
 * cache line), or 16 where less than two rows of 32 fit; 16 for a single pixel, whose steps would otherwise take more than its sums. Windows 3 wide have
 * loops of their own; others are steps of two taps or four, behind the sums.
 */
export function depthwiseInt8Scratch(g: Geometry, small: boolean): DepthwiseInt8Scratch {
  const width = (g.outWidth - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX + 1;
  const window = (g.kernelHeight - 1) * g.dilationY + 1;
  const rowsOf = (channels: number) =>
    Math.max(1, Math.min(g.outHeight, Math.floor((BLOCK_BYTES / (width * channels) - window) / g.strideY) + 1));
  const whole = ((g.outHeight - 1) * g.strideY + window) * width;
  const fit = whole * g.outChannels <= IMAGE_BYTES ? g.outChannels : Math.floor(IMAGE_BYTES / whole / 32) * 32;
  const hasLoops = g.kernelHeight <= 3 && g.kernelWidth === 3 && g.strideX <= 2 && g.dilationX === 1;
  const isPixel = !hasLoops && g.outHeight * g.outWidth === 1;
  const blockChannels = Math.min(g.outChannels, small ? 8 : isPixel ? 16 : fit || (rowsOf(32) > 1 ? 32 : 16));
  const blockRows = small ? 1 : rowsOf(blockChannels);
  const taps = g.kernelHeight * g.kernelWidth;
  const steps = hasLoops ? 0 : Math.max(Math.ceil(taps / 2) * PAIR_BYTES, Math.ceil(taps / 4) * QUAD_BYTES);
  const sumBytes = Math.min(SUM_PIXELS * 32 - steps, (g.outHeight * g.outWidth * g.outChannels) / SUM_SHARE);
  const sumRows = Math.min(blockRows, Math.max(1, Math.floor(sumBytes / (Math.max(1, g.outWidth) * 32))));
  const band = ((blockRows - 1) * g.strideY + window) * width * blockChannels + SLACK;
  return { blockRows, blockChannels, sumRows, band, sums: sumRows * g.outWidth * 32 + steps, table: factorBytes(g.outChannels) };
}

/** `conv2d_scaled_s8` and its depthwise form: the record of the product, 4 bytes a field, and a factor. */
export const scaledProductScratch = (Object.keys(int8Records.DepthwiseInt8).length + 1) * 4;

/** `matmul_s8_batched`, whose rows of a are those of `linear_dynamic_s8`; sums: 16 bytes of zero points twice, a total a row, sums of a panel. */
export function matmulInt8Scratch(rows: number, columns: number, depth: number, small: boolean) {
  const { blockRows, band } = dynamicInt8Scratch(rows, depth, small);
  const panels = Math.ceil(columns / 8);
  return {
    blockRows,
    band,
    sums: 32 + Math.ceil(blockRows / 4) * 16 + blockRows * 32,
    panels: panels * Math.ceil(depth / 4) * 32,
    biases: panels * 32,
    table: factorBytes(columns) + 4,
    product: Object.keys(int8Records.Conv2dInt8).length * 4,
  };
}

/** `add_s8` and `mul_s8`: constants, 8 numbers of each operand, and more constants. */
export const binaryInt8Scratch = 80;

/** `linear_weights_f32`: a constant, and of each row the sums and units of `count` runs and 16-bit numbers of `length` in each. Rows are few or go in fours. */
export function linearWeightsScratch(
  rows: number,
  length: number,
  count: number,
  small: boolean,
): { readonly blockRows: number; readonly bytes: number } {
  const rowBytes = Math.ceil(count / 4) * 32 + length * count * 2;
  const fit = small ? 4 : Math.max(4, Math.floor(LARGE_MATRIX_BYTES / Math.max(1, rowBytes) / 4) * 4);
  const blockRows = rows < 4 ? 1 : Math.min(rows, fit);
  return { blockRows, bytes: 16 + blockRows * rowBytes };
}

/** `linear_dynamic_s8`: rows of 16-bit numbers; a word, scale and zero point of each row of a block, its sums. */
export function dynamicInt8Scratch(rows: number, depth: number, small: boolean): Omit<Int8Scratch, 'table'> {
  const fit = Math.floor(LARGE_MATRIX_BYTES / (2 * Math.max(1, depth)) / 4) * 4;
  const blockRows = Math.max(1, Math.min(rows, small ? 4 : Math.max(8, fit)));
  return { blockRows, band: blockRows * depth * 2 + SLACK, sums: 16 + 2 * Math.ceil(blockRows / 4) * 16 + blockRows * 32 };
}

/** `linear_scaled_s8`: as `dynamicInt8Scratch`; a word, 16 bytes of signs, a total a row, a bias a column, sums. */
export function scaledInt8Scratch(rows: number, depth: number, columns: number, small: boolean): Omit<Int8Scratch, 'table'> {
  const { blockRows, band } = dynamicInt8Scratch(rows, depth, small);
  return { blockRows, band, sums: 32 + Math.ceil(blockRows / 4) * 16 + Math.ceil(columns / 8) * 32 + blockRows * 32 };
}

/** `lstm_s8`: gates in 16 bits, read 8 at a time; cells and h of the last 8 units. */
export const lstmInt8Scratch = (gates: number): number => gates * 2 + 16 + 40;

/** `conv2d_s16`: totals of 4 pixels by 8 filters and a factor a filter, in f64; the windows of the pixels in 16 bits, unless a channel has its own filter. */
export const conv2dInt16Scratch = ({ kernelHeight, kernelWidth, inChannels, outChannels, groups }: Geometry): number =>
  outChannels < 8 ? 0 : 256 + outChannels * 8 + (groups > 1 ? 0 : Math.ceil((kernelHeight * kernelWidth * inChannels) / 2) * 16);
