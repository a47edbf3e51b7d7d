import { ThimbleError } from '../core/errors.ts';
import type { ProgressOutput } from '../core/progressLine.ts';
import type { Callback, Logs, TrainingModel } from './callbacks.ts';
import {
  type Batch,
  batchesOf,
  type Dataset,
  epochOrder,
  type Inputs,
  isDataset,
  type Rows,
  splitTable,
  type Table,
  tablesOf,
} from './data.ts';
import { type History, record } from './history.ts';
import type { Model } from './model.ts';
import { ProgressBar } from './progress.ts';
import { save } from './serialize.ts';

export type { History } from './history.ts';

/** Options of `Model.fit`. */
export interface FitOptions {
  /** Passes over the data, counted from epoch 0; 1 where left out. */
  readonly epochs?: number;
  /** The first epoch's number: continues a run whose earlier epochs were done before. */
  readonly initialEpoch?: number;
  /** Shuffle the rows each epoch, by the model's seed and the epoch's number. Datasets shuffle themselves. */
  readonly shuffle?: boolean;
  /** The last share of the rows to hold back, taken before shuffling. */
  readonly validationSplit?: number;
  /** What is evaluated after each epoch. */
  readonly validationData?: readonly [x: Inputs, y: Rows] | Dataset;
  /** A factor for each class index. */
  readonly classWeight?: Readonly<Record<number, number>>;
  /** A factor for each row. */
  readonly sampleWeight?: Float32Array;
  /** Called in this order. */
  readonly callbacks?: readonly Callback[];
  /** 0 silent, 1 a progress bar, 2 a line an epoch. */
  readonly verbose?: 0 | 1 | 2;
  /** Where progress goes; standard error where the host has it. */
  readonly output?: ProgressOutput;
}

/** @see Model.fit */
export async function fitModel(model: Model, x: Inputs | Dataset, y: Rows | FitOptions | undefined, given?: FitOptions): Promise<History> {
  const dataset = isDataset(x) ? x : undefined;
  const options = (dataset ? (y as FitOptions | undefined) : given) ?? {};
  const { epochs = 1, initialEpoch = 0, shuffle = true, verbose = 1, validationData, classWeight } = options;
  const { metrics, loss } = requireCompiled(model);
  let table = dataset ? undefined : model.table(x as Inputs, y as Rows, options.sampleWeight);
  let validation = validationData && validationTables(model, validationData);
  if (options.validationSplit !== undefined) {
    if (!table) throw new ThimbleError('INPUT', 'validationSplit needs arrays', { hint: 'pass validationData with a dataset' });
    const { first, last } = splitTable(table, options.validationSplit);
    table = first;
    validation ??= () => [last];
  }
  if (table?.rows === 0) throw new ThimbleError('INPUT', 'there are no rows to train on');
  // The partial batch's method is planned now, so that a budget that does not fit is an error before training.
  if (table) await model.preparePartial(table.rows % model.batchSize);

  const history: History = { epoch: [], history: {} };
  const view = trainingView(model, history);
  const output = options.output ?? (globalThis as { process?: { stderr?: ProgressOutput } }).process?.stderr;
  const steps = table && Math.ceil(table.rows / model.batchSize);
  const callbacks: Callback[] = [
    ...(verbose && output ? [new ProgressBar(epochs, steps, verbose, output)] : []),
    ...(options.callbacks ?? []),
  ];
  const each = async (hook: (callback: Callback) => void | Promise<void> | undefined) => {
    for (const callback of callbacks) await hook(callback);
  };

  await each((callback) => callback.onTrainBegin?.(view));
  for (let epoch = initialEpoch; epoch < epochs && !view.stopTraining; epoch++) {
    await each((callback) => callback.onEpochBegin?.(epoch, view));
    for (const metric of metrics) metric.reset();
    let sum = 0;
    let rows = 0;
    let index = 0;
    let logs: Logs = {};
    const batches = table
      ? batchesOf(table, model.batchSize, shuffle ? epochOrder(table.rows, model.seed, epoch) : undefined)
      : checked(model, dataset as Dataset, epoch);
    for await (const batch of batches) {
      const step = await model.trainBatch(classWeight ? weighted(batch, classWeight) : batch);
      sum += step.loss * batch.rows;
      rows += batch.rows;
      for (const metric of metrics) metric.update(batch.y, step.predictions.data, batch.rows, loss);
      // Metrics that cost a pass over all they saw are computed at the end of the epoch only.
      logs = {
        loss: sum / rows,
        ...Object.fromEntries(metrics.filter((metric) => metric.cheap).map((metric) => [metric.name, metric.result()])),
      };
      await each((callback) => callback.onBatchEnd?.(index, logs, view));
      index++;
      if (view.stopTraining) break;
    }
    if (rows === 0)
      throw new ThimbleError('INPUT', 'the dataset yielded no batch', {
        hint: 'an iterator that is used up cannot be iterated anew each epoch',
      });
    logs = { loss: sum / rows, ...Object.fromEntries(metrics.map((metric) => [metric.name, metric.result()])) };
    if (validation) {
      const results = await model.evaluateTables(validation());
      logs = { ...logs, ...Object.fromEntries(Object.entries(results).map(([name, value]) => [`val_${name}`, value])) };
    }
    record(history, epoch, logs);
    await each((callback) => callback.onEpochEnd?.(epoch, logs, view));
  }
  await each((callback) => callback.onTrainEnd?.(view));
  return history;
}

/** Tables of the validation data, each time they are asked for. Arrays are checked at once. */
function validationTables(model: Model, data: readonly [x: Inputs, y: Rows] | Dataset): () => AsyncIterable<Table> | Iterable<Table> {
  const isPair = (given: typeof data): given is readonly [Inputs, Rows] =>
    Array.isArray(given) && given.length === 2 && given.every((part) => !Array.isArray(part) && !('x' in part && 'y' in part));
  if (!isPair(data)) return () => tablesOf(model, data);
  const table = model.table(data[0], data[1], undefined);
  return () => [table];
}

function requireCompiled(model: Model) {
  if (!model.compiled)
    throw new ThimbleError('INPUT', 'fit needs a compiled model', { hint: 'await model.compile({ optimizer, loss }) first' });
  return model.compiled;
}

function trainingView(model: Model, history: History): TrainingModel {
  return {
    stopTraining: false,
    history,
    get learningRate() {
      return model.learningRate;
    },
    set learningRate(rate: number) {
      model.learningRate = rate;
    },
    getWeights: () => model.getWeights(),
    setWeights: (weights) => model.setWeights(weights),
    save: () => save(model),
  };
}

/** A dataset's batches of one epoch, checked against the model. */
async function* checked(model: Model, dataset: Dataset, epoch: number): AsyncGenerator<Batch> {
  for await (const table of tablesOf(model, 'epoch' in dataset ? dataset.epoch(epoch) : dataset))
    yield* batchesOf(table, Math.max(1, table.rows));
}

/** Class factors multiply the rows' own. One-hot labels count as their largest class. */
function weighted(batch: Batch, classWeight: Readonly<Record<number, number>>): Batch {
  const size = batch.y.length / batch.rows;
  const classOf = (row: number) => {
    if (size === 1) return batch.y[row] as number;
    const labels = batch.y.subarray(row * size, (row + 1) * size);
    return labels.indexOf(Math.max(...labels));
  };
  return { ...batch, sampleWeight: batch.sampleWeight.map((weight, row) => weight * (classWeight[classOf(row)] ?? 1)) };
}
