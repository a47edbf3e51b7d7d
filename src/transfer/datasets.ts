import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Dataset, type Inputs, partsOf } from '../train/data.ts';

/** Features of a whole dataset, kept. */
export interface Kept {
  readonly x: Tensor;
  readonly y: Int32Array;
  readonly sampleWeight: Float32Array;
}

/** The batches of `dataset` with features in place of inputs; of one epoch, where the dataset tells epochs apart. */
async function* featureBatches(dataset: Dataset, extract: (x: Inputs) => Tensor, epoch?: number) {
  for await (const batch of epoch !== undefined && 'epoch' in dataset ? dataset.epoch(epoch) : dataset) {
    const { x, y, sampleWeight } = partsOf(batch);
    yield { x: extract(x), y, ...(sampleWeight && { sampleWeight }) };
  }
}

/** The features of all batches of one epoch. @throws INPUT for labels that are no class indexes, and where there is nothing. */
export async function kept(dataset: Dataset, extract: (x: Inputs) => Tensor): Promise<Kept> {
  const parts: { x: Tensor; y: Int32Array; sampleWeight: Float32Array }[] = [];
  for await (const { x, y, sampleWeight } of featureBatches(dataset, extract, 0)) {
    const labels = ArrayBuffer.isView(y) ? y : y.data;
    if (!(labels instanceof Int32Array)) throw new ThimbleError('INPUT', 'labels are no class indexes', { expected: 'an Int32Array' });
    parts.push({ x, y: labels, sampleWeight: sampleWeight ?? new Float32Array(labels.length).fill(1) });
  }
  const [first] = parts;
  if (!first) throw new ThimbleError('INPUT', 'the dataset yielded no batch');
  const rows = parts.reduce((sum, { y }) => sum + y.length, 0);
  const join = <T extends Float32Array | Int32Array>(result: T, arrays: readonly T[]): T => {
    let at = 0;
    for (const array of arrays) {
      result.set(array, at);
      at += array.length;
    }
    return result;
  };
  const size = sizeOf(first.x.shape.slice(1));
  const data = join(
    new Float32Array(rows * size),
    parts.map(({ x }) => x.data as Float32Array),
  );
  return {
    x: { dtype: 'f32', shape: [rows, ...first.x.shape.slice(1)], data },
    y: join(
      new Int32Array(rows),
      parts.map(({ y }) => y),
    ),
    sampleWeight: join(
      new Float32Array(rows),
      parts.map(({ sampleWeight }) => sampleWeight),
    ),
  };
}

/** A dataset with features in place of inputs. */
export function withFeatures(dataset: Dataset, extract: (x: Inputs) => Tensor) {
  return {
    epoch: (epoch: number) => featureBatches(dataset, extract, epoch),
    [Symbol.asyncIterator]: () => featureBatches(dataset, extract),
  };
}

/** Each row a batch. */
export function oneByOne(dataset: ReturnType<typeof withFeatures>): Dataset {
  async function* rows(batches: ReturnType<typeof featureBatches>) {
    for await (const { x, y, sampleWeight } of batches) {
      const { shape, data } = x;
      const labels = (ArrayBuffer.isView(y) ? y : y.data) as Int32Array;
      const size = sizeOf(shape.slice(1));
      for (let row = 0; row < labels.length; row++) {
        yield {
          x: { dtype: 'f32' as const, shape: [1, ...shape.slice(1)], data: data.subarray(row * size, (row + 1) * size) },
          y: labels.subarray(row, row + 1),
          ...(sampleWeight && { sampleWeight: sampleWeight.subarray(row, row + 1) }),
        };
      }
    }
  }
  return { epoch: (epoch: number) => rows(dataset.epoch(epoch)), [Symbol.asyncIterator]: () => rows(dataset[Symbol.asyncIterator]()) };
}
