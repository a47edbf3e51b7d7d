import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineLayer, type LayerFactory } from '../layers/layer.ts';
import { mul, sub } from '../ops/index.ts';

export const STANDARDIZE = 'standardize';

/** Least variance of a number in shares of its square: what hardly differs between the items is not blown up. */
const LEAST = 1e-3;

/** The variance that the numbers of each group have together: 1, less where there are fewer than in the first. */
const varianceOf = (groups: readonly number[]): number[] => groups.map((size) => Math.min(1, size / (groups[0] as number)));

/** As many of each value as its group has numbers. */
const spread = (groups: readonly number[], values: readonly number[]): Float32Array =>
  Float32Array.from(groups.flatMap((size, i) => new Array<number>(size).fill(values[i] as number)));

/**
 * y = (x - mean) · scale over the last axis: statistics of the data, never trained. As long as there are none, numbers of mean 0 and variance 1 are
 * assumed.
 */
export const standardize: LayerFactory<{ readonly groups: readonly number[] }> = defineLayer({
  type: STANDARDIZE,
  defaults: { groups: [] as readonly number[] },
  weights: ({ groups }, [x]) => {
    const shape = (x as readonly number[]).slice(-1);
    const scale = varianceOf(groups).map((variance, i) => Math.sqrt(variance / (groups[i] as number)));
    return {
      mean: { shape, initializer: 'zeros', statistic: true },
      scale: { shape, initializer: () => spread(groups, scale), statistic: true },
    };
  },
  call: (_, [x], ctx) => mul([sub([x as Value, ctx.weight('mean') as Value]), ctx.weight('scale') as Value]),
});

/** What `standardize` subtracts from each number, and multiplies it by. */
export interface Statistics {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
}

/**
 * Statistics with which the numbers of each group (`groups` of them, side by side) have a mean of 0 each and together a variance of 1, less where
 * the group has fewer numbers than the first: their say does not depend on their unit. Gradient descent takes the same steps for every network then,
 * and learns those directions first in which the items differ most, which a scale for each number by itself would undo.
 */
export async function statisticsOf(
  batches: AsyncIterable<{ readonly x: Tensor }> | Iterable<{ readonly x: Tensor }>,
  groups: readonly number[],
): Promise<Statistics> {
  const columns = groups.reduce((sum, size) => sum + size, 0);
  const [sums, squares] = [new Float64Array(columns), new Float64Array(columns)];
  let rows = 0;
  for await (const { x } of batches) {
    for (let at = 0; at < sizeOf(x.shape); at += columns, rows++) {
      for (let i = 0; i < columns; i++) {
        const value = x.data[at + i] as number;
        sums[i] = (sums[i] as number) + value;
        squares[i] = (squares[i] as number) + value * value;
      }
    }
  }
  if (rows === 0) throw new ThimbleError('INPUT', 'the dataset yielded no batch');
  const mean = Float32Array.from(sums, (sum) => sum / rows);
  const variances = Array.from(squares, (square, i) =>
    Math.max(0, square / rows - ((sums[i] as number) / rows) ** 2, (LEAST * square) / rows),
  );
  const wanted = varianceOf(groups);
  let start = 0;
  const scale = groups.map((size, i) => {
    const variance = variances.slice(start, start + size).reduce((sum, value) => sum + value, 0);
    start += size;
    return variance > 0 ? Math.sqrt((wanted[i] as number) / variance) : 1;
  });
  return { mean, scale: spread(groups, scale) };
}
