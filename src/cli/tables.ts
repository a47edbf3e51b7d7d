import { type ConfusionMatrix, formatBytes, type Model, type QuantizationReport } from '../index.ts';
import { tableOf } from './table.ts';

const number = (n: number): string => n.toLocaleString('en-US');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The model's layers and its memory plan. */
export function printMemory(model: Model, budget: number): void {
  const { memory } = model;
  console.log(`${model.summary()}\n`);
  const regions = tableOf(['region', 'bytes', 'holds'], [1]);
  const holds = {
    static: 'kernel records',
    const: 'constants',
    state: 'weights, moments, counters',
    io: 'inputs and outputs',
    arena: 'activations, gradients, scratch',
  };
  for (const [name, bytes] of Object.entries(memory.regions)) regions.push([name, number(bytes), holds[name as keyof typeof holds]]);
  regions.push(['total', number(memory.totalBytes), `of ${formatBytes(budget)}: ${percent(memory.totalBytes / budget)}`]);
  console.log(`${regions}\n`);
}

/** Accuracy, per-class recall and the confusion matrix. */
export function printResults(matrix: ConfusionMatrix, classes: readonly string[], seconds: number): void {
  const numbers = Array.from({ length: classes.length + 1 }, (_, i) => i + 1);
  const table = tableOf(['true \\ predicted', ...classes, 'recall'], numbers);
  classes.forEach((name, i) => {
    table.push([name, ...classes.map((_, j) => matrix.at(i, j) || '·'), percent(matrix.report(i).recall)]);
  });
  console.log(
    `\ntest accuracy ${percent(matrix.accuracy)} on ${matrix.total} images held back, trained in ${seconds.toFixed(1)} s\n${table}`,
  );
}

/** A signal-to-noise ratio. */
export const decibels = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(1)} dB` : 'no error');

/** A model before and after, as a table. */
export function sizes({ scheme, before, after, outputs }: QuantizationReport): string {
  const table = tableOf(['', 'f32', scheme], [1, 2]);
  const row = (name: string, of: (side: typeof before) => string) => table.push([name, of(before), of(after)]);
  row('ONNX file', ({ fileBytes }) => formatBytes(fileBytes));
  row('.thimble file', ({ programBytes }) => formatBytes(programBytes));
  row('linear memory', ({ memoryBytes }) => formatBytes(memoryBytes));
  row('of it constants', ({ constantBytes }) => formatBytes(constantBytes));
  if (before.accuracy !== undefined) row('accuracy', ({ accuracy }) => `${((accuracy ?? 0) * 100).toFixed(2)} %`);
  for (const { name, sqnr } of outputs) table.push([`signal to noise of ${name}`, '', decibels(sqnr)]);
  return `${table}`;
}

/** What 8 bits change. */
export function printQuantization(report: QuantizationReport): void {
  console.log(`\nquantized after training, one image a call\n${sizes(report)}`);
}
