import { ThimbleError } from '../core/errors.ts';

export type Average = 'macro' | 'micro' | 'weighted' | number;

/** Per class: how good its predictions are. `support` is how often it occurs. */
export interface ClassReport {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);

/** Counts of (true class, predicted class). */
export class ConfusionMatrix {
  readonly classes: number;
  /** Row-major: counts[true · classes + predicted]. */
  readonly counts: Uint32Array;

  constructor(classes: number) {
    this.classes = classes;
    this.counts = new Uint32Array(classes * classes);
  }

  add(truth: number, predicted: number): void {
    if (!(truth >= 0 && truth < this.classes && predicted >= 0 && predicted < this.classes)) {
      throw new ThimbleError('INPUT', `class ${truth} predicted as ${predicted}`, { expected: `indexes from 0 to ${this.classes - 1}` });
    }
    const at = truth * this.classes + predicted;
    this.counts[at] = (this.counts[at] as number) + 1;
  }

  at(truth: number, predicted: number): number {
    return this.counts[truth * this.classes + predicted] as number;
  }

  get total(): number {
    return this.counts.reduce((a, b) => a + b, 0);
  }

  get accuracy(): number {
    return ratio(
      this.#sum((i) => this.at(i, i)),
      this.total,
    );
  }

  /** What was never predicted has precision 0, what never occurs recall 0, as scikit-learn's zero_division=0. */
  report(index: number): ClassReport {
    const hits = this.at(index, index);
    const support = this.#sum((i) => this.at(index, i));
    const precision = ratio(
      hits,
      this.#sum((i) => this.at(i, index)),
    );
    const recall = ratio(hits, support);
    return { precision, recall, f1: ratio(2 * precision * recall, precision + recall), support };
  }

  /** Precision, recall or F1 over classes. Classes that neither occur nor are predicted are left out of the macro mean, as in scikit-learn. */
  average(measure: 'precision' | 'recall' | 'f1', average: Average): number {
    if (typeof average === 'number') return this.report(average)[measure];
    // Every decision is right or wrong once: micro precision, recall and F1 are all the accuracy.
    if (average === 'micro') return this.accuracy;
    const present = Array.from({ length: this.classes }, (_, i) => i).filter(
      (i) => this.report(i).support > 0 || this.#sum((j) => this.at(j, i)) > 0,
    );
    const weight = (i: number) => (average === 'weighted' ? this.report(i).support : 1);
    const total = present.reduce((sum, i) => sum + weight(i), 0);
    return ratio(
      present.reduce((sum, i) => sum + weight(i) * this.report(i)[measure], 0),
      total,
    );
  }

  #sum(f: (i: number) => number): number {
    let sum = 0;
    for (let i = 0; i < this.classes; i++) sum += f(i);
    return sum;
  }
}

/** The confusion matrix of class indexes. */
export function confusionMatrix(truth: ArrayLike<number>, predicted: ArrayLike<number>, classes: number): ConfusionMatrix {
  const matrix = new ConfusionMatrix(classes);
  for (let i = 0; i < truth.length; i++) matrix.add(truth[i] as number, predicted[i] as number);
  return matrix;
}

/**
 * Area under the ROC curve as the Mann–Whitney statistic: the chance that a positive scores above a negative, ties counting half.
 * NaN where there are no positives or no negatives.
 */
export function areaUnderRoc(positive: readonly boolean[], scores: readonly number[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let rankSum = 0;
  let positives = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && scores[order[to] as number] === scores[order[from] as number]) to++;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) {
      if (!positive[order[i] as number]) continue;
      rankSum += rank;
      positives++;
    }
    from = to;
  }
  const negatives = scores.length - positives;
  return positives && negatives ? (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives) : Number.NaN;
}
