const BINS = 128;

/**
 * Counts of numbers in bins of equal width around 0. The range doubles, and pairs of bins become one, when a number lies outside, so the counts do
 * not depend on the order of the numbers and nothing has to be known of them before.
 */
export class Histogram {
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  /** Bins lie between -range and range; a power of two. */
  #range = 2 ** -20;
  #counts = new Array<number>(BINS).fill(0);

  /** Numbers that are not finite are not counted. */
  add(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (!Number.isFinite(value)) continue;
      this.min = Math.min(this.min, value);
      this.max = Math.max(this.max, value);
      while (Math.abs(value) >= this.#range) this.#widen();
      const bin = Math.floor(((value / this.#range + 1) / 2) * BINS);
      this.#counts[bin] = (this.#counts[bin] as number) + 1;
    }
  }

  #widen(): void {
    const half = BINS / 2;
    const merged = Array.from({ length: half }, (_, i) => (this.#counts[2 * i] as number) + (this.#counts[2 * i + 1] as number));
    this.#counts = [...new Array<number>(half / 2).fill(0), ...merged, ...new Array<number>(half / 2).fill(0)];
    this.#range *= 2;
  }

  /** The bins from the first that holds something to the last. */
  result(): { from: number; to: number; counts: number[] } {
    const first = this.#counts.findIndex((count) => count > 0);
    if (first < 0) return { from: 0, to: 0, counts: [] };
    const last = this.#counts.findLastIndex((count) => count > 0);
    const edge = (bin: number) => ((2 * bin) / BINS - 1) * this.#range;
    return { from: edge(first), to: edge(last + 1), counts: this.#counts.slice(first, last + 1) };
  }
}
