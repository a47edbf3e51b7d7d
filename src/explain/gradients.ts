import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Inputs } from '../train/data.ts';
import type { Attribution } from './attribution.ts';
import type { Engine, Targets } from './engine.ts';
import { gradientGraph, names } from './methods.ts';
import type { Columns } from './rows.ts';

export interface TargetOptions {
  /** The score to explain, by index: one for all rows or one a row; each row's highest where left out. */
  readonly target?: Targets;
}

/** A row at some input. */
interface Point {
  readonly row: number;
  readonly x: Float32Array;
}

/** d score / d input at `count` points; `each` gets the gradient and the score there. */
async function gradientsAt(
  engine: Engine,
  columns: Columns,
  targets: Int32Array,
  count: number,
  point: (index: number) => Point,
  each: (index: number, gradient: Float32Array, score: number) => void,
): Promise<void> {
  const compiled = await engine.method(names.gradient, gradientGraph);
  const rowAt = new Int32Array(count);
  const item = (index: number) => {
    const { row, x } = point(index);
    rowAt[index] = row;
    return { row, x, target: targets[row] as number };
  };
  engine.run(compiled, columns, count, item, (index, part) => {
    each(index, part(names.gradient) as Float32Array, part(names.scores)[targets[rowAt[index] as number] as number] as number);
  });
}

const valuesOf = (engine: Engine, { rows }: Columns, data: Float32Array): Tensor => ({
  dtype: 'f32',
  shape: [rows, ...engine.subject.input.shape],
  data,
});

/** d score / d input (Simonyan et al. 2013), signed. */
export async function saliency(engine: Engine, x: Inputs, { target }: TargetOptions): Promise<Attribution> {
  const columns = engine.columns(x);
  const { targets, scores } = await engine.targets(columns, target);
  const size = sizeOf(engine.subject.input.shape);
  const data = new Float32Array(columns.rows * size);
  const point = (row: number) => ({ row, x: engine.row(columns, row) as Float32Array });
  await gradientsAt(engine, columns, targets, columns.rows, point, (row, gradient) => data.set(gradient, row * size));
  return { values: valuesOf(engine, columns, data), targets, scores };
}

export interface SmoothGradOptions extends TargetOptions {
  /** Noisy copies of each row. */
  readonly samples?: number;
  /** Standard deviation of the noise as a share of the row's range. */
  readonly noise?: number;
  /** Draws the noise. */
  readonly seed?: number;
  /** Called before each copy. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The mean of the gradients at copies of the row with normal noise (Smilkov et al. 2017). */
export async function smoothGrad(engine: Engine, x: Inputs, options: SmoothGradOptions): Promise<Attribution> {
  const { target, samples = 32, noise = 0.15, seed = 1, onProgress } = options;
  expectCount('samples', samples);
  if (!(noise >= 0)) throw new ThimbleError('INPUT', `noise ${noise}`, { expected: 'a share of the range of at least 0' });
  const columns = engine.columns(x);
  const { targets, scores } = await engine.targets(columns, target);
  const size = sizeOf(engine.subject.input.shape);
  const random = new Random(seed);
  const deviations = Array.from({ length: columns.rows }, (_, row) => noise * rangeOf(engine.row(columns, row)));
  const sums = new Float64Array(columns.rows * size);
  const point = (index: number): Point => {
    onProgress?.(index, columns.rows * samples);
    const row = Math.floor(index / samples);
    const deviation = deviations[row] as number;
    return { row, x: Float32Array.from(engine.row(columns, row), (value) => random.normal(value, deviation)) };
  };
  await gradientsAt(engine, columns, targets, columns.rows * samples, point, (index, gradient) => {
    addTo(sums, Math.floor(index / samples) * size, gradient, 1 / samples);
  });
  return { values: valuesOf(engine, columns, Float32Array.from(sums)), targets, scores };
}

function rangeOf(data: ArrayLike<number>): number {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < data.length; i++) {
    low = Math.min(low, data[i] as number);
    high = Math.max(high, data[i] as number);
  }
  return high - low;
}

function addTo(sums: Float64Array, at: number, terms: ArrayLike<number>, factor: number): void {
  for (let i = 0; i < terms.length; i++) sums[at + i] = (sums[at + i] as number) + factor * (terms[i] as number);
}

const expectCount = (name: string, value: number): void => {
  if (!(Number.isInteger(value) && value >= 1))
    throw new ThimbleError('INPUT', `${name} is ${value}`, { expected: 'a whole number of at least 1' });
};

export interface IntegratedGradientsOptions extends TargetOptions {
  /** Where the path to the row starts: a number for all elements, or an input. 0 where left out. */
  readonly baseline?: number | ArrayLike<number>;
  /** Pieces of the path at first; those that need it are halved. */
  readonly steps?: number;
  /** Error of the sum that is allowed, as a share of f(x) - f(baseline). */
  readonly tolerance?: number;
  /** Gradients to compute for a row at most. */
  readonly maxGradients?: number;
}

export interface IntegratedGradients extends Attribution {
  /** The score of each row's target at the baseline. */
  readonly baselineScores: Float32Array;
  /** Σ attributions - (f(x) - f(baseline)) of each row: 0 if the integral were exact. */
  readonly errors: Float64Array;
  /** Gradients computed for each row. */
  readonly gradients: Int32Array;
}

