import { ThimbleError } from '../core/errors.ts';
import { INPUT_OFFSET, quadShape, unpackQuads } from '../core/quads.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Geometry } from '../kernels/geometry.ts';
import { pairedInt8Scratch, winogradInt8Scratch } from '../kernels/scratch.ts';
import { type Conv2dAttributes, conv2dDefaults, evenTiles, filterShape, geometryOf, isPointwise } from './conv2d.ts';
import { forEachTapPadded } from './convolution.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { expectFactors, expectRequantization, factorFields, type Requantization, requantization, requantized } from './requantize.ts';
import { type Address, type LowerContext, offsetBy } from './step.ts';

/** What all products of i8 share. */
export interface ProductInt8 extends Requantization {
  /** What padding holds: the zero point of x. */
  readonly xZero: number;
}

export const productInt8: ProductInt8 = { ...requantization, xZero: 0 };

/** Pieces of a window that are contiguous in the image: its rows, or its taps where dilation or groups put gaps between them. */
export const runsOf = ({ kernel, dilations, groups }: Conv2dAttributes): number =>
  dilations[1] === 1 && groups === 1 ? kernel[0] : kernel[0] * kernel[1];

/** The memory shape of the weights (`core/quads.ts`) of a convolution over `channels`. */
export const filterQuads = (channels: number, attrs: Conv2dAttributes): Shape =>
  quadShape(filterShape(channels, attrs), attrs.groups, runsOf(attrs));

/** Checks w, the bias and the factors of a product into `filters` channels. @throws SHAPE, DTYPE or UNSUPPORTED_ATTR. */
export function expectProduct(inputs: readonly TensorType[], w: Shape, filters: number, attrs: ProductInt8): void {
  const given = expectInput(inputs, 1, 'i8').shape;
  if (!sameShape(given, w)) {
    throw new ThimbleError('SHAPE', 'the weights do not fit', { expected: `quads ${formatShape(w)}`, got: formatShape(given) });
  }
  const bias = expectInput(inputs, 2, 'i32').shape;
  if (!sameShape(bias, [filters])) {
    throw new ThimbleError('SHAPE', 'the bias does not fit', { expected: formatShape([filters]), got: formatShape(bias) });
  }
  expectRequantization({ ...attrs, yZero: attrs.xZero });
  expectRequantization(attrs);
  expectFactors(inputs, 3, filters, attrs);
}

/** The sums of a convolution with row-major weights, started from the bias; they wrap as i32 do. */
export function sumsOf(g: Geometry, x: Float64Array, weights: Float64Array, bias: Float64Array, xZero: number): Float64Array {
  const sums = Float64Array.from(
    { length: g.batch * g.outHeight * g.outWidth * g.outChannels },
    (_, i) => bias[i % g.outChannels] as number,
  );
  forEachTapPadded(g, (xi, wi, yi) => {
    sums[yi] = (sums[yi] as number) + ((xi < 0 ? xZero : (x[xi] as number)) + INPUT_OFFSET) * (weights[wi] as number);
  });
  return sums.map((sum) => sum | 0);
}

/**
 * Channels for which tiles pay (of 16-bit products, measured on Node 24: 8 channels 1.1×, 16 0.8×, 64 0.57× the time), but for more their transformed
 * inputs would take more than 100 KB; and so many tiles as leave little to transforming weights.
 */
const TILED_CHANNELS = { least: 16, most: 128 };
const TILES = 16;

/** How many tiles a convolution of i8 takes at a time; 0: it is no matter of tiles. */
export function tilesInt8(g: Geometry): number {
  if (Math.min(g.inChannels, g.outChannels) < TILED_CHANNELS.least || g.inChannels > TILED_CHANNELS.most || g.inChannels % 8) return 0;
  return evenTiles(g, TILES);
}

/** A convolution in tiles. Windows, of hosts with products of 8 bits, have their scratch in the same place. */
function lowerTiles(ctx: LowerContext<ProductInt8>, g: Geometry, tiles: number): void {
  const { blockRows, band, sums, table, pairs } = pairedInt8Scratch(g, false, false);
  const sumsAt = Math.ceil(band / 16) * 16;
  const pairsAt = sumsAt + sums;
  const scratch = ctx.scratch(Math.max(winogradInt8Scratch(tiles, g.inChannels), pairsAt + pairs)) as Address;
  ctx.step('conv2d_s8_winograd', {
    x: ctx.in(0),
    w: ctx.in(1),
    bias: ctx.in(2),
    y: ctx.out(),
    band: scratch,
    sums: offsetBy(scratch, sumsAt),
    table: ctx.scratch(table),
    ...g,
    blockRows,
    xZero: ctx.attrs.xZero,
    ...factorFields(ctx, 3),
    pairs: pairs && offsetBy(scratch, pairsAt),
    tiles,
  });
}

/** A convolution: a matrix product where its pixels are rows. */
export function lowerConvolution(ctx: LowerContext<ProductInt8>, g: Geometry): void {
  const { blockRows, band, sums, table, pairs } = pairedInt8Scratch(g, isPointwise(g), ctx.small);
  ctx.step('conv2d_s8', {
    x: ctx.in(0),
    w: ctx.in(1),
    bias: ctx.in(2),
    y: ctx.out(),
    band: ctx.scratch(band),
    sums: ctx.scratch(sums),
    table: ctx.scratch(table),
    ...g,
    blockRows,
    xZero: ctx.attrs.xZero,
    ...factorFields(ctx, 3),
    pairs: pairs ? ctx.scratch(pairs) : 0,
  });
}

/**
 * `conv2d` of i8: y = requantized(bias[f] + Σ (x + 128) w), where padding holds xZero. Inputs: x [N, H, W, C], w in quads (`filterQuads`), bias i32
 * [filters] with the zero point of x folded in (`foldedBias`), then multiplier and shift (i32), or a scale (f32) with float rounding: of one
 * element or one a filter. Sums are i32.
 */
export const conv2dInt8: Op<Conv2dAttributes & ProductInt8> = defineOp<Conv2dAttributes & ProductInt8>({
  name: 'conv2dInt8',
  attrs: { ...conv2dDefaults, ...productInt8 },
  infer(inputs, attrs) {
    const g = geometryOf(expectInput(inputs, 0, 'i8').shape, attrs);
    expectProduct(inputs, filterQuads(g.inChannels, attrs), attrs.filters, attrs);
    return [{ dtype: 'i8', shape: [g.batch, g.outHeight, g.outWidth, attrs.filters] }];
  },
  ref([x, w, bias, ...factors], attrs) {
    const g = geometryOf((x as RefTensor).shape, attrs);
    const weights = unpackQuads((w as RefTensor).data, filterShape(g.inChannels, attrs), attrs.groups, runsOf(attrs));
    const sums = sumsOf(g, (x as RefTensor).data, weights, (bias as RefTensor).data, attrs.xZero);
    return [requantized(sums, attrs.filters, factors, attrs)];
  },
  lower(ctx) {
    const g = geometryOf((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const tiles = ctx.small ? 0 : tilesInt8(g);
    if (tiles) lowerTiles(ctx, g, tiles);
    else lowerConvolution(ctx, g);
  },
  grad: { none: 'it takes and gives whole numbers' },
  macs: ([x], attrs, [y]) =>
    sizeOf((y as TensorType).shape) * ((attrs.kernel[0] * attrs.kernel[1] * ((x as TensorType).shape[3] as number)) / attrs.groups),
  tolerance: 'exact',
});
