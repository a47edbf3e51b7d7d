import { ThimbleError } from '../core/errors.ts';
import { readTextFile, writeFileAtomically } from '../hosts/files.ts';
import type { History } from './history.ts';

/** Losses and metrics at the end of a batch or an epoch. */
export type Logs = Readonly<Record<string, number>>;

/** What callbacks may do to the model they watch. */
export interface TrainingModel {
  /** Of the next update. Writing it overrides the optimizer's; NaN gives that back. */
  learningRate: number;
  /** Set to true, training ends after the batch, or the epoch. */
  stopTraining: boolean;
  /** Losses and metrics of the epochs so far. */
  readonly history: History;
  /** All weights, statistics included, in the order of the layers. */
  getWeights(): Float32Array[];
  setWeights(weights: readonly Float32Array[]): void;
  /** The model as a file's bytes, optimizer state included. */
  save(): Uint8Array;
}

/** Hooks into `fit`; all optional, all may be asynchronous. Epochs count from 0. */
export interface Callback {
  /** Before the first epoch. */
  onTrainBegin?(model: TrainingModel): void | Promise<void>;
  onEpochBegin?(epoch: number, model: TrainingModel): void | Promise<void>;
  /** After each batch, with the means of the epoch so far. */
  onBatchEnd?(batch: number, logs: Logs, model: TrainingModel): void | Promise<void>;
  /** With what the epoch gave, `val_` numbers of the validation data included. */
  onEpochEnd?(epoch: number, logs: Logs, model: TrainingModel): void | Promise<void>;
  onTrainEnd?(model: TrainingModel): void | Promise<void>;
}

/** Whether smaller (`min`) or larger (`max`) numbers are better; `auto` goes by the name of the number. */
export type Mode = 'auto' | 'min' | 'max';

/** Watches one logged number. */
class Monitor {
  readonly name: string;
  readonly #sign: number;
  readonly #minDelta: number;
  best: number;

  constructor(name: string, mode: Mode, minDelta = 0, baseline?: number) {
    this.name = name;
    const larger = mode === 'max' || (mode === 'auto' && /acc|auc|precision|recall|f1|r2|topK/i.test(name));
    this.#sign = larger ? 1 : -1;
    this.#minDelta = Math.abs(minDelta);
    this.best = baseline ?? -this.#sign * Number.POSITIVE_INFINITY;
  }

  /** @throws INPUT where nothing of that name is logged. */
  value(logs: Logs): number {
    const value = logs[this.name];
    if (value === undefined)
      throw new ThimbleError('INPUT', `nothing named "${this.name}" is logged`, { expected: Object.keys(logs).join(', ') });
    return value;
  }

