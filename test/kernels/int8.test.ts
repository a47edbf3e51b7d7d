import { describe, expect, test } from 'vitest';
import { type Rounding, roundHalfEven, scaled } from '../../src/core/fixedPoint.ts';
import { foldedBias, packDepthwiseQuads, packQuads } from '../../src/core/quads.ts';
import { depthwiseInt8Scratch, pairedInt8Scratch, winogradInt8Scratch } from '../../src/kernels/scratch.ts';
import { draw } from './products.ts';
import { runAlike as run } from './runAlike.ts';

const ROUNDINGS: readonly Rounding[] = ['double', 'single', 'float'];

interface Factors {
  readonly multiplier: Int32Array;
  readonly shift: Int32Array;
  readonly scale: Float32Array;
}

const expected = (sum: number, c: number, rounding: Rounding, { multiplier, shift, scale }: Factors): number =>
  rounding === 'float'
    ? roundHalfEven(Math.fround(Math.fround(sum) * (scale[c] as number)))
    : scaled(sum, multiplier[c] as number, shift[c] as number, rounding);

/** A 1×1 convolution of some pixels whose weights are 0: their sums are the biases. */
function requantize(
  sums: Int32Array,
  rounding: Rounding,
  factors: Factors,
  limits: { yZero: number; low: number; high: number },
  pixels: number,
): Int8Array {
  const channels = sums.length;
  const y = new Int8Array(channels * pixels);
  const g = {
    ...{ batch: 1, inHeight: 1, inWidth: pixels, inChannels: 4, outHeight: 1, outWidth: pixels, outChannels: channels },
    ...{ kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0, groups: 1 },
  };
  const { blockRows, band, sums: panel, table, pairs } = pairedInt8Scratch(g, true, false);
  const fields = {
    x: new Int8Array(4 * pixels),
    w: new Int8Array(Math.ceil(channels / 8) * 32),
    bias: sums,
    band: { bytes: band },
    sums: { bytes: panel },
    table: { bytes: table },
    ...g,
    blockRows,
    xZero: 0,
    multiplier: rounding === 'float' ? 0 : factors.multiplier,
    shift: rounding === 'float' ? 0 : factors.shift,
    scale: rounding === 'float' ? factors.scale : 0,
    perChannel: 1,
    ...limits,
    rounding: ROUNDINGS.indexOf(rounding),
    pairs: pairs && { bytes: pairs },
  };
  run('conv2d_s8', fields, y, sums);
  return y;
}

describe.each(ROUNDINGS)('%s rounding', (rounding) => {
  /** Sums next to where results change, by at most one, and anywhere up to `most`. */
  function check(seed: number, channels: number, shiftOf: (pick: number) => number, most: number): void {
    const whole = draw(seed);
    const within = (low: number, high: number) =>
      high - low < 2 ** 23 ? whole(low, high) : low + Math.floor(((high - low) * whole(0, 2 ** 23)) / 2 ** 23);
    const multiplier = Int32Array.from({ length: channels }, (_, c) =>
      c % 16 ? 2 ** 30 + 128 * whole(0, 2 ** 23 - 1) + (c % 128) : 2 ** 30,
    );
    const shift = Int32Array.from({ length: channels }, () => shiftOf(whole(0, 1000)));
    const scale = Float32Array.from(multiplier, (m, c) => m * 2 ** ((shift[c] as number) - 31));
    const sums = Int32Array.from({ length: channels }, (_, c) => {
      const factor = (multiplier[c] as number) * 2 ** ((shift[c] as number) - 31);
      const near = Math.round((within(-300, 300) + 0.5) / factor) + within(-1, 1);
      return c % 4 && Math.abs(near) <= most ? near : within(-most, most);
    });
    const limits = { yZero: within(-128, 127), low: within(-128, -1), high: within(0, 127) };
    // Tiles of six and four rows and single ones, in some of the calls.
    const pixels = seed % 8 ? 1 : 11 + (seed % 3);
    const y = requantize(sums, rounding, { multiplier, shift, scale }, limits, pixels);
    for (let c = 0; c < channels; c++) {
      const value = expected(sums[c] as number, c, rounding, { multiplier, shift, scale }) + limits.yZero;
      const want = Math.min(Math.max(value, limits.low), limits.high);
      for (let at = c; at < y.length; at += channels)
        if (y[at] !== want) expect.fail(`sum ${sums[c]}, multiplier ${multiplier[c]}, shift ${shift[c]}: ${y[at]}, not ${want}`);
    }
  }

  test('is that of exact integers for the factors of real layers, at and beside every tie', () => {
    // Up to 2^24 sums are exact as f32, and fewer results are computed again.
    for (let seed = 1; seed <= 200; seed++) check(seed, 4096, (pick) => -(pick % 13), seed % 2 ? 2 ** 24 + 2 ** 20 : 2 ** 24 - 2 ** 18);
  });

  test('and for factors and sums of any size', () => {
    for (let seed = 1; seed <= 12; seed++) check(seed + 100, 1001, (pick) => 10 - (pick % 41), 2 ** 31 - 2 ** 20);
    for (let seed = 1; seed <= 12; seed++) check(seed + 200, 1001, (pick) => 3 - (pick % 12), 2 ** 28);
    for (let seed = 1; seed <= 12; seed++) check(seed + 300, 1001, (pick) => -13 - (pick % 18), 2 ** 29);
  });
});

