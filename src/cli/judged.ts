import { areaUnderRoc, type ConfusionMatrix, confusionMatrix } from '../index.ts';
import { tableOf } from './table.ts';

/** A picture with its class and what the model makes of it. */
export interface Judged {
  readonly path: string;
  readonly truth: number;
  readonly predicted: number;
  readonly probabilities: readonly number[];
}

/** How good the predictions on a set of pictures are. */
export interface Judgement {
  readonly classes: readonly string[];
  readonly judged: readonly Judged[];
  readonly matrix: ConfusionMatrix;
  /** Area under the ROC curve of each class against the rest; NaN where there is no rest. */
  readonly auc: readonly number[];
}

export function judgementOf(classes: readonly string[], judged: readonly Judged[]): Judgement {
  const matrix = confusionMatrix(
    judged.map(({ truth }) => truth),
    judged.map(({ predicted }) => predicted),
    classes.length,
  );
  const auc = classes.map((_, c) =>
    areaUnderRoc(
      judged.map(({ truth }) => truth === c),
      judged.map(({ probabilities }) => probabilities[c] as number),
    ),
  );
  return { classes, judged, matrix, auc };
}

/** The wrong ones, the surest first. */
export const mistakes = ({ judged }: Judgement): Judged[] =>
  judged
    .filter(({ truth, predicted }) => truth !== predicted)
    .sort((a, b) => (b.probabilities[b.predicted] as number) - (a.probabilities[a.predicted] as number));

/** The mean over the classes that have an area. */
export function meanAuc({ auc }: Judgement): number {
  const known = auc.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const MISTAKES = 8;

/** Accuracy, a line for each class with its row of the confusion matrix, and the worst mistakes. */
export function printJudgement(judgement: Judgement): void {
  const { classes, matrix, auc } = judgement;
  const table = tableOf(
    ['true \\ predicted', ...classes, 'precision', 'recall', 'F1', 'AUC', 'pictures'],
    Array.from({ length: classes.length + 5 }, (_, i) => i + 1),
  );
  classes.forEach((name, i) => {
    const { precision, recall, f1, support } = matrix.report(i);
    const counts = classes.map((_, j) => matrix.at(i, j) || '·');
    table.push([name, ...counts, percent(precision), percent(recall), percent(f1), (auc[i] as number).toFixed(3), support]);
  });
  console.log(`accuracy ${percent(matrix.accuracy)} on ${matrix.total} pictures, mean AUC ${meanAuc(judgement).toFixed(3)}\n${table}`);
  const worst = mistakes(judgement).slice(0, MISTAKES);
  if (worst.length) console.log('worst mistakes');
  for (const { path, predicted, probabilities } of worst)
    console.log(`  ${path}: ${classes[predicted]}, ${percent(probabilities[predicted] as number)} sure`);
}

/** The judgement as plain data. */
export const asJson = (judgement: Judgement) => {
  const { classes, matrix, auc } = judgement;
  return {
    accuracy: matrix.accuracy,
    meanAuc: meanAuc(judgement),
    classes: classes.map((name, i) => ({ name, ...matrix.report(i), auc: auc[i] })),
    confusion: classes.map((_, i) => classes.map((__, j) => matrix.at(i, j))),
    mistakes: mistakes(judgement).map(({ path, predicted, probabilities }) => ({
      path,
      predicted: classes[predicted],
      probability: probabilities[predicted],
    })),
  };
};
