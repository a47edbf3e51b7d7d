// Training of model files that hold no training step: which part is trained, and on what.
import { type Command, Option } from 'commander';
import {
  adagrad,
  adam,
  adamW,
  type FineTuneOptions,
  type FineTuning,
  fineTune,
  type InferenceModel,
  rmsprop,
  sgd,
  ThimbleError,
  type Train,
} from '../index.ts';
import { positive, type SourceOptions, wholeNumber } from './options.ts';
import { openModel } from './source.ts';

const optimizers = { sgd, rmsprop, adagrad, adam, adamW };

/** What is assumed of a model that does not say how it trains. */
export interface TrainingOptions extends SourceOptions {
  readonly classes?: number | readonly string[];
  readonly scheme: string;
  readonly batch: number;
  readonly learningRate?: number;
  readonly optimizer: keyof typeof optimizers;
  readonly features?: string;
}

/** Names between commas, or how many there are. @throws INPUT for fewer than two. */
export function classes(text: string): number | string[] {
  const names = text.split(',').map((name) => name.trim());
  const count = /^\d+$/.test(text) ? Number(text) : undefined;
  if ((count ?? names.length) >= 2 && (count !== undefined || names.every(Boolean))) return count ?? names;
  throw new ThimbleError('INPUT', `"${text}" are no classes`, { expected: 'names between commas, or a number of at least 2' });
}

/** Adds the options of `TrainingOptions`. */
export const withTraining = (command: Command): Command =>
  command
    .option('--classes <names>', 'training .onnx or .tflite: names of new classes between commas, or how many; else its own go on', classes)
    .option('--scheme <what>', 'likewise: head, last:N, bias, all, or auto', 'head')
    .option('--batch <n>', 'likewise: items of an update; a step takes one', wholeNumber, 16)
    .option('--learning-rate <rate>', 'likewise; 0.01 for a head, 0.0001 for more', positive)
    .addOption(new Option('--optimizer <name>', 'likewise').choices(Object.keys(optimizers)).default('adam'))
    .option('--features <node>', 'likewise: the node whose output the head sees, where no classifier is found');

/** What training is made of, in words. */
function assumptions(tuning: FineTuning, { batch, optimizer }: TrainingOptions): string {
  const { parameters, scheme, reason, labels, keepsClassifier } = tuning;
  const shown = labels.length > 6 ? `${labels.length} classes` : `${labels.length} classes (${labels.join(', ')})`;
  const number = (n: number) => n.toLocaleString('en-US');
  return [
    `trains ${scheme} (${reason}): ${number(parameters.trained)} of ${number(parameters.total)} parameters`,
    `head: dense, ${shown}, ${keepsClassifier ? 'from the weights of the model’s own classifier' : 'new weights'} (--classes, --scheme, --features)`,
    `loss: sparse categorical cross-entropy; input "labels" is the index of the class, i32 [1]`,
    `${optimizer}, an update every ${batch} items: train_step takes one, accumulate the ${batch - 1} before it (--optimizer, --learning-rate, --batch)`,
  ].join('\n');
}

export interface Trainable {
  readonly model: InferenceModel;
  /** What was assumed; undefined where the file says itself how it trains. */
  readonly assumed: string | undefined;
  /** The same model with other options; undefined for a `.thimble` file, which is settled. */
  readonly again: ((change: FineTuneOptions) => Promise<InferenceModel>) | undefined;
}

/** An ONNX, TFLite or `.thimble` model with its training step. @throws INPUT for a `.thimble` file without one, or where no classifier is found. */
export async function openTrainable(path: string, options: TrainingOptions): Promise<Trainable> {
  const { budget, ...source } = options;
  const base = await openModel(path, source);
  if (!base.hasGraph) {
    if (base.training) return { model: budget === undefined ? base : await openModel(path, options), assumed: undefined, again: undefined };
    throw new ThimbleError('INPUT', 'the file has no training step', {
      node: path,
      hint: 'write it by `thimble train` without --inference-only or by export({ training: true }), or give the .onnx or .tflite it was made from',
    });
  }
  const tune = ({
    train = options.scheme as Train,
    batchSize = options.batch,
    optimizer = optimizers[options.optimizer],
  }: FineTuneOptions) => {
    const rate = options.learningRate;
    return fineTune(base, {
      train,
      batchSize,
      optimizer,
      classes: options.classes,
      ...(rate !== undefined && { learningRate: rate, headLearningRate: rate }),
      ...(options.features !== undefined && { features: options.features }),
      ...(train === 'auto' && budget !== undefined && { budget }),
    });
  };
  const preprocessing = base.task?.preprocessing;
  const whole = (tuning: FineTuning, limit?: number | string) =>
    tuning.toModel({ training: true, ...(preprocessing && { preprocessing }), ...(limit !== undefined && { budget: limit }) });
  const tuning = await tune({});
  return {
    model: whole(tuning, budget),
    assumed: assumptions(tuning, options),
    again: async (change) => whole(await tune(change)),
  };
}
