import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { type Average, areaUnderRoc, ConfusionMatrix } from './classification.ts';
import type { Loss } from './losses.ts';

/** A number over many batches. The loss tells how labels are written: class indexes, one-hot rows, or values. */
export interface Metric {
  readonly name: string;
  /** Whether `result` may be asked for after every batch. */
  readonly cheap: boolean;
  reset(): void;
  /** @param predictions scores or values, row-major; the class scores of a label stand side by side. */
  update(labels: TypedArray, predictions: TypedArray, rows: number, loss: Loss): void;
  /** NaN before the first update. */
  result(): number;
}

/** Labels and predictions as classes and their scores. */
interface Classified {
  readonly count: number;
  readonly classes: number;
  classAt(label: number): number;
  predictedAt(label: number): number;
  score(label: number, index: number): number;
}

/** @param threshold score from which a single output means class 1: 0.5 for probabilities, 0 for logits. */
function classify(labels: TypedArray, predictions: TypedArray, rows: number, loss: Loss, threshold: number): Classified {
  const sparse = loss.labels === 'i32';
  const outputs = predictions.length / Math.max(1, rows);
  const classes = sparse ? predictions.length / Math.max(1, labels.length) : outputs;
  const binary = !sparse && (classes === 1 || loss.name !== 'categoricalCrossentropy');
  const score = (i: number, c: number) => predictions[binary ? i : i * classes + c] as number;
  const largest = (data: TypedArray, i: number) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if ((data[i * classes + c] as number) > (data[i * classes + best] as number)) best = c;
    return best;
  };
  return {
    count: binary || sparse ? labels.length : labels.length / classes,
    classes: binary ? 2 : classes,
    classAt: (i) => (binary ? ((labels[i] as number) > 0.5 ? 1 : 0) : sparse ? (labels[i] as number) : largest(labels, i)),
    predictedAt: (i) => (binary ? (score(i, 0) > threshold ? 1 : 0) : largest(predictions, i)),
    score,
  };
}

export interface ThresholdOptions {
  readonly name?: string;
  /** Score above which a single output means class 1: 0.5 for probabilities, 0 for logits. */
  readonly threshold?: number;
}

/** A mean of something per label or element. */
function meanOf(
  name: string,
  measure: (labels: TypedArray, predictions: TypedArray, rows: number, loss: Loss) => { sum: number; count: number },
  finish = (mean: number) => mean,
): Metric {
  let sum = 0;
  let count = 0;
  return {
    name,
    cheap: true,
    reset() {
      sum = 0;
      count = 0;
    },
    update(labels, predictions, rows, loss) {
      const measured = measure(labels, predictions, rows, loss);
      sum += measured.sum;
      count += measured.count;
    },
    result: () => (count ? finish(sum / count) : Number.NaN),
  };
}

/** The share of labels predicted right. */
export const accuracy = ({ name = 'accuracy', threshold = 0.5 }: ThresholdOptions = {}): Metric =>
  meanOf(name, (labels, predictions, rows, loss) => {
    const c = classify(labels, predictions, rows, loss, threshold);
    let sum = 0;
    for (let i = 0; i < c.count; i++) if (c.classAt(i) === c.predictedAt(i)) sum++;
    return { sum, count: c.count };
  });

/** The share of labels among the k highest scores; a tie counts for the label. */
export const topKAccuracy = ({ k = 5, name = `top_${k}_accuracy` }: { readonly k?: number; readonly name?: string } = {}): Metric =>
  meanOf(name, (labels, predictions, rows, loss) => {
    const c = classify(labels, predictions, rows, loss, 0.5);
    let sum = 0;
    for (let i = 0; i < c.count; i++) {
      const own = c.score(i, c.classAt(i));
      let higher = 0;
      for (let j = 0; j < c.classes; j++) if (c.score(i, j) > own) higher++;
      if (higher < k) sum++;
    }
    return { sum, count: c.count };
  });

const elements = (f: (error: number) => number) => (labels: TypedArray, predictions: TypedArray) => {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += f((predictions[i] as number) - (labels[i] as number));
  return { sum, count: labels.length };
};

/** Mean |p - t|. */
export const meanAbsoluteError = ({ name = 'mae' }: { readonly name?: string } = {}): Metric => meanOf(name, elements(Math.abs));
/** Mean (p - t)². */
export const meanSquaredError = ({ name = 'mse' }: { readonly name?: string } = {}): Metric =>
  meanOf(
    name,
    elements((e) => e * e),
  );