  /** Whether `value` is better than the best so far by more than minDelta; then it is the best. */
  improves(value: number): boolean {
    if (!(this.#sign * (value - this.best) > this.#minDelta)) return false;
    this.best = value;
    return true;
  }
}

/** Options of `EarlyStopping`. */
export interface EarlyStoppingOptions {
  /** A number of the logs; `val_loss` where left out. */
  readonly monitor?: string;
  /** What counts as an improvement; 0 where left out. */
  readonly minDelta?: number;
  /** Epochs without improvement before training stops; 0 where left out: the first one stops it. */
  readonly patience?: number;
  /** `auto`, the default, takes losses and errors for better when smaller, other metrics when larger. */
  readonly mode?: Mode;
  /** The value to beat from the start. */
  readonly baseline?: number;
  /** Go back to the weights of the best epoch at the end; false where left out. */
  readonly restoreBestWeights?: boolean;
  /** Epochs before it do not count. */
  readonly startFromEpoch?: number;
}

/** Stops when a number no longer improves. */
export class EarlyStopping implements Callback {
  readonly #options: Required<Omit<EarlyStoppingOptions, 'baseline'>> & { readonly baseline: number | undefined };
  #monitor: Monitor;
  #wait = 0;
  #weights: Float32Array[] | undefined;
  /** The epoch after which training stopped, if it did. */
  stoppedEpoch: number | undefined;
  bestEpoch = 0;

  constructor(options: EarlyStoppingOptions = {}) {
    const defaults = { monitor: 'val_loss', minDelta: 0, patience: 0, mode: 'auto' as Mode, restoreBestWeights: false, startFromEpoch: 0 };
    this.#options = { ...defaults, ...options, baseline: options.baseline };
    this.#monitor = this.#fresh();
  }

  #fresh(): Monitor {
    const { monitor, mode, minDelta, baseline } = this.#options;
    return new Monitor(monitor, mode, minDelta, baseline);
  }

  onTrainBegin(): void {
    this.#monitor = this.#fresh();
    this.#wait = 0;
    this.#weights = undefined;
    this.stoppedEpoch = undefined;
  }

  onEpochEnd(epoch: number, logs: Logs, model: TrainingModel): void {
    const { restoreBestWeights, startFromEpoch, patience } = this.#options;
    if (epoch < startFromEpoch) return;
    const value = this.#monitor.value(logs);
    if (restoreBestWeights && !this.#weights) this.#keep(epoch, model);
    if (this.#monitor.improves(value)) {
      this.#wait = 0;
      if (restoreBestWeights) this.#keep(epoch, model);
      return;
    }
    this.#wait++;
    if (this.#wait < Math.max(1, patience)) return;
    model.stopTraining = true;
    this.stoppedEpoch = epoch;
  }

  onTrainEnd(model: TrainingModel): void {
    if (this.#weights) model.setWeights(this.#weights);
  }

  #keep(epoch: number, model: TrainingModel): void {
    this.#weights = model.getWeights();
    this.bestEpoch = epoch;
  }
}

/** Options of `ModelCheckpoint`. */
export interface ModelCheckpointOptions {
  /** A number of the logs; `val_loss` where left out. */
  readonly monitor?: string;
  /** Only epochs that are the best so far; false where left out. */
  readonly saveBestOnly?: boolean;
  readonly mode?: Mode;
}

/** `{epoch}`, `{val_loss:.3f}` and their like, filled in from the logs; epochs count from 1 here, as in Keras. */
const formatPath = (path: string, epoch: number, logs: Logs): string =>
  path.replace(/\{(\w+)(?::0?(\d*)(?:d|\.(\d+)f))?\}/g, (whole, name: string, width?: string, digits?: string) => {
    const value = name === 'epoch' ? epoch + 1 : logs[name];
    if (value === undefined) return whole;
    return digits === undefined ? String(value).padStart(Number(width ?? 0), '0') : value.toFixed(Number(digits));
  });

/** Saves the model after each epoch, or after each that is the best so far. */
export class ModelCheckpoint implements Callback {
  readonly #path: string;
  readonly #saveBestOnly: boolean;
  readonly #monitor: Monitor;

  constructor(path: string, { monitor = 'val_loss', saveBestOnly = false, mode = 'auto' }: ModelCheckpointOptions = {}) {
    this.#path = path;
    this.#saveBestOnly = saveBestOnly;
    this.#monitor = new Monitor(monitor, mode);
  }

  async onEpochEnd(epoch: number, logs: Logs, model: TrainingModel): Promise<void> {
    if (this.#saveBestOnly && !this.#monitor.improves(this.#monitor.value(logs))) return;
    await writeFileAtomically(formatPath(this.#path, epoch, logs), model.save());
  }
}

/** Sets the learning rate at the start of each epoch. */
export class LearningRateScheduler implements Callback {
  readonly #schedule: (epoch: number, learningRate: number) => number;

  constructor(schedule: (epoch: number, learningRate: number) => number) {
    this.#schedule = schedule;
  }

  onEpochBegin(epoch: number, model: TrainingModel): void {
    model.learningRate = this.#schedule(epoch, model.learningRate);
  }
}

/** Options of `ReduceLROnPlateau`. */
export interface ReduceLROnPlateauOptions {
  /** A number of the logs; `val_loss` where left out. */
  readonly monitor?: string;
  /** What the rate is multiplied by, below 1; 0.1 where left out. */
  readonly factor?: number;
  /** Epochs without improvement before it is; 10 where left out. */
  readonly patience?: number;
  readonly mode?: Mode;
  /** What counts as an improvement; 1e-4 where left out. */
  readonly minDelta?: number;
  /** Epochs after a change that do not count; 0 where left out. */
  readonly cooldown?: number;
  /** The rate does not fall below it; 0 where left out. */
  readonly minLr?: number;
}

/** Multiplies the learning rate by `factor` when a number no longer improves. */
export class ReduceLROnPlateau implements Callback {
  readonly #options: Required<ReduceLROnPlateauOptions>;
  #monitor: Monitor;
  #wait = 0;
  #cooldown = 0;

  constructor(options: ReduceLROnPlateauOptions = {}) {
    this.#options = { monitor: 'val_loss', factor: 0.1, patience: 10, mode: 'auto', minDelta: 1e-4, cooldown: 0, minLr: 0, ...options };
    if (!(this.#options.factor < 1)) throw new ThimbleError('INPUT', `factor ${this.#options.factor}`, { expected: 'less than 1' });
    this.#monitor = this.#fresh();
  }

  #fresh(): Monitor {
    return new Monitor(this.#options.monitor, this.#options.mode, this.#options.minDelta);
  }

  onTrainBegin(): void {
    this.#monitor = this.#fresh();
    this.#wait = 0;
    this.#cooldown = 0;
  }

  onEpochEnd(_: number, logs: Logs, model: TrainingModel): void {
    const improved = this.#monitor.improves(this.#monitor.value(logs));
    if (this.#cooldown > 0) {
      this.#cooldown--;
      this.#wait = 0;
    }
    if (improved) this.#wait = 0;
    else if (this.#cooldown === 0 && ++this.#wait >= this.#options.patience) {
      model.learningRate = Math.max(model.learningRate * this.#options.factor, this.#options.minLr);
      this.#cooldown = this.#options.cooldown;
      this.#wait = 0;
    }
  }
}

/** Stops at the first loss that is not a finite number. */
export class TerminateOnNaN implements Callback {
  onBatchEnd(_: number, logs: Logs, model: TrainingModel): void {
    if (!Number.isFinite(logs.loss)) model.stopTraining = true;
  }
}

/** Writes epoch, losses and metrics as CSV, a row an epoch. With `append` it continues a file that is there. */
export class CSVLogger implements Callback {
  readonly #path: string;
  readonly #separator: string;
  readonly #append: boolean;
  #lines: string[] = [];

  constructor(path: string, { separator = ',', append = false }: { readonly separator?: string; readonly append?: boolean } = {}) {
    this.#path = path;
    this.#separator = separator;
    this.#append = append;
  }

  async onTrainBegin(): Promise<void> {
    this.#lines = [];
    if (!this.#append) return;
    this.#lines = (await readTextFile(this.#path)).split('\n').filter(Boolean);
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    if (this.#lines.length === 0) this.#lines.push(['epoch', ...Object.keys(logs)].join(this.#separator));
    this.#lines.push([epoch, ...Object.values(logs)].join(this.#separator));
    await writeFileAtomically(this.#path, `${this.#lines.join('\n')}\n`);
  }
}
