import { cos } from '../core/deterministic.ts';
import { ThimbleError } from '../core/errors.ts';
import type { Filter } from '../core/preprocessing.ts';
import { checkImage, type Image } from './image.ts';

interface Kernel {
  /** Half its width, in source pixels where the image grows. */
  readonly support: number;
  readonly at: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : cos(Math.PI * (x - 0.5)) / (Math.PI * x));

const kernels: Readonly<Record<Exclude<Filter, 'nearest'>, Kernel>> = {
  area: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys (1981) with a = -0.5. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** Fraction bits of a weight: 8-bit samples times weights that sum to 1, with room for the overshoot of `lanczos`, fit 32 bits. */
const BITS = 22;

/** For each of `to` positions: the first of the `from` samples it weighs, and `taps` weights in fixed point. */
function weightsOf(from: number, to: number, { support, at }: Kernel): { first: Int32Array; taps: number; weights: Int32Array } {
  const scale = from / to;
  // Antialias: where the image shrinks the filter widens with it.
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  const taps = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - reach + 0.5));
    const high = Math.min(from, Math.trunc(centre + reach + 0.5));
    const exact = Array.from({ length: high - low }, (_, k) => at((low + k - centre + 0.5) / stretch));
    const sum = exact.reduce((a, b) => a + b, 0);
    first[i] = low;
    exact.forEach((weight, k) => {
      const fixed = (weight / sum) * 2 ** BITS;
      weights[i * taps + k] = Math.trunc(fixed + (fixed < 0 ? -0.5 : 0.5));
    });
  }
  return { first, taps, weights };
}

const HALF = 1 << (BITS - 1);
const clamp = (sum: number): number => Math.min(255, Math.max(0, sum >> BITS));

/**
 * The image in `width` × `height` pixels. Rows first, then columns, rounded to 8 bits between and after: the arithmetic of Pillow's
 * `Image.resize`, so that a model that was trained on its images sees the same ones.
 * @throws INPUT for a size that is not one.
 */
export function resize(image: Image, width: number, height: number, filter: Filter = 'bilinear'): Image {
  checkImage(image);
  if (![width, height].every((n) => Number.isInteger(n) && n > 0 && n <= 65536)) {
    throw new ThimbleError('INPUT', `an image cannot be resized to ${width} × ${height}`, { expected: 'whole numbers from 1 to 65536' });
  }
  if (filter === 'nearest') return nearest(image, width, height);
  const kernel = kernels[filter];
  if (!kernel) throw new ThimbleError('INPUT', `no filter "${filter}"`, { expected: ['nearest', ...Object.keys(kernels)].join(', ') });
  const narrowed = width === image.width ? image : acrossRows(image, width, kernel);
  return height === image.height ? narrowed : acrossColumns(narrowed, height, kernel);
}

function acrossRows({ width: from, height, channels, data }: Image, width: number, kernel: Kernel): Image {
  const { first, taps, weights } = weightsOf(from, width, kernel);
  const result = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const start = (y * from + (first[x] as number)) * channels;
      const count = Math.min(taps, from - (first[x] as number));
      for (let c = 0; c < channels; c++) {
        let sum = HALF;
        for (let k = 0; k < count; k++) sum += (data[start + k * channels + c] as number) * (weights[x * taps + k] as number);
        result[(y * width + x) * channels + c] = clamp(sum);
      }
    }
  }
  return { width, height, channels, data: result };
}

function acrossColumns({ width, height: from, channels, data }: Image, height: number, kernel: Kernel): Image {
  const { first, taps, weights } = weightsOf(from, height, kernel);
  const row = width * channels;
  const result = new Uint8Array(row * height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    const count = Math.min(taps, from - (first[y] as number));
    for (let k = 0; k < count; k++) {
      const weight = weights[y * taps + k] as number;
      const start = ((first[y] as number) + k) * row;
      for (let i = 0; i < row; i++) sums[i] = (sums[i] as number) + (data[start + i] as number) * weight;
    }
    for (let i = 0; i < row; i++) result[y * row + i] = clamp(sums[i] as number);
  }
  return { width, height, channels, data: result };
}

function nearest({ width: from, height: fromHeight, channels, data }: Image, width: number, height: number): Image {
  const result = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * fromHeight) / height) * from;
    for (let x = 0; x < width; x++) {
      const at = (row + Math.floor(((x + 0.5) * from) / width)) * channels;
      for (let c = 0; c < channels; c++) result[(y * width + x) * channels + c] = data[at + c] as number;
    }
  }
  return { width, height, channels, data: result };
}

/** The part of `width` × `height` pixels whose upper left corner is (`left`, `top`); what lies outside the image is `fill`. */
export function crop(image: Image, left: number, top: number, width: number, height: number, fill = 0): Image {
  checkImage(image);
  const { channels, data } = image;
  const result = new Uint8Array(width * height * channels).fill(fill);
  const from = Math.max(0, left);
  const to = Math.min(image.width, left + width);
  for (let y = Math.max(0, top); y < Math.min(image.height, top + height) && from < to; y++) {
    const row = y * image.width;
    result.set(data.subarray((row + from) * channels, (row + to) * channels), ((y - top) * width + from - left) * channels);
  }
  return { width, height, channels, data: result };
}

/** Crops and pads evenly at all sides to `width` × `height` pixels. */
export const centred = (image: Image, width: number, height: number, fill = 0): Image =>
  crop(image, Math.floor((image.width - width) / 2), Math.floor((image.height - height) / 2), width, height, fill);
