import { packQuads, quadShape } from '../../../src/core/quads.ts';
import { Random } from '../../../src/core/random.ts';
import { type Shape, sizeOf } from '../../../src/core/shape.ts';
import { filterTotals } from '../../../src/ops/convScaledInt8.ts';
import { packDepthwiseParts } from '../../../src/ops/depthwiseConv2dInt8.ts';
import { i8, LENGTHS, type Sample, type SampleInput, type Samples } from './sample.ts';

const drawn = (size: number, seed: number): Int8Array => {
  const random = new Random(seed);
  return Int8Array.from({ length: size }, () => Math.floor(random.uniform(-128, 128)));
};

/** Zero points and units are of all images, or one an image; `parts`: what weights are the sum of. */
function sample(i: number, x: Shape, weights: SampleInput, parts: readonly Int8Array[], filters: number, attrs: object): Sample {
  const whole = Int16Array.from(parts[0] as Int8Array, (number, at) => number + (parts[1]?.[at] ?? 0));
  const images = [i % 2 ? (x[0] as number) : 1];
  return {
    inputs: [
      i8(...x),
      weights,
      { shape: [filters], dtype: 'i32', values: Array.from(filterTotals(whole, filters)) },
      { shape: images, dtype: 'i32', range: [-128, 128] },
      { shape: images, range: [0.001, 0.01] },
      { shape: [filters], range: [0.001, 0.01] },
      { shape: [filters] },
    ],
    attrs: { ...attrs, ...(i % 3 === 1 ? { low: 0, high: 0.5 } : {}) },
  };
}

interface Convolution {
  readonly x: readonly [number, number, number, number];
  readonly attrs: {
    readonly kernel: readonly [number, number];
    readonly groups?: number;
    readonly filters: number;
    readonly dilations?: readonly [number, number];
  } & Record<string, unknown>;
}

const convolutions: Convolution[] = [
  { x: [2, 5, 6, 3], attrs: { kernel: [3, 3], filters: 4, padding: 'same' } },
  { x: [3, 7, 8, 5], attrs: { kernel: [3, 2], filters: 9, padding: 'same', strides: [2, 2] } },
  { x: [2, 9, 7, 4], attrs: { kernel: [3, 3], filters: 6, groups: 2, dilations: [2, 1], padding: 'valid' } },
  { x: [1, 9, 9, 5], attrs: { kernel: [2, 3], filters: 11, dilations: [1, 3], padding: 'same' } },
  { x: [2, 6, 6, 6], attrs: { kernel: [2, 3], filters: 27, groups: 3, padding: [1, 0, 2, 1], strides: [1, 2] } },
  { x: [3, 4, 5, 7], attrs: { kernel: [1, 1], filters: 10 } },
  { x: [1, 4, 4, 8], attrs: { kernel: [1, 1], filters: 8, strides: [2, 2] } },
  { x: [1, 2, 3, 2], attrs: { kernel: [5, 5], filters: 3, padding: 'same' } },
  { x: [1, 12, 30, 16], attrs: { kernel: [3, 3], filters: 16, padding: 'same' } },
  { x: [1, 30, 5, 2], attrs: { kernel: [3, 2], filters: 4, dilations: [2, 1], padding: [1, -1, 1, 1] } },
  { x: [2, 40, 4, 1], attrs: { kernel: [5, 4], filters: 3, strides: [1, 2], padding: [0, 3, 1, 1] } },
  { x: [2, 13, 17, 40], attrs: { kernel: [1, 1], filters: 21 } },
  { x: [1, 20, 20, 600], attrs: { kernel: [1, 1], filters: 5 } },
  { x: [0, 3, 3, 2], attrs: { kernel: [2, 2], filters: 3 } },
  ...LENGTHS.filter((n) => n > 0).map((n): Convolution => ({ x: [1, 3, n, 5], attrs: { kernel: [1, 1], filters: n } })),
];

const conv2dScaledInt8 = convolutions.map(({ x, attrs }, i) => {
  const { kernel, groups = 1, filters, dilations = [1, 1] } = attrs;
  const shape = [...kernel, x[3] / groups, filters];
  const runs = groups === 1 && dilations[1] === 1 ? kernel[0] : kernel[0] * kernel[1];
  const numbers = drawn(sizeOf(shape), i);
  const values = Array.from(packQuads(numbers, shape, groups, runs));
  return sample(i, x, { shape: quadShape(shape, groups, runs), dtype: 'i8', values }, [numbers], filters, attrs);
});

/** Samples of images that keep their extents, with a residual. */
const residual = [1, 3, 4, 8, 13, 16].map((filters, i) => {
  const shape = [3, 3, 5, filters];
  const numbers = drawn(sizeOf(shape), i);
  const weights = { shape: quadShape(shape, 1, 3), dtype: 'i8' as const, values: Array.from(packQuads(numbers, shape, 1, 3)) };
  const { inputs, attrs } = sample(i, [2, 4, 5, 5], weights, [numbers], filters, { kernel: [3, 3], filters, padding: 'same' });
  return { inputs: [...inputs, { shape: [2, 4, 5, filters] }], attrs: { ...attrs, residual: true } };
});

const depthwise: { x: readonly number[]; attrs: { kernel: readonly [number, number]; parts?: number } & Record<string, unknown> }[] = [
  { x: [2, 5, 6, 3], attrs: { kernel: [3, 3], padding: 'same' } },
  { x: [3, 7, 7, 9], attrs: { kernel: [3, 3], strides: [2, 2], padding: 'same' } },
  { x: [1, 6, 5, 4], attrs: { kernel: [2, 3], dilations: [2, 1], multiplier: 2 } },
  { x: [2, 9, 8, 16], attrs: { kernel: [3, 3], padding: 'same', parts: 2 } },
  { x: [1, 8, 9, 24], attrs: { kernel: [3, 3], strides: [2, 2], padding: [0, 1, 0, 1] } },
  { x: [1, 8, 7, 11], attrs: { kernel: [5, 5], padding: 'same', parts: 2 } },
  { x: [1, 12, 3, 8], attrs: { kernel: [9, 1], padding: 'same' } },
  { x: [2, 40, 30, 70], attrs: { kernel: [3, 3], padding: 'same' } },
  { x: [1, 6, 6, 1], attrs: { kernel: [4, 5], multiplier: 8, padding: 'same' } },
  { x: [1, 7, 6, 32], attrs: { kernel: [3, 3], padding: [-1, 0, 2, -1] } },
  { x: [0, 3, 3, 2], attrs: { kernel: [2, 2] } },
  ...LENGTHS.filter((n) => n > 0).map((n) => ({ x: [1, 3, 4, n], attrs: { kernel: [3, 3] as const, padding: 'same' } })),
];

const depthwiseConv2dScaledInt8 = depthwise.map(({ x, attrs }, i) => {
  const filters = (x[3] as number) * ((attrs.multiplier as number | undefined) ?? 1);
  const shape = [...attrs.kernel, filters];
  const parts = Array.from({ length: attrs.parts ?? 1 }, (_, part) => drawn(sizeOf(shape), 100 * part + i));
  const { shape: memory, data } = packDepthwiseParts(parts, shape);
  return sample(i, x, { shape: memory, dtype: 'i8', values: Array.from(data) }, parts, filters, attrs);
});

export const scaledConvolutions: Samples = { conv2dScaledInt8: [...conv2dScaledInt8, ...residual], depthwiseConv2dScaledInt8 };
