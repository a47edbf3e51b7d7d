import { ThimbleError } from '../core/errors.ts';
import { packPanels, panelShape, unpackPanels } from '../core/panels.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import type { Geometry } from '../kernels/geometry.ts';
import { winogradScratch, winogradTileBytes } from '../kernels/scratch.ts';
import { forEachTap, geometry } from './convolution.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import {
  type Epilogue,
  endSums,
  epilogueFields,
  epilogueGrad,
  expectEpilogue,
  finish,
  type Limits,
  noEpilogue,
  type Order,
  plain,
  residualInplace,
  unlimited,
} from './epilogue.ts';
import type { Address, LowerContext } from './step.ts';
import { nhwc, type WindowAttributes, windowDefaults, windowOf } from './window.ts';

export interface Conv2dAttributes extends WindowAttributes {
  readonly kernel: readonly [number, number];
  readonly groups: number;
  /** Output channels. */
  readonly filters: number;
}

export const conv2dDefaults: Conv2dAttributes = { ...windowDefaults, kernel: [1, 1], groups: 1, filters: 1 };

/** The logical shape of the weights: [kernelHeight, kernelWidth, channels of a group, filters]. */
export const filterShape = (channels: number, { kernel, groups, filters }: Conv2dAttributes): Shape => [
  ...kernel,
  channels / groups,
  filters,
];

/** The convolution of NHWC images of shape `input` in numbers. @throws SHAPE where groups do not divide the channels. */
export function geometryOf(input: Shape, attrs: Conv2dAttributes): Geometry {
  const { channels, height, width } = nhwc(input);
  if (channels % attrs.groups || attrs.filters % attrs.groups) {
    throw new ThimbleError('SHAPE', `groups ${attrs.groups} does not divide ${channels} input channels and ${attrs.filters} filters`);
  }
  return geometry(input, attrs, attrs.filters, windowOf(height, width, attrs.kernel, attrs));
}

/** Bytes of input lines, or of gathered columns, that the kernels keep at hand: half of a 32 KB first-level cache. */
const BLOCK_BYTES = 16384;

/** Whether it is a matrix product as it is. */
export const isPointwise = (g: Geometry): boolean =>
  g.kernelHeight * g.kernelWidth * g.strideY * g.strideX * g.groups === 1 &&
  g.padTop === 0 &&
  g.padLeft === 0 &&
  g.inHeight === g.outHeight &&
  g.inWidth === g.outWidth;

