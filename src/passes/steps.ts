// Weights that were dequantized at import are whole multiples of a step for each output channel; here they become whole numbers again.

/** How far from a whole number of steps an f32 product of one may be. */
const CLOSE = 1e-4;
/** Fewest steps of the largest weight that are tried: coarser weights have finer steps that fit as well. */
const LEAST = 1;

export interface Whole {
  /** As many as there were weights, in their order. */
  readonly numbers: Int8Array;
  /** The step of each column. */
  readonly steps: Float32Array;
}

/**
 * Row-major weights, `columns` in a row, as whole numbers of so many bits times a step for each column; undefined where a column has no step that
 * makes it such numbers.
 */
export function wholeNumbers(weights: Float32Array, columns: number, bits: 8 | 4 = 8): Whole | undefined {
  const numbers = new Int8Array(weights.length);
  const steps = new Float32Array(columns);
  for (let c = 0; c < columns; c++) {
    const step = stepOf(weights, c, columns, 2 ** (bits - 1));
    if (step === undefined) return undefined;
    steps[c] = step;
    for (let i = c; i < weights.length; i += columns) numbers[i] = Math.round((weights[i] as number) / step);
  }
  return { numbers, steps };
}

/** `limit`: the magnitude of the lowest number. */
function stepOf(weights: Float32Array, column: number, columns: number, limit: number): number | undefined {
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
    if (fits) return step;
  }
  return undefined;
}