/** Sums of a convolution in plain integers, padding included. */
function convolution(
  x: Int8Array,
  weights: Int8Array,
  bias: Int32Array,
  size: { height: number; width: number; channels: number; filters: number; stride: number; depthwise: boolean; xZero: number },
): { sums: Int32Array; outHeight: number; outWidth: number; pads: readonly [number, number] } {
  const { height, width, channels, filters, stride, depthwise, xZero } = size;
  const [outHeight, outWidth] = [Math.ceil(height / stride), Math.ceil(width / stride)];
  const pads = [(outHeight - 1) * stride + 3 - height, (outWidth - 1) * stride + 3 - width].map((n) => Math.max(0, n) >> 1) as [
    number,
    number,
  ];
  const sums = new Int32Array(outHeight * outWidth * filters);
  for (let i = 0; i < sums.length; i++) {
    const f = i % filters;
    const ox = Math.floor(i / filters) % outWidth;
    const oy = Math.floor(i / filters / outWidth);
    let sum = bias[f] as number;
    for (let tap = 0; tap < 9; tap++) {
      const iy = oy * stride + Math.floor(tap / 3) - pads[0];
      const ix = ox * stride + (tap % 3) - pads[1];
      if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
      const at = (iy * width + ix) * channels;
      if (depthwise) sum += ((x[at + f] as number) - xZero) * (weights[tap * filters + f] as number);
      else
        for (let c = 0; c < channels; c++) sum += ((x[at + c] as number) - xZero) * (weights[(tap * channels + c) * filters + f] as number);
    }
    sums[i] = sum;
  }
  return { sums, outHeight, outWidth, pads };
}

describe.each(['conv2d_s8', 'conv2d_s8_winograd', 'depthwise_conv2d_s8'] as const)('3×3 windows, %s', (kernel) => {
  const depthwise = kernel === 'depthwise_conv2d_s8';
  const inTiles = kernel === 'conv2d_s8_winograd';
  test.each([...Array(inTiles ? 48 : 24).keys()])('real zero points, tails and extremes of every operand: case %i', (seed) => {
    const within = draw(seed);
    const channels = depthwise ? within(1, 40) : inTiles ? 8 * within(1, 5) : within(1, 21);
    const filters = depthwise ? channels : within(1, 19);
    const size = {
      height: within(1, 9),
      width: within(1, inTiles ? 40 : 13),
      channels,
      filters,
      stride: inTiles ? 1 : within(1, 2),
      depthwise,
      xZero: within(-128, 127),
    };
    // Every third case has the extremes only: what a saturating or wrapping dot product gets wrong.
    const byte = () => (seed % 3 ? within(-128, 127) : within(0, 1) ? 127 : -128);
    const x = Int8Array.from({ length: size.height * size.width * channels }, byte);
    const shape = depthwise ? [3, 3, filters] : [3, 3, channels, filters];
    const weights = Int8Array.from({ length: shape.reduce((a, b) => a * b) }, byte);
    // Channels with weights of nearly 0, as TFLite's converter writes them: a factor of nearly 0 too, and a bias at its limit.
    const isDead = (_: unknown, f: number) => seed % 2 === 1 && f % 5 === 2;
    const bias = Int32Array.from({ length: filters }, (_, f) =>
      isDead(_, f) ? (within(0, 1) ? 2 ** 30 : -(2 ** 30)) : within(-5000, 5000),
    );
    const { sums, outHeight, outWidth, pads } = convolution(x, weights, bias, size);
    const low = seed % 4 > 1 ? 3 : -128;
    const factors = {
      multiplier: Int32Array.from({ length: filters }, () => 2 ** 30 + 128 * within(0, 2 ** 23 - 1)),
      shift: Int32Array.from({ length: filters }, (_, f) => -(isDead(_, f) ? within(22, 31) : within(4, 12))),
      scale: new Float32Array(),
    };
    const g = {
      ...{ batch: 1, inHeight: size.height, inWidth: size.width, inChannels: channels, outHeight, outWidth, outChannels: filters },
      ...{ kernelHeight: 3, kernelWidth: 3, strideY: size.stride, strideX: size.stride, dilationY: 1, dilationX: 1 },
      ...{ padTop: pads[0], padLeft: pads[1], groups: depthwise ? channels : 1 },
    };
    const { band, sums: panel, table, ...blocks } = depthwise ? depthwiseInt8Scratch(g, false) : pairedInt8Scratch(g, false, false);
    const tiles = within(1, 24);
    const y = new Int8Array(sums.length);
    const fields = {
      x,
      w: depthwise ? packDepthwiseQuads(weights, shape) : packQuads(weights, shape, 1, 3),
      bias: foldedBias(weights, filters, size.xZero, bias),
      band: { bytes: inTiles ? Math.max(band, winogradInt8Scratch(tiles, channels)) : band },
      sums: { bytes: panel },
      table: { bytes: table },
      ...g,
      ...blocks,
      ...(depthwise ? { rest: 0 } : {}),
      blockRows: Math.min(blocks.blockRows, within(1, 4)),
      xZero: size.xZero,
      multiplier: factors.multiplier,
      shift: factors.shift,
      scale: 0,
      perChannel: 1,
      ...{ yZero: 3, low, high: 127, rounding: 0 },
      ...(depthwise ? {} : { pairs: within(0, 1) && { bytes: 3 * Math.ceil((3 * channels) / 2) * 32 } }),
      ...(inTiles ? { tiles } : {}),
    };
    run(kernel, fields, y, [x, fields.w, fields.bias, factors.multiplier][seed % 4] as Int8Array);
    const want = Array.from(sums, (sum, i) => Math.min(Math.max(expected(sum, i % filters, 'double', factors) + 3, low), 127));
    expect(Array.from(y)).toEqual(want);
  });
});

