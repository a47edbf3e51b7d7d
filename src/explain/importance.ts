import { allocate, dtypeOf, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import { type Shaped, type Tensor, tensor } from '../core/tensor.ts';
import type { RuntimeModel } from '../runtime/model.ts';
import type { Model } from '../train/model.ts';

/** How good predictions are; higher is better. @param predictions [rows, ...]: scores of classes, classes, or values. */
export type Score = (labels: TypedArray, predictions: Tensor) => number;

export interface ImportanceOptions {
  /**
   * `accuracy` (for class indexes where left out), `r2` (for other labels), `mse` and `mae` (negative, so that higher is better), or your own.
   */
  readonly score?: 'accuracy' | 'r2' | 'mse' | 'mae' | Score;
  /** Shuffles of each feature. */
  readonly repeats?: number;
  readonly seed?: number;
  /** The output with the predictions, of a loaded model; the first where left out. */
  readonly output?: string;
}

export interface Importance {
  /** The score on the data as it is. */
  readonly baseline: number;
  /** How far the score falls when the feature is shuffled: one number a repeat. */
  readonly drops: Float64Array;
  readonly mean: number;
  /** Standard deviation over the repeats. */
  readonly deviation: number;
}

/** What predicts: a model, or any function from rows [rows, features] to predictions. */
export type Predictor = Model | RuntimeModel | ((x: Tensor) => Tensor | Promise<Tensor>);

/**
 * Permutation importance of each column of `x` [rows, features] (Breiman 2001): how much worse the predictions are when the column is shuffled
 * among the rows. The same seed gives the same shuffles. Features that say the same share their importance, or hide it from each other.
 * @param y a label a row: class indexes in i32, or values in f32.
 * @throws INPUT where rows and labels differ in number, or there are none.
 */
export async function permutationImportance(
  predictor: Predictor,
  x: Shaped,
  y: TypedArray,
  options: ImportanceOptions = {},
): Promise<Importance[]> {
  const { repeats = 5, seed = 1, output } = options;
  const score = scoreOf(options.score ?? (y instanceof Int32Array ? 'accuracy' : 'r2'));
  const table: Tensor = { dtype: dtypeOf(x.data), ...x };
  const [rows = 0, features = 0] = x.shape;
  if (x.shape.length !== 2 || rows === 0 || rows !== y.length) {
    throw new ThimbleError('INPUT', 'rows and labels do not fit', {
      expected: '[rows, features] and a label a row',
      got: `${formatShape(x.shape)} and ${y.length} labels`,
    });
  }
  if (!(Number.isInteger(repeats) && repeats >= 1))
    throw new ThimbleError('INPUT', `repeats is ${repeats}`, { expected: 'a whole number of at least 1' });
  const predict = predictionsOf(predictor, output);
  const baseline = score(y, await predict(table));
  const random = new Random(seed);
  const result: Importance[] = [];
  for (let feature = 0; feature < features; feature++) {
    const drops = new Float64Array(repeats);
    for (let repeat = 0; repeat < repeats; repeat++) {
      const shuffled = x.data.slice();
      random.permutation(rows).forEach((from, row) => {
        shuffled[row * features + feature] = x.data[from * features + feature] as number;
      });
      drops[repeat] = baseline - score(y, await predict({ ...table, data: shuffled }));
    }
    const mean = drops.reduce((sum, drop) => sum + drop, 0) / repeats;
    const deviation = Math.sqrt(drops.reduce((sum, drop) => sum + (drop - mean) ** 2, 0) / repeats);
    result.push({ baseline, drops, mean, deviation });
  }
  return result;
}

function predictionsOf(predictor: Predictor, output: string | undefined): (x: Tensor) => Tensor | Promise<Tensor> {
  if (typeof predictor === 'function') return predictor;
  if ('network' in predictor) return (x) => predictor.predict(x);
  return (x) => predictRows(predictor, x, output);
}

/** Runs a loaded model on all rows, as many at a time as it was loaded with. */
function predictRows(model: RuntimeModel, x: Tensor, name: string | undefined): Tensor {
  const [input, ...others] = model.inputs;
  const output = name === undefined ? model.outputs[0] : model.outputs.find((candidate) => candidate.name === name);
  const [rows = 0, features = 0] = x.shape;
  if (!input || !output || others.length || sizeOf(input.shape) % features) {
    throw new ThimbleError('INPUT', `the model does not take rows of ${features} features`, {
      expected: `one input [rows, ${features}]${name === undefined ? '' : ` and an output "${name}"`}`,
      got: model.inputs.map(({ name, shape }) => `"${name}" ${formatShape(shape)}`).join(', '),
    });
  }
  const batch = sizeOf(input.shape) / features;
  const width = sizeOf(output.shape) / batch;
  const data = allocate(output.dtype, rows * width);
  const padded = allocate(dtypeOf(x.data), batch * features);
  for (let from = 0; from < rows; from += batch) {
    const here = Math.min(batch, rows - from);
    padded.fill(0);
    padded.set(x.data.subarray(from * features, (from + here) * features));
    const results = model.run({ [input.name]: padded });
    data.set((results[output.name] as Tensor).data.subarray(0, here * width), from * width);
  }
  return tensor(data, [rows, width], output.dtype);
}

function scoreOf(given: NonNullable<ImportanceOptions['score']>): Score {
  if (typeof given === 'function') return given;
  const score = scores[given];
  if (!score) throw new ThimbleError('INPUT', `no score "${given}"`, { expected: Object.keys(scores).join(', ') });
  return score;
}

const meanOf = (labels: TypedArray, { data }: Tensor, f: (error: number) => number): number => {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += f((data[i] as number) - (labels[i] as number));
  return sum / labels.length;
};

const scores: Readonly<Record<'accuracy' | 'r2' | 'mse' | 'mae', Score>> = {
  accuracy(labels, { dtype, data }) {
    const width = data.length / labels.length;
    let right = 0;
    labels.forEach((label, row) => {
      const own = data.subarray(row * width, (row + 1) * width);
      // One number a row is a class, or the probability of class 1.
      const predicted = width > 1 ? own.indexOf(Math.max(...own)) : dtype === 'f32' ? Number((own[0] as number) > 0.5) : own[0];
      if (predicted === label) right++;
    });
    return right / labels.length;
  },
  r2(labels, predictions) {
    const values = Float64Array.from(labels);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const total = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return 1 - (meanOf(labels, predictions, (e) => e * e) * labels.length) / total;
  },
  mse: (labels, predictions) => -meanOf(labels, predictions, (e) => e * e),
  mae: (labels, predictions) => -meanOf(labels, predictions, Math.abs),
};