/** √ mean (p - t)². */
export const rootMeanSquaredError = ({ name = 'rmse' }: { readonly name?: string } = {}): Metric =>
  meanOf(
    name,
    elements((e) => e * e),
    Math.sqrt,
  );

/** Coefficient of determination over all elements: 1 - Σ (p - t)² / Σ (t - mean t)²; NaN where the labels do not vary. */
export function r2Score({ name = 'r2' }: { readonly name?: string } = {}): Metric {
  let count = 0;
  let mean = 0;
  let variation = 0;
  let residual = 0;
  return {
    name,
    cheap: true,
    reset() {
      count = mean = variation = residual = 0;
    },
    update(labels, predictions) {
      labels.forEach((t, i) => {
        count++;
        const delta = t - mean;
        mean += delta / count;
        variation += delta * (t - mean);
        residual += ((predictions[i] as number) - t) ** 2;
      });
    },
    result: () => (variation > 0 ? 1 - residual / variation : Number.NaN),
  };
}

/** A number of the confusion matrix. */
function fromMatrix(name: string, threshold: number, read: (matrix: ConfusionMatrix) => number): Metric {
  let matrix: ConfusionMatrix | undefined;
  return {
    name,
    cheap: true,
    reset() {
      matrix = undefined;
    },
    update(labels, predictions, rows, loss) {
      const c = classify(labels, predictions, rows, loss, threshold);
      matrix ??= new ConfusionMatrix(c.classes);
      for (let i = 0; i < c.count; i++) matrix.add(c.classAt(i), c.predictedAt(i));
    },
    result: () => (matrix ? read(matrix) : Number.NaN),
  };
}

export interface AverageOptions extends ThresholdOptions {
  /** `macro` (default): the mean over classes; `micro`: of all decisions; `weighted`: by how often a class occurs; a class index: that class alone. */
  readonly average?: Average;
}

/** Of what was predicted as a class, the share that is. 0 where nothing was. */
export const precision = ({ name = 'precision', threshold = 0.5, average = 'macro' }: AverageOptions = {}): Metric =>
  fromMatrix(name, threshold, (matrix) => matrix.average('precision', average));
/** Of what is a class, the share predicted as it. 0 where nothing is. */
export const recall = ({ name = 'recall', threshold = 0.5, average = 'macro' }: AverageOptions = {}): Metric =>
  fromMatrix(name, threshold, (matrix) => matrix.average('recall', average));
/** 2 precision recall / (precision + recall). 0 where both are. */
export const f1Score = ({ name = 'f1', threshold = 0.5, average = 'macro' }: AverageOptions = {}): Metric =>
  fromMatrix(name, threshold, (matrix) => matrix.average('f1', average));

/** Area under the ROC curve, exact with ties; for several classes the mean of one-versus-rest. */
export function auc({ name = 'auc' }: { readonly name?: string } = {}): Metric {
  let truth: number[] = [];
  let scores: number[][] = [];
  return {
    name,
    cheap: false,
    reset() {
      truth = [];
      scores = [];
    },
    update(labels, predictions, rows, loss) {
      const c = classify(labels, predictions, rows, loss, 0.5);
      for (let i = 0; i < c.count; i++) {
        truth.push(c.classAt(i));
        for (let j = 0; j < c.classes; j++) {
          scores[j] ??= [];
          scores[j]?.push(c.classes === 2 && loss.labels === 'f32' && j === 0 ? -c.score(i, 0) : c.score(i, j));
        }
      }
    },
    result() {
      const areas = scores
        .map((column, j) =>
          areaUnderRoc(
            truth.map((t) => t === j),
            column,
          ),
        )
        .filter((area) => !Number.isNaN(area));
      return areas.length ? areas.reduce((a, b) => a + b, 0) / areas.length : Number.NaN;
    },
  };
}

/** Metrics by the names Keras users write. */
export const metrics = {
  accuracy,
  topKAccuracy,
  precision,
  recall,
  f1: f1Score,
  auc,
  mae: meanAbsoluteError,
  mse: meanSquaredError,
  rmse: rootMeanSquaredError,
  r2: r2Score,
} as const satisfies Record<string, (options?: never) => Metric>;

export type MetricName = keyof typeof metrics;

/** @throws INPUT for an unknown name. */
export function metricOf(given: MetricName | Metric): Metric {
  if (typeof given !== 'string') return given;
  const make = metrics[given];
  if (!make) throw new ThimbleError('INPUT', `no metric "${given}"`, { expected: Object.keys(metrics).join(', ') });
  return make();
}
