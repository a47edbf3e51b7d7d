import { ThimbleError } from './errors.ts';
import { checkPreprocessing, type Preprocessing } from './preprocessing.ts';

/** How a sound becomes the input of a model: one channel, samples from -1 to 1, cut or padded with silence at both ends. */
export interface SoundInput {
  readonly sampleRate: number;
  /** Samples. */
  readonly length: number;
}

/** What a classifier is for: where its pictures or sounds go in, and what its scores mean. Travels with the model. */
export interface Task {
  /** Name of the input that gets the picture, sound or row. */
  readonly input: string;
  /** Name of the output with a score for each class. */
  readonly output: string;
  /** Names of the classes, in the order of the scores. */
  readonly labels: readonly string[];
  /** What the scores are: softmax has been applied to probabilities, not to logits. */
  readonly scores: 'logits' | 'probabilities';
  readonly preprocessing?: Preprocessing;
  readonly sound?: SoundInput;
}

const MAX_LABELS = 1e6;

/** @throws INPUT for what is no task: it may come from a file. */
export function checkTask(task: Task): void {
  const fail = (what: string): never => {
    throw new ThimbleError('INPUT', `what the model says of its task is damaged: ${what}`);
  };
  if (typeof task !== 'object' || task === null) fail('it is no object');
  for (const field of ['input', 'output'] as const) if (typeof task[field] !== 'string') fail(`${field} is no name`);
  const { labels, scores, preprocessing, sound } = task;
  if (!Array.isArray(labels) || labels.length > MAX_LABELS || !labels.every((label) => typeof label === 'string'))
    fail('labels are no names');
  if (scores !== 'logits' && scores !== 'probabilities') fail(`scores are ${JSON.stringify(scores)}`);
  if (preprocessing !== undefined) checkPreprocessing(preprocessing);
  const isCount = (n: unknown) => Number.isInteger(n) && (n as number) > 0;
  if (sound !== undefined && !(isCount(sound?.sampleRate) && isCount(sound?.length))) fail('its sound has no rate or length');
}

const KEY = 'thimble.task';

/** A task as the metadata of an ONNX file (metadata_props): everything under one key, and the labels as other tools look for them. */
export const metadataOf = (task: Task): Record<string, string> => ({ [KEY]: JSON.stringify(task), labels: JSON.stringify(task.labels) });

/** The task in an ONNX file's metadata; undefined where there is none. @throws FORMAT where it is damaged. */
export function taskOf(metadata: ReadonlyMap<string, string>): Task | undefined {
  const text = metadata.get(KEY);
  if (text === undefined) return undefined;
  try {
    const task = JSON.parse(text) as Task;
    checkTask(task);
    return task;
  } catch (error) {
    throw new ThimbleError('FORMAT', `the metadata "${KEY}" is damaged: ${(error as Error).message}`);
  }
}