test.each([...Array(48).keys()])('matrix products of any size, in blocks of rows: case %i', (seed) => {
  const within = draw(seed + 1000);
  // Every fifth case has few rows of many columns.
  const isFlat = seed % 5 === 4;
  const [pixels, channels, filters] = [within(1, isFlat ? 3 : 60), within(1, 40), isFlat ? within(64, 220) : within(1, 35)];
  const byte = () => (seed % 3 ? within(-128, 127) : within(0, 1) ? 127 : -128);
  const x = Int8Array.from({ length: pixels * channels }, byte);
  const weights = Int8Array.from({ length: channels * filters }, byte);
  const bias = Int32Array.from({ length: filters }, () => within(-5000, 5000));
  const xZero = within(-128, 127);
  const rounding = ROUNDINGS[seed % 3] as Rounding;
  const multiplier = Int32Array.from({ length: filters }, () => 2 ** 30 + 128 * within(0, 2 ** 23 - 1));
  const shift = Int32Array.from({ length: filters }, () => -within(4, 12));
  const scale = Float32Array.from(multiplier, (m, f) => m * 2 ** ((shift[f] as number) - 31));
  const yZero = within(-128, 127);
  // Every other case is one whose results are limited to those above the zero point.
  const limits = { yZero, low: seed % 2 ? yZero : -128, high: within(yZero, 127) };
  const g = {
    ...{ batch: 1, inHeight: 1, inWidth: pixels, inChannels: channels, outHeight: 1, outWidth: pixels, outChannels: filters },
    ...{ kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0, groups: 1 },
  };
  const blockRows = Math.min(pixels, within(6, 60));
  const scratch = pairedInt8Scratch(g, true, false);
  const y = new Int8Array(pixels * filters);
  const isFloat = rounding === 'float';
  const fields = {
    x,
    w: packQuads(weights, [channels, filters]),
    bias: foldedBias(weights, filters, xZero, bias),
    band: { bytes: Math.max(scratch.band, blockRows * Math.ceil(channels / 2) * 4 + 16) },
    sums: { bytes: Math.min(blockRows, 12) * 32 },
    table: { bytes: scratch.table },
    ...g,
    blockRows,
    xZero,
    multiplier: isFloat ? 0 : multiplier,
    shift: isFloat ? 0 : shift,
    scale: isFloat ? scale : 0,
    perChannel: 1,
    ...limits,
    rounding: ROUNDINGS.indexOf(rounding),
    pairs: within(0, 1) && { bytes: Math.ceil(channels / 2) * 32 },
  };
  run('conv2d_s8', fields, y, [x, fields.w, fields.bias][seed % 3] as Int8Array);
  const want = Array.from(y, (_, i) => {
    const [m, f] = [Math.floor(i / filters), i % filters];
    let sum = bias[f] as number;
    for (let c = 0; c < channels; c++) sum += ((x[m * channels + c] as number) - xZero) * (weights[c * filters + f] as number);
    return Math.min(Math.max(expected(sum, f, rounding, { multiplier, shift, scale }) + yZero, limits.low), limits.high);
  });
  expect(Array.from(y)).toEqual(want);
});
