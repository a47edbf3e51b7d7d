import { expect, test } from 'vitest';
import { type Rounding, roundHalfEven, scaled } from '../../src/core/fixedPoint.ts';
import { foldedBias, packDepthwiseQuads } from '../../src/core/quads.ts';
import { depthwiseInt8Scratch } from '../../src/kernels/scratch.ts';
import { draw } from './products.ts';
import { runAlike } from './runAlike.ts';

const ROUNDINGS: readonly Rounding[] = ['double', 'single', 'float'];

/** Windows of any size; every third case has those of width 3 that have loops of their own. */
function geometryOf(seed: number, within: (low: number, high: number) => number) {
  const inChannels = within(1, seed % 5 ? 40 : 150);
  const multiplier = seed % 4 ? 1 : within(1, 3);
  const kernel = seed % 3 ? [within(1, 6), within(1, 6)] : [within(1, 3), 3];
  const [kernelHeight, kernelWidth] = kernel as [number, number];
  const [strideY, strideX] = [within(1, 3), within(1, seed % 3 ? 3 : 2)];
  const [dilationY, dilationX] = [within(1, 2), seed % 3 ? within(1, 2) : 1];
  const [inHeight, inWidth] = [within(1, 12), within(1, 14)];
  const [padTop, padLeft] = [within(0, kernelHeight), within(-1, kernelWidth)];
  const out = (extent: number, taps: number, stride: number, dilation: number, pad: number) =>
    Math.max(1, Math.floor((extent + pad + within(0, taps) - (taps - 1) * dilation - 1) / stride) + 1);
  return {
    ...{ batch: within(1, 2), inHeight, inWidth, inChannels, outChannels: inChannels * multiplier },
    outHeight: out(inHeight, kernelHeight, strideY, dilationY, padTop),
    outWidth: out(inWidth, kernelWidth, strideX, dilationX, padLeft),
    ...{ kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX, padTop, padLeft, groups: inChannels },
  };
}

test.each([...Array(120).keys()])('8-bit depthwise windows of any size, in blocks of any size: case %i', (seed) => {
  const within = draw(seed + 1);
  const g = geometryOf(seed, within);
  const extreme = seed % 7 === 0;
  const byte = () => (extreme ? within(0, 1) * 255 - 128 : within(-128, 127));
  const x = Int8Array.from({ length: g.batch * g.inHeight * g.inWidth * g.inChannels }, byte);
  const shape = [g.kernelHeight, g.kernelWidth, g.outChannels];
  const weights = Int8Array.from({ length: g.kernelHeight * g.kernelWidth * g.outChannels }, byte);
  // Legacy uint8 weights without their zero points.
  const more = seed % 6 === 5 ? Int8Array.from(weights, byte) : undefined;
  const bothParts = Int16Array.from(weights, (w, i) => w + (more?.[i] ?? 0));
  const bias = Int32Array.from({ length: g.outChannels }, () => within(-5000, 5000));
  const rounding = ROUNDINGS[seed % 3] as Rounding;
  const yZero = within(-128, 127);
  const low = within(0, 1) ? yZero : within(-128, yZero);
  const high = within(low, 127);
  const xZero = within(-128, 127);
  const multiplier = Int32Array.from({ length: g.outChannels }, () => 2 ** 30 + 128 * within(0, 2 ** 23 - 1));
  const shift = Int32Array.from({ length: g.outChannels }, () => -within(4, 12));
  const scale = Float32Array.from(multiplier, (m, c) => m * 2 ** ((shift[c] as number) - 31));
  const { band, sums, table, ...blocks } = depthwiseInt8Scratch(g, false);
  // As many channels and rows as there is room for, or fewer.
  const some = within(0, 1) ? blocks.blockChannels : Math.min(blocks.blockChannels, 8 * within(1, 4));
  const y = new Int8Array(g.batch * g.outHeight * g.outWidth * g.outChannels);
  const isFloat = rounding === 'float';
  const fields = {
    ...{ x, w: packDepthwiseQuads(weights, shape), bias: foldedBias(bothParts, g.outChannels, xZero, bias) },
    rest: more ? packDepthwiseQuads(more, shape) : 0,
    ...{ band: { bytes: band }, sums: { bytes: sums }, table: { bytes: table }, ...g, xZero },
    ...{ blockRows: within(1, blocks.blockRows), blockChannels: some, sumRows: within(1, blocks.sumRows) },
    ...{ multiplier: isFloat ? 0 : multiplier, shift: isFloat ? 0 : shift, scale: isFloat ? scale : 0, perChannel: 1 },
    ...{ yZero, low, high, rounding: ROUNDINGS.indexOf(rounding) },
  };
  runAlike('depthwise_conv2d_s8', fields, y, [x, fields.w, fields.bias, isFloat ? scale : multiplier][seed % 4] as Int8Array);
  const copies = g.outChannels / g.inChannels;
  const want = y.map((_, at) => {
    const c = at % g.outChannels;
    const ox = Math.floor(at / g.outChannels) % g.outWidth;
    const oy = Math.floor(at / g.outChannels / g.outWidth) % g.outHeight;
    const n = Math.floor(at / g.outChannels / g.outWidth / g.outHeight);
    let sum = bias[c] as number;
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      for (let kx = 0; kx < g.kernelWidth; kx++) {
        const iy = oy * g.strideY + ky * g.dilationY - g.padTop;
        const ix = ox * g.strideX + kx * g.dilationX - g.padLeft;
        if (iy < 0 || ix < 0 || iy >= g.inHeight || ix >= g.inWidth) continue;
        const from = ((n * g.inHeight + iy) * g.inWidth + ix) * g.inChannels + Math.floor(c / copies);
        sum += ((x[from] as number) - xZero) * (bothParts[(ky * g.kernelWidth + kx) * g.outChannels + c] as number);
      }
    }
    const value = isFloat
      ? roundHalfEven(Math.fround(Math.fround(sum) * (scale[c] as number)))
      : scaled(sum, multiplier[c] as number, shift[c] as number, rounding);
    return Math.min(Math.max(value + yZero, low), high);
  });
  expect(Array.from(y)).toEqual(Array.from(want));
});
