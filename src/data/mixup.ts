import { exp, log } from '../core/deterministic.ts';
import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { randomAt } from './augment.ts';
import type { CollatedBatch } from './collate.ts';
import type { Position } from './samples.ts';

/** Options of `mixup`. */
export interface MixupOptions {
  /** Shares are drawn from Beta(alpha, alpha): small values mix little; 0.2 where left out. */
  readonly alpha?: number;
  /** How many there are: the length of one-hot labels. */
  readonly classes: number;
  /** 1 where left out. */
  readonly seed?: number;
}

/**
 * A function for `samples.batch(n).map(…)` that mixes each sample with another of its batch, and their labels likewise (Zhang et al. 2018).
 * Labels become one-hot [rows, classes]: train with `categoricalCrossentropy`.
 * @throws INPUT for batches whose inputs are not f32 or whose labels are not class indexes.
 */
export function mixup({ alpha = 0.2, classes, seed = 1 }: MixupOptions): (batch: CollatedBatch, position: Position) => CollatedBatch {
  if (!(alpha > 0)) throw new ThimbleError('INPUT', `mixup with alpha ${alpha}`, { expected: 'a number above 0' });
  return ({ x, y, sampleWeight }, position) => {
    if (y.dtype !== 'i32' || y.shape.length !== 1)
      throw new ThimbleError('INPUT', 'mixup wants class indexes', { got: `${y.dtype} of rank ${y.shape.length}` });
    const random = randomAt(seed, position);
    const rows = y.data.length;
    const partner = random.permutation(rows);
    const shares = Float32Array.from({ length: rows }, () => beta(random, alpha));
    const mixed = (tensor: Tensor): Tensor => ({ ...tensor, data: blended(tensor, partner, shares) });
    const data = new Float32Array(rows * classes);
    for (let i = 0; i < rows; i++) {
      const add = (row: number, share: number) => {
        const at = i * classes + (y.data[row] as number);
        data[at] = (data[at] as number) + share;
      };
      add(i, shares[i] as number);
      add(partner[i] as number, 1 - (shares[i] as number));
    }
    return {
      x:
        'data' in x && 'shape' in x
          ? mixed(x as Tensor)
          : Object.fromEntries(Object.entries(x).map(([name, given]) => [name, mixed(given)])),
      y: { dtype: 'f32', shape: [rows, classes], data },
      ...(sampleWeight && { sampleWeight }),
    };
  };
}

function blended({ dtype, shape, data }: Tensor, partner: Uint32Array, shares: Float32Array): TypedArray {
  if (dtype !== 'f32') throw new ThimbleError('INPUT', 'mixup wants f32 inputs', { got: dtype, hint: 'normalise before batching' });
  const size = sizeOf(shape.slice(1));
  return Float32Array.from(data, (value, i) => {
    const row = Math.floor(i / size);
    const share = shares[row] as number;
    return value * share + (data[(partner[row] as number) * size + (i % size)] as number) * (1 - share);
  });
}

/** Beta(alpha, alpha) as a ratio of two gammas. */
function beta(random: Random, alpha: number): number {
  const [a, b] = [logGamma(random, alpha), logGamma(random, alpha)];
  return 1 / (1 + exp(b - a));
}

/** The logarithm of a draw from Gamma(alpha, 1): Marsaglia and Tsang (2000); of alpha below 1 with their boost, in logarithms lest it underflow. */
function logGamma(random: Random, alpha: number): number {
  const uniform = () => (random.next() + 1) / 2 ** 32;
  if (alpha < 1) return logGamma(random, alpha + 1) + log(uniform()) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const z = random.normal();
    const v = (1 + c * z) ** 3;
    if (v > 0 && log(uniform()) < 0.5 * z * z + d * (1 - v + log(v))) return log(d) + log(v);
  }
}
