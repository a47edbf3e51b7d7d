import type { TypedArray } from '../core/dtype.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { Kernels } from '../runtime/flavour.ts';
import { Probe, type ProbeFeeds } from './probe.ts';
import type { Statistics } from './ranges.ts';

/** What calibration finds of a value: the distribution of its elements, and the mean of each channel (last axis). */
export interface Observed extends Statistics {
  readonly means: Float64Array;
}

const BINS = 2048;

/** Elements of one value, over all calls: their range first, then their histogram in it. Infinities, as masks have them, and NaN do not count. */
class Observer {
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;
  readonly bins = new Float64Array(BINS);
  readonly #sums: Float64Array;
  #rows = 0;

  constructor({ shape }: Value) {
    this.#sums = new Float64Array(shape.at(-1) ?? 1);
  }

  range(data: TypedArray): void {
    const channels = this.#sums.length;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      if (!Number.isFinite(value)) continue;
      if (value < this.low) this.low = value;
      if (value > this.high) this.high = value;
      this.#sums[i % channels] = (this.#sums[i % channels] as number) + value;
    }
    this.#rows += data.length / channels;
  }

  count(data: TypedArray): void {
    const perUnit = BINS / (this.high - this.low);
    if (!Number.isFinite(perUnit)) return;
    for (let i = 0; i < data.length; i++) {
      const at = Math.min(BINS - 1, Math.floor(((data[i] as number) - this.low) * perUnit));
      this.bins[at] = (this.bins[at] as number) + 1;
    }
  }

  get means(): Float64Array {
    return this.#sums.map((sum) => sum / Math.max(1, this.#rows));
  }
}

/** Runs `graph` on `feeds` and observes `values`; histograms, which take a second run, only where they are wanted. */
export function calibrate(
  graph: Graph,
  values: readonly Value[],
  feeds: readonly ProbeFeeds[],
  kernels: Kernels,
  histograms: boolean,
): Map<Value, Observed> {
  const observers = values.map((value) => new Observer(value));
  const probe = new Probe(graph, values, kernels);
  for (const call of feeds) probe.run(call).forEach((data, i) => void observers[i]?.range(data));
  if (histograms) {
    probe.reset();
    for (const call of feeds) probe.run(call).forEach((data, i) => void observers[i]?.count(data));
  }
  return new Map(values.map((value, i) => [value, observers[i] as Observer]));
}
