/**
 * Steps that a file says some of its weights are whole multiples of. What weights are multiples of is found from the numbers alone, but few weights may fit
 * several steps: a third of it, or a unit in the last place more.
 */
export class KnownSteps {
  readonly #all = new Set<number>();
  #sorted: Float32Array | undefined;

  add(steps: Iterable<number>): void {
    for (const step of steps) this.#all.add(step);
    this.#sorted = undefined;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Those that are `step` but for its last bits. */
  near(step: number): Float32Array {
    this.#sorted ??= Float32Array.from(this.#all).sort();
    const [low, high] = [step * (1 - 2 ** -21), step * (1 + 2 ** -21)];
    const start = this.#first(low);
    let end = start;
    while (end < this.#sorted.length && (this.#sorted[end] as number) <= high) end++;
    return this.#sorted.subarray(start, end);
  }

  /** Index of the first that is at least `least`. */
  #first(least: number): number {
    const sorted = this.#sorted as Float32Array;
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as number) < least) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