/** A piece of a row's path, between two shares of the way, and the scores at both ends. */
interface Piece {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly scoreFrom: number;
  readonly scoreTo: number;
}

/** Pieces shorter than this share of the path are taken as they are: f32 knows no points between. */
const SHORTEST = 2 ** -20;

/**
 * (x - baseline) · ∫ gradient along the straight path from the baseline to x (Sundararajan et al. 2017). The integral over a piece of the path
 * is its length times the gradient in its middle; what it has to sum to is known, f at its end - f at its start, so pieces that miss it are
 * halved and the others are not. The attributions of a row sum to f(x) - f(baseline).
 */
export async function integratedGradients(engine: Engine, x: Inputs, options: IntegratedGradientsOptions): Promise<IntegratedGradients> {
  const { target, baseline = 0, steps = 16, tolerance = 0.01, maxGradients = 1024 } = options;
  expectCount('steps', steps);
  if (!(tolerance > 0)) throw new ThimbleError('INPUT', `tolerance ${tolerance}`, { expected: 'a share above 0' });
  const columns = engine.columns(x);
  const { rows } = columns;
  const { targets, scores } = await engine.targets(columns, target);
  const size = sizeOf(engine.subject.input.shape);
  const start = startOf(baseline, size);
  const ways = Array.from({ length: rows }, (_, row) =>
    (engine.row(columns, row) as Float32Array).map((value, i) => value - (start[i] as number)),
  );
  const at = (row: number, share: number): Point => ({
    row,
    x: (ways[row] as Float32Array).map((way, i) => (start[i] as number) + share * way),
  });
  const ends = await engine.scores(columns, rows * (steps + 1), (index) =>
    at(Math.floor(index / (steps + 1)), (index % (steps + 1)) / steps),
  );
  const scoreAt = (row: number, end: number) =>
    ends[(row * (steps + 1) + end) * engine.subject.scores + (targets[row] as number)] as number;
  // Of a row whose score hardly changes, a share of the change says nothing.
  const scales = Array.from(targets, (_, row) => {
    const along = Array.from({ length: steps + 1 }, (__, end) => scoreAt(row, end));
    return Math.max(Math.abs(scoreAt(row, steps) - scoreAt(row, 0)), 1e-3 * rangeOf(along), 1e-7);
  });

  const sums = new Float64Array(rows * size);
  const gradients = new Int32Array(rows);
  const integrate = async (unsettled: readonly boolean[], allowed: number): Promise<void> => {
    let pieces = unsettled.flatMap((wanted, row) => (wanted ? Array.from({ length: steps }, (_, i) => pieceOf(row, i)) : []));
    unsettled.forEach((wanted, row) => {
      if (wanted) sums.fill(0, row * size, (row + 1) * size);
    });
    while (pieces.length) {
      const halves: Piece[] = [];
      const middle = ({ row, from, to }: Piece) => at(row, (from + to) / 2);
      const current = pieces;
      await gradientsAt(
        engine,
        columns,
        targets,
        current.length,
        (index) => middle(current[index] as Piece),
        (index, gradient, score) => {
          const piece = current[index] as Piece;
          const { row, from, to, scoreFrom, scoreTo } = piece;
          const length = to - from;
          gradients[row] = (gradients[row] as number) + 1;
          const error = length * dot(ways[row] as Float32Array, gradient) - (scoreTo - scoreFrom);
          const isFine =
            Math.abs(error) <= allowed * (scales[row] as number) || length < SHORTEST || (gradients[row] as number) > maxGradients;
          if (isFine) addTo(sums, row * size, gradient, length);
          else {
            const half = (from + to) / 2;
            halves.push({ ...piece, to: half, scoreTo: score }, { ...piece, from: half, scoreFrom: score });
          }
        },
      );
      pieces = halves;
    }
  };
  const pieceOf = (row: number, i: number): Piece => ({
    row,
    from: i / steps,
    to: (i + 1) / steps,
    scoreFrom: scoreAt(row, i),
    scoreTo: scoreAt(row, i + 1),
  });
  const errorOf = (row: number): number =>
    dot(ways[row] as Float32Array, sums.subarray(row * size, (row + 1) * size)) - (scoreAt(row, steps) - scoreAt(row, 0));

  // Errors of the pieces mostly cancel; where they add up, each is allowed less.
  let unsettled = Array.from(targets, () => true);
  for (let allowed = tolerance / 8; unsettled.includes(true); allowed /= 8) {
    await integrate(unsettled, allowed);
    unsettled = unsettled.map(
      (_, row) => Math.abs(errorOf(row)) > tolerance * (scales[row] as number) && (gradients[row] as number) < maxGradients,
    );
  }
  const data = Float32Array.from(sums, (sum, i) => sum * ((ways[Math.floor(i / size)] as Float32Array)[i % size] as number));
  return {
    values: valuesOf(engine, columns, data),
    targets,
    scores,
    baselineScores: Float32Array.from(targets, (_, row) => scoreAt(row, 0)),
    errors: Float64Array.from(targets, (_, row) => errorOf(row)),
    gradients,
  };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function startOf(baseline: number | ArrayLike<number>, size: number): Float32Array {
  if (typeof baseline === 'number') return new Float32Array(size).fill(baseline);
  if (baseline.length === size) return Float32Array.from(baseline);
  throw new ThimbleError('INPUT', 'the baseline is no input of the model', { expected: `${size} numbers`, got: String(baseline.length) });
}