const lineBytes = (g: Geometry): number => ((g.outWidth - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX + 1) * g.inChannels * 4;

/** Bytes of the input lines of `rows` output rows, padding included. */
const bandBytes = (g: Geometry, rows: number): number => ((rows - 1) * g.strideY + (g.kernelHeight - 1) * g.dilationY + 1) * lineBytes(g);

/** Output rows at a time and the bytes of the input lines they read; `small`: one row. */
export function band(g: Geometry, small: boolean): { blockRows: number; bytes: number } {
  if (isPointwise(g)) return { blockRows: 0, bytes: 0 };
  const window = (g.kernelHeight - 1) * g.dilationY + 1;
  const fit = small ? 1 : Math.floor((BLOCK_BYTES / lineBytes(g) - window) / g.strideY) + 1;
  const blockRows = Math.max(1, Math.min(g.outHeight, fit));
  return { blockRows, bytes: bandBytes(g, blockRows) };
}

/** Fewest channels, in and out, for which the transformations of tiles pay (measured: 4 channels 1.15×, 8 0.85×, 64 0.6× the time). */
const TILED_CHANNELS = 8;
/** Bytes of transformed tiles at hand: as many as a first-level cache has, unless the tiles are so large that these are fewer than 16. */
const TILES_BYTES = 32768;

/**
 * Tiles of 2×2 output pixels, at most `most` of them, to compute at a time, where 16 products a tile (rounded up to 4 tiles) and their transformations
 * take less than 9 products a pixel, else 0. Weights are transformed anew for each block of tiles: at 16 tiles that takes an eighth of the time of
 * the products.
 */
export function evenTiles(g: Geometry, most: number): number {
  if (g.kernelHeight !== 3 || g.kernelWidth !== 3 || g.strideY * g.strideX * g.dilationY * g.dilationX * g.groups !== 1) return 0;
  const tiles = g.batch * Math.ceil(g.outHeight / 2) * Math.ceil(g.outWidth / 2);
  if (Math.ceil(tiles / 4) * 4 * 16 > g.batch * g.outHeight * g.outWidth * 9 * 0.7) return 0;
  const blocks = Math.ceil(tiles / most);
  return Math.ceil(tiles / blocks / 4) * 4;
}

/** Tiles at a time of `conv2d_f32_winograd`, or 0. */
export function tilesAtATime(g: Geometry): number {
  if (Math.min(g.inChannels, g.outChannels) < TILED_CHANNELS) return 0;
  return evenTiles(g, Math.max(16, Math.floor(TILES_BYTES / winogradTileBytes(g.inChannels) / 4) * 4));
}

/** Widest output rows that go side by side into one matrix product: tiles of it take 4 to 6 pixels (measured: 6 wide 0.9×, 8 wide 1.0× the time). */
const NARROW = 6;

/** Windows that are copied side by side, and the bytes of that with the band they come from. */
function columns(g: Geometry, small: boolean): { blockRows: number; bytes: number } | undefined {
  if (g.outWidth > NARROW || g.outHeight * g.outWidth < 4 || g.groups * g.dilationX !== 1 || isPointwise(g)) return undefined;
  const rowBytes = g.outWidth * g.kernelHeight * g.kernelWidth * g.inChannels * 4;
  const blockRows = small ? 1 : Math.min(g.outHeight, Math.max(Math.ceil(24 / g.outWidth), Math.floor(BLOCK_BYTES / rowBytes)));
  return { blockRows, bytes: bandBytes(g, blockRows) + blockRows * rowBytes + 32 };
}

/** An image one pixel wide, without padding at its sides, as one of one pixel height: the same bytes, and rows as long as can be. */
const laidDown = (g: Geometry): Geometry =>
  g.inWidth * g.outWidth * g.kernelWidth !== 1 || g.padLeft !== 0
    ? g
    : {
        ...g,
        inHeight: 1,
        inWidth: g.inHeight,
        outHeight: 1,
        outWidth: g.outHeight,
        kernelHeight: 1,
        kernelWidth: g.kernelHeight,
        strideY: 1,
        strideX: g.strideY,
        dilationY: 1,
        dilationX: g.dilationY,
        padTop: 0,
        padLeft: g.padTop,
      };

/** The step that writes output 0 from input 0 with weights at `w`. */
function correlate(ctx: LowerContext<Limits & Partial<Order>>, given: Geometry, w: Address | 0): void {
  const g = laidDown(given);
  const { ordered = false } = ctx.attrs;
  const epilogue = epilogueFields(ctx);
  const fields = { ...g, x: ctx.in(0), w, y: ctx.out(), ...(ordered ? noEpilogue : epilogue) };
  const most = ordered ? 0 : tilesAtATime(g);
  const tiles = ctx.small ? Math.min(4, most) : most;
  const block = columns(g, ctx.small);
  if (tiles) {
    ctx.step('conv2d_f32_winograd', { ...fields, scratch: ctx.scratch(winogradScratch(tiles, g.inChannels)), blockRows: tiles });
  } else if (block) {
    ctx.step('conv2d_f32_columns', { ...fields, scratch: ctx.scratch(block.bytes), blockRows: block.blockRows });
  } else {
    const { blockRows, bytes } = band(g, ctx.small);
    ctx.step('conv2d_f32', { ...fields, scratch: ctx.scratch(bytes), blockRows });
  }
  if (ordered) endSums(ctx, { y: ctx.out(), rows: g.batch * g.outHeight * g.outWidth, columns: g.outChannels, ...epilogue });
}

/**
 * Cross-correlation over NHWC: y[n, oy, ox, f] = bias[f] + Σ x[n, oy·s + ky·d - pad, …, c] w[ky, kx, c, f].
 * Inputs: x [N, H, W, C], w in panels per group (logical shape `filterShape`), optionally bias [filters] and what `Epilogue` says.
 */
export const conv2d: Op<Conv2dAttributes & Epilogue & Order> = defineOp<Conv2dAttributes & Epilogue & Order>({
  name: 'conv2d',
  attrs: { ...conv2dDefaults, ...plain, ordered: false },
  infer(inputs, attrs) {
    const { shape } = expectInput(inputs, 0);
    const g = geometryOf(shape, attrs);
    const panels = panelShape(filterShape(g.inChannels, attrs), attrs.groups);
    const given = expectInput(inputs, 1, 'f32', 4).shape;
    if (!sameShape(given, panels))
      throw new ThimbleError('SHAPE', 'the weights do not fit', { expected: `panels ${formatShape(panels)}`, got: formatShape(given) });
    const y: TensorType = { dtype: 'f32', shape: [g.batch, g.outHeight, g.outWidth, attrs.filters] };
    expectEpilogue(inputs, attrs, y);
    return [y];
  },
  ref(inputs, attrs, [out]) {
    const [x, w] = inputs;
    const g = geometryOf((x as RefTensor).shape, attrs);
    const weights = unpackPanels((w as RefTensor).data, filterShape(g.inChannels, attrs), attrs.groups);
    const y = new Float64Array(sizeOf((out as TensorType).shape));
    forEachTap(g, (xi, wi, yi) => {
      y[yi] = (y[yi] as number) + ((x as RefTensor).data[xi] as number) * (weights[wi] as number);
    });
    return [finish(y, inputs, attrs)];
  },
  lower(ctx) {
    const g = geometryOf((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    correlate(ctx, g, ctx.in(1));
  },
  grad(node, [given]) {
    const { inputs, wants } = node;
    const { low: _low, high: _high, residual: _residual, ordered: _ordered, ...attrs } = node.attrs;
    const [x, w] = inputs as [Value, Value];
    const { dy, rest } = epilogueGrad(node, given as Value);
    const { height, width, channels } = nhwc(x.shape);
    return [
      wants[0] ? conv2dGradInput([dy, w], { ...attrs, input: [height, width, channels] }) : null,
      wants[1] ? conv2dGradWeight([x, dy], attrs) : null,
      ...rest,
    ];
  },
  // With groups or dilation sums grow in y tap row by tap row, before the residual is read.
  inplace: (node) => (node.attrs.groups === 1 && node.attrs.dilations[1] === 1 ? residualInplace(node) : []),
  macs: ([x], attrs) => convolutionMacs(geometryOf((x as TensorType).shape, attrs)),
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

const convolutionMacs = (g: Geometry): number =>
  g.batch * g.outHeight * g.outWidth * g.outChannels * ((g.kernelHeight * g.kernelWidth * g.inChannels) / g.groups);

export interface Conv2dGradInputAttributes extends Conv2dAttributes, Limits {
  /** Height, width and channels of dx. */
  readonly input: readonly [number, number, number];
}

/** Whether dx is a convolution of dy with turned weights, which needs no columns scattered. */
const isTurnable = (g: Geometry): boolean => !isPointwise(g) && g.strideY * g.strideX * g.dilationY * g.dilationX * g.groups === 1;

/** The convolution that computes dx from dy: input and output change places. */
const turned = (g: Geometry): Geometry => ({
  ...g,
  inHeight: g.outHeight,
  inWidth: g.outWidth,
  inChannels: g.outChannels,
  outHeight: g.inHeight,
  outWidth: g.inWidth,
  outChannels: g.inChannels,
  padTop: g.kernelHeight - 1 - g.padTop,
  padLeft: g.kernelWidth - 1 - g.padLeft,
});

/** Transposed weights of one group, then a block of columns. */
function columnsScratch(g: Geometry, small: boolean): { bytes: number; blockRows: number } {
  const depth = (g.kernelHeight * g.kernelWidth * g.inChannels) / g.groups;
  const weights = Math.ceil(depth / 8) * 8 * (g.outChannels / g.groups) * 4;
  if (isPointwise(g)) return { blockRows: 0, bytes: weights };
  const pixels = g.batch * g.outHeight * g.outWidth;
  const fit = small ? 4 : Math.max(4, Math.floor(BLOCK_BYTES / (4 * depth) / 4) * 4);
  const blockRows = Math.min(fit, Math.max(1, pixels));
  return { blockRows, bytes: weights + blockRows * depth * 4 };
}

/**
 * dx of conv2d from dy and w; with a third input, bias [input channels], it is the forward pass of a transposed convolution.
 */
export const conv2dGradInput: Op<Conv2dGradInputAttributes> = defineOp<Conv2dGradInputAttributes>({
  name: 'conv2dGradInput',
  attrs: { ...conv2dDefaults, ...unlimited, input: [1, 1, 1] },
  infer(inputs, attrs) {
    const dy = expectInput(inputs, 0, 'f32', 4).shape;
    const shape = [dy[0] as number, ...attrs.input];
    const g = geometryOf(shape, attrs);
    const expected = [g.batch, g.outHeight, g.outWidth, attrs.filters];
    if (!sameShape(dy, expected))
      throw new ThimbleError('SHAPE', 'dy is not an output of this convolution', { expected: formatShape(expected), got: formatShape(dy) });
    expectEpilogue(inputs, attrs, { dtype: 'f32', shape });
    return [{ dtype: 'f32', shape }];
  },
  ref(inputs, attrs, [out]) {
    const [dy, w] = inputs;
    const { shape } = out as TensorType;
    const g = geometryOf(shape, attrs);
    const weights = unpackPanels((w as RefTensor).data, filterShape(g.inChannels, attrs), attrs.groups);
    const dx = new Float64Array(sizeOf(shape));
    forEachTap(g, (xi, wi, yi) => {
      dx[xi] = (dx[xi] as number) + ((dy as RefTensor).data[yi] as number) * (weights[wi] as number);
    });
    return [finish(dx, inputs, attrs)];
  },
  lower(ctx) {
    const g = geometryOf((ctx.outputs[0] as TensorType).shape, ctx.attrs);
    if (isTurnable(g)) {
      const t = turned(g);
      const w = ctx.scratch(Math.ceil(t.outChannels / 8) * 8 * t.kernelHeight * t.kernelWidth * t.inChannels * 4);
      ctx.step('conv2d_f32_flip_weights', { ...t, x: ctx.in(1), w, bias: 0, residual: 0, y: 0, scratch: 0, blockRows: 0, ...unlimited });
      correlate(ctx, t, w);
      return;
    }
    const { bytes, blockRows } = columnsScratch(g, ctx.small);
    ctx.step('conv2d_f32_grad_input', {
      ...g,
      x: ctx.out(),
      w: ctx.in(1),
      y: ctx.in(0),
      scratch: ctx.scratch(bytes),
      blockRows,
      ...epilogueFields(ctx),
    });
  },
  grad(node, [given]) {
    const { inputs, wants } = node;
    const [dy, w] = inputs as [Value, Value];
    const { input: _input, low: _low, high: _high, ...convolution } = node.attrs;
    const { dy: g, rest } = epilogueGrad(node, given as Value);
    return [wants[0] ? conv2d([g, w], convolution) : null, wants[1] ? conv2dGradWeight([g, dy], convolution) : null, ...rest];
  },
  macs: (_, attrs, [dx]) => convolutionMacs(geometryOf((dx as TensorType).shape, attrs)),
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

/** dw of conv2d in panels, from x and dy. */
export const conv2dGradWeight: Op<Conv2dAttributes> = defineOp<Conv2dAttributes>({
  name: 'conv2dGradWeight',
  attrs: conv2dDefaults,
  infer(inputs, attrs) {
    const { channels } = nhwc(expectInput(inputs, 0).shape);
    return [{ dtype: 'f32', shape: panelShape(filterShape(channels, attrs), attrs.groups) }];
  },
  ref([x, dy], attrs) {
    const g = geometryOf((x as RefTensor).shape, attrs);
    const shape = filterShape(g.inChannels, attrs);
    const dw = new Float64Array(sizeOf(shape));
    forEachTap(g, (xi, wi, yi) => {
      dw[wi] = (dw[wi] as number) + ((x as RefTensor).data[xi] as number) * ((dy as RefTensor).data[yi] as number);
    });
    return [packPanels(dw, shape, attrs.groups)];
  },
  lower(ctx) {
    const g = geometryOf((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const { blockRows, bytes } = band(g, ctx.small);
    ctx.step('conv2d_f32_grad_weight', {
      ...g,
      x: ctx.in(0),
      w: ctx.out(),
      bias: 0,
      residual: 0,
      y: ctx.in(1),
      scratch: ctx.scratch(bytes),
      blockRows,
      ...unlimited,
    });
  },
  grad: { none: 'second derivatives are not supported' },
  macs: ([x], attrs) => convolutionMacs(geometryOf((x as TensorType).shape, attrs)),
  tolerance: { rtol: 1e-4, atol: 1e-4 },
});
