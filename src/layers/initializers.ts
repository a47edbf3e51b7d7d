import { ThimbleError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { type Shape, sizeOf } from '../core/shape.ts';

/** Fills a tensor of `shape` (row-major; the last axis is the output axis). */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

/** Inputs and outputs a weight connects, as Keras counts them: dense [in, out], convolution [kh, kw, in, out]. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) return { fanIn: sizeOf(shape), fanOut: sizeOf(shape) };
  const field = sizeOf(shape.slice(0, -2));
  return { fanIn: field * (shape.at(-2) as number), fanOut: field * (shape.at(-1) as number) };
}

const fill = (shape: Shape, draw: () => number): Float32Array => Float32Array.from({ length: sizeOf(shape) }, draw);

export const constant =
  (value: number): Initializer =>
  (shape) =>
    fill(shape, () => value);
export const randomUniform =
  (low = -0.05, high = 0.05): Initializer =>
  (shape, random) =>
    fill(shape, () => random.uniform(low, high));
export const randomNormal =
  (mean = 0, deviation = 0.05): Initializer =>
  (shape, random) =>
    fill(shape, () => random.normal(mean, deviation));
export const truncatedNormal =
  (mean = 0, deviation = 0.05): Initializer =>
  (shape, random) =>
    fill(shape, () => random.truncatedNormal(mean, deviation));

/** Standard deviation of a normal cut off at two deviations, which variance scaling makes up for. */
const TRUNCATED_DEVIATION = 0.87962566103423978;

export interface VarianceScaling {
  readonly scale: number;
  readonly mode: 'fanIn' | 'fanOut' | 'fanAvg';
  readonly distribution: 'truncatedNormal' | 'normal' | 'uniform';
}

/** Variance scale / fan. */
export const varianceScaling =
  ({ scale, mode, distribution }: VarianceScaling): Initializer =>
  (shape, random) => {
    const { fanIn, fanOut } = fans(shape);
    const variance = scale / Math.max(1, { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode]);
    const deviation = Math.sqrt(variance);
    if (distribution === 'uniform') return randomUniform(-Math.sqrt(3) * deviation, Math.sqrt(3) * deviation)(shape, random);
    if (distribution === 'normal') return randomNormal(0, deviation)(shape, random);
    return truncatedNormal(0, deviation / TRUNCATED_DEVIATION)(shape, random);
  };

const scaled = (scale: number, mode: VarianceScaling['mode'], distribution: VarianceScaling['distribution']) =>
  varianceScaling({ scale, mode, distribution });

/** Orthonormal rows or columns (Saxe et al. 2014), by Gram–Schmidt on a normal matrix. */
export const orthogonal =
  (gain = 1): Initializer =>
  (shape, random) => {
    const columns = shape.at(-1) as number;
    const rows = sizeOf(shape) / columns;
    const [count, length] = rows < columns ? [rows, columns] : [columns, rows];
    const vectors: Float64Array[] = [];
    while (vectors.length < count) {
      const v = Float64Array.from({ length }, () => random.normal());
      for (const u of vectors) {
        const dot = u.reduce((sum, value, i) => sum + value * (v[i] as number), 0);
        v.forEach((value, i) => {
          v[i] = value - dot * (u[i] as number);
        });
      }
      const norm = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
      if (norm > 1e-6) vectors.push(v.map((value) => value / norm));
    }
    return Float32Array.from({ length: rows * columns }, (_, i) => {
      const [r, c] = [Math.floor(i / columns), i % columns];
      return gain * ((rows < columns ? vectors[r]?.[c] : vectors[c]?.[r]) as number);
    });
  };

export const identity =
  (gain = 1): Initializer =>
  (shape) => {
    const columns = shape.at(-1) as number;
    return Float32Array.from({ length: sizeOf(shape) }, (_, i) => (Math.floor(i / columns) === i % columns ? gain : 0));
  };

/** The initializers Keras knows by name. */
export const initializers = {
  zeros: constant(0),
  ones: constant(1),
  randomUniform: randomUniform(),
  randomNormal: randomNormal(),
  truncatedNormal: truncatedNormal(),
  glorotUniform: scaled(1, 'fanAvg', 'uniform'),
  glorotNormal: scaled(1, 'fanAvg', 'truncatedNormal'),
  heUniform: scaled(2, 'fanIn', 'uniform'),
  heNormal: scaled(2, 'fanIn', 'truncatedNormal'),
  lecunUniform: scaled(1, 'fanIn', 'uniform'),
  lecunNormal: scaled(1, 'fanIn', 'truncatedNormal'),
  orthogonal: orthogonal(),
  identity: identity(),
} as const satisfies Record<string, Initializer>;

export type InitializerName = keyof typeof initializers;

/** @throws INPUT for an unknown name. */
export function initializerOf(given: InitializerName | Initializer): Initializer {
  const initializer = typeof given === 'function' ? given : initializers[given];
  if (!initializer)
    throw new ThimbleError('INPUT', `no initializer "${String(given)}"`, { expected: Object.keys(initializers).join(', ') });
  return initializer;
}
