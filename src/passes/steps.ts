import { KnownSteps } from '../ir/knownSteps.ts';

// Weights that were dequantized at import are whole multiples of a step for each output channel; here they become whole numbers again.

/** How far from a whole number of steps an f32 product of one may be. */
const CLOSE = 1e-4;
const NONE = new KnownSteps();
/** Fewest steps of the largest weight that are tried: coarser weights have finer steps that fit as well. */
const LEAST = 1;

export interface Whole {
  /** As many as there were weights, in their order. */
  readonly numbers: Int8Array;
  /** The step of each column. */
  readonly steps: Float32Array;
}

/**
 * Row-major weights, `columns` in a row, as whole numbers of so many bits times a step for each column, one of `known` where it fits; undefined where a
 * column has no step that makes it such numbers.
 */
export const wholeNumbers = (
  weights: Float32Array,
  columns: number,
  { bits = 8, known = NONE }: { readonly bits?: 8 | 4; readonly known?: KnownSteps } = {},
): Whole | undefined => inSteps(weights, columns, known, [2 ** (bits - 1)], new Int8Array(weights.length));

/** What two bytes add up to (`core/wideWeights.ts`). */
const WIDE = 255;

/** The same up to 9 bits, which uint8 weights take without their zero points; columns that 8 bits hold have such numbers. */
export const wideNumbers = (
  weights: Float32Array,
  columns: number,
  known = NONE,
): { readonly numbers: Int16Array; readonly steps: Float32Array } | undefined =>
  inSteps(weights, columns, known, [128, WIDE], new Int16Array(weights.length));

/** `limits`: those that are tried, in their order. */
function inSteps<T extends Int8Array | Int16Array>(
  weights: Float32Array,
  columns: number,
  known: KnownSteps,
  limits: readonly number[],
  numbers: T,
) {
  const steps = new Float32Array(columns);
  for (let c = 0; c < columns; c++) {
    let step: number | undefined;
    for (const limit of limits) step ??= stepOf({ weights, column: c, columns, limit }, known);
    if (step === undefined) return undefined;
    steps[c] = step;
    for (let i = c; i < weights.length; i += columns) numbers[i] = Math.round((weights[i] as number) / step);
  }
  return { numbers, steps };
}

/** One column of row-major weights. */
interface Column {
  readonly weights: Float32Array;
  readonly column: number;
  readonly columns: number;
  /** The magnitude of the lowest number. */
  readonly limit: number;
}

function stepOf(from: Column, known: KnownSteps): number | undefined {
  const { weights, column, columns, limit } = from;
  let largest = 0;
  for (let i = column; i < weights.length; i += columns) {
    if (Math.abs(weights[i] as number) > Math.abs(largest)) largest = weights[i] as number;
  }
  if (largest === 0) return 1;
  if (!Number.isFinite(largest)) return undefined;
  for (let most = largest < 0 ? limit : limit - 1; most >= LEAST; most--) {
    const step = Math.abs(largest) / most;
    let fits = true;
    for (let i = column; i < weights.length && fits; i += columns) {
      const number = (weights[i] as number) / step;
      const whole = Math.round(number);
      fits = Math.abs(number - whole) <= CLOSE && whole >= -limit && whole < limit;
    }
    if (fits) return knownStep(from, known, step) ?? inFloats(from, step);
  }
  return undefined;
}

/** Whether all weights are products of the f32 `step`, to the bit. */
function isExact({ weights, column, columns, limit }: Column, step: number): boolean {
  for (let i = column; i < weights.length; i += columns) {
    const whole = Math.round((weights[i] as number) / step);
    if (Math.fround(whole * step) !== weights[i] || whole < -limit || whole >= limit) return false;
  }
  return true;
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** The step of a file that weights were dequantized with: a whole part of the largest that fits them. `step` is any that does. */
function knownStep(from: Column, known: KnownSteps, step: number): number | undefined {
  const { weights, column, columns, limit } = from;
  const exact = (near: number) => known.near(near).find((one) => isExact(from, one));
  const own = exact(step);
  if (own !== undefined || known.size === 0) return own;
  let [common, most] = [0, 0];
  for (let i = column; i < weights.length; i += columns) {
    const number = Math.abs(Math.round((weights[i] as number) / step));
    if (common !== 1) common = greatestCommonDivisor(common, number);
    most = Math.max(most, number);
  }
  for (let parts = 1; parts * most <= limit * common; parts++) {
    const found = exact((step * common) / parts);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The f32 next to `step` whose products are the weights to the bit, where there is one: the step that they were dequantized with. The quotient of two f32
 * may miss it by a unit in the last place, and sums times the wrong one are rounded to the other side now and then.
 */
function inFloats(from: Column, step: number): number {
  const candidates = new Float32Array(3).fill(step);
  const bits = new Int32Array(candidates.buffer);
  bits[1] = (bits[1] as number) - 1;
  bits[2] = (bits[2] as number) + 1;
  return candidates.find((candidate) => isExact(from, candidate)) ?? (candidates[0] as number);
}
