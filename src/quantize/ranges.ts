/** What a tensor's elements were over the calibration data. */
export interface Statistics {
  readonly low: number;
  readonly high: number;
  /** How often elements fell into each of equal parts of low..high. */
  readonly bins: Float64Array;
}

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Steps of an activation: x is about (number - zero) · scale. */
export interface Steps {
  readonly scale: number;
  readonly zero: number;
}

/** Steps over a range: 256 numbers, one of them exactly 0. */
export function stepsOf({ low, high }: Range): Steps {
  const scale = Math.fround((high - low) / 255) || 1;
  return { scale, zero: Math.min(127, Math.max(-128, Math.round(-128 - low / scale))) };
}

/**
 * How the range of an activation is chosen: all that was seen; without the rarest elements (`percentile`); the one whose quantized elements differ
 * least (`mse`), or whose distribution does (`entropy`, the Kullback-Leibler divergence, with no more than one element in 10,000 outside).
 */
export type RangeMethod = 'min-max' | 'percentile' | 'mse' | 'entropy';

/** Numbers that an activation can take. */
const LEVELS = 256;
/** The share of the elements that `entropy` may cut off. */
const MOST_CUT = 0.0001;
/** Ends that are tried for a side of the range: each is this part of the one before, down to a hundredth. */
const SHRINK = 0.94;
const CANDIDATES = 75;

/** The range to quantize, with 0 in it: padding and the zero of a relu must be exact. */
export function chooseRange(statistics: Statistics, method: RangeMethod, percentile: number): Range {
  const { low, high } = statistics;
  const whole = { low: Math.min(low, 0), high: Math.max(high, 0) };
  if (!(high > low) || method === 'min-max') return whole;
  if (method === 'percentile') return within(quantiles(statistics, percentile), whole);
  return search(statistics, whole, method === 'mse' ? squaredError : divergence);
}

const within = (range: Range, whole: Range): Range => ({
  low: Math.max(whole.low, Math.min(range.low, 0)),
  high: Math.min(whole.high, Math.max(range.high, 0)),
});

/** What is left when (100 - percentile) / 2 percent of the elements are cut off at each end. */
function quantiles({ low, high, bins }: Statistics, percentile: number): Range {
  const width = (high - low) / bins.length;
  const cut = (bins.reduce((a, b) => a + b, 0) * (1 - percentile / 100)) / 2;
  const end = (order: readonly number[]) => {
    let sum = 0;
    return order.find((i) => {
      sum += bins[i] as number;
      return sum > cut;
    }) as number;
  };
  const indexes = Array.from(bins.keys());
  return { low: low + end(indexes) * width, high: low + (end(indexes.reverse()) + 1) * width };
}

type Cost = (statistics: Statistics, range: Range) => number;

/** The best end of one side with the other given, then of the other. */
function search(statistics: Statistics, whole: Range, cost: Cost): Range {
  let best = whole;
  let least = cost(statistics, whole);
  for (const side of ['high', 'low', 'high'] as const) {
    for (let i = 0; i < CANDIDATES; i++) {
      const range = { ...best, [side]: whole[side] * SHRINK ** i };
      if (!(range.high > range.low)) continue;
      const found = cost(statistics, range);
      if (found < least) [best, least] = [range, found];
    }
  }
  return best;
}

/** Σ (x - quantized x)² over the histogram. */
function squaredError({ low, high, bins }: Statistics, range: Range): number {
  const width = (high - low) / bins.length;
  const { scale, zero } = stepsOf(range);
  let sum = 0;
  for (let i = 0; i < bins.length; i++) {
    const count = bins[i] as number;
    if (count === 0) continue;
    const x = low + (i + 0.5) * width;
    const q = (Math.min(Math.max(Math.round(x / scale) + zero, -128), 127) - zero) * scale;
    sum += count * (x - q) ** 2;
  }
  return sum;
}

/**
 * The histogram with as much in the bin of 0 as in the fuller bin beside it, at most. The zeros of a relu or of padding are exact in any range; spread
 * over the bins of their level they would outweigh all that is cut off, and the narrowest range would be the best.
 */
function withoutZeros({ low, high, bins }: Statistics): Float64Array {
  const zero = Math.min(bins.length - 1, Math.floor((-low / (high - low)) * bins.length));
  if (zero < 0) return bins;
  const rest = bins.slice();
  rest[zero] = Math.min(rest[zero] as number, Math.max(rest[zero - 1] ?? 0, rest[zero + 1] ?? 0));
  return rest;
}

/**
 * Σ p log(p / q) of the histogram cut to the range (what is outside counts at its ends) against what is left of it in 256 levels, each spread over
 * its filled bins (Migacz, 8-bit inference with TensorRT, 2017).
 */
function divergence(statistics: Statistics, range: Range): number {
  const { low, high } = statistics;
  const bins = withoutZeros(statistics);
  const width = (high - low) / bins.length;
  const first = Math.min(bins.length - 1, Math.max(0, Math.round((range.low - low) / width)));
  const last = Math.max(first, Math.min(bins.length - 1, Math.round((range.high - low) / width) - 1));
  const inside = bins.slice(first, last + 1);
  const cut = inside.slice();
  const outside = (part: Float64Array) => part.reduce((a, b) => a + b, 0);
  cut[0] = (cut[0] as number) + outside(bins.subarray(0, first));
  cut[cut.length - 1] = (cut.at(-1) as number) + outside(bins.subarray(last + 1));
  const total = outside(cut);
  const kept = outside(inside);
  if (total - kept > MOST_CUT * total) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let level = 0; level < LEVELS; level++) {
    const from = Math.floor((level * inside.length) / LEVELS);
    const to = Math.floor(((level + 1) * inside.length) / LEVELS);
    let mass = 0;
    let filled = 0;
    for (let i = from; i < to; i++) {
      mass += inside[i] as number;
      if ((cut[i] as number) > 0) filled++;
    }
    for (let i = from; i < to; i++) {
      const p = (cut[i] as number) / total;
      if (p === 0) continue;
      // A bin that only holds what was cut off has no mass of its own: the smallest there could be.
      const q = Math.max(mass / filled / kept, 0.1 / total);
      sum += p * Math.log(p / q);
    }
  }
  return sum;
}
