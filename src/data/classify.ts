import { exp } from '../core/deterministic.ts';
import { ThimbleError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { decodeImage, type ImageDecoder } from './decode.ts';
import type { Image } from './image.ts';
import { preprocess } from './preprocess.ts';
import { ofLength } from './soundFolder.ts';
import { decodeWav, type Sound } from './wav.ts';

/** A model that says what its scores mean: what `load` of `thimble` and `thimble/runtime` give for a file that does. */
export interface ClassifyingModel {
  readonly task?: Task | undefined;
  run(feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
}

/** A class, and how probable it is. */
export interface Verdict {
  readonly label: string;
  readonly index: number;
  readonly probability: number;
}

/** What `classify` takes: a picture or sound as it is in its file, or decoded. */
export type Evidence = Uint8Array | Image | Sound;

const isImage = (given: Evidence): given is Image => 'width' in given;
const isSound = (given: Evidence): given is Sound => 'sampleRate' in given;

/**
 * What `model` takes a photograph (PNG, JPEG, BMP) or sound (WAV) for: every class, the most probable first. Decoding, preprocessing and probabilities
 * are the same on every host.
 * @throws INPUT where the model does not say how it wants its input; FORMAT for a file that cannot be decoded.
 */
export async function classify(model: ClassifyingModel, given: Evidence, decoders?: readonly ImageDecoder[]): Promise<Verdict[]> {
  const { task } = model;
  if (!task) {
    throw new ThimbleError('INPUT', 'the model does not say what it is for', {
      hint: 'train it with `thimble train`, export it with a task, or preprocess and run it yourself',
    });
  }
  return verdicts(task, scoresOf(task, model.run({ [task.input]: await modelInput(task, given, decoders) })));
}

/** A picture or sound as the model's input tensor, a batch of one. @throws as `classify`. */
export async function modelInput(task: Task, given: Evidence, decoders?: readonly ImageDecoder[]): Promise<Tensor> {
  const { preprocessing, sound } = task;
  if (preprocessing && !isSound(given)) {
    const { dtype, shape, data } = preprocess(isImage(given) ? given : await decodeImage(given, decoders), preprocessing);
    return tensor(data, [1, ...shape], dtype);
  }
  if (sound && !isImage(given)) {
    const { sampleRate, samples } = isSound(given) ? given : decodeWav(given);
    if (sampleRate !== sound.sampleRate)
      throw new ThimbleError('INPUT', 'the sound has another sample rate', { expected: `${sound.sampleRate} Hz`, got: `${sampleRate} Hz` });
    return tensor(ofLength(samples, sound.length), [1, sound.length]);
  }
  throw new ThimbleError('INPUT', `the model takes no ${isSound(given) ? 'sounds' : 'pictures'}`, {
    expected: preprocessing ? 'a picture' : sound ? 'a sound' : 'rows of numbers',
  });
}

function scoresOf(task: Task, outputs: Readonly<Record<string, Tensor>>): ArrayLike<number> {
  const scores = outputs[task.output]?.data;
  if (scores?.length === task.labels.length) return scores;
  throw new ThimbleError('FORMAT', `the model's output "${task.output}" does not fit its labels`, {
    expected: `${task.labels.length} scores`,
    got: scores ? String(scores.length) : Object.keys(outputs).join(', '),
  });
}

/** Each class with its probability, the most probable first. */
export function verdicts({ labels, scores: kind }: Task, scores: ArrayLike<number>): Verdict[] {
  const best = Math.max(...Array.from(scores));
  const powers = Array.from(scores, (score) => (kind === 'logits' ? exp(score - best) : score));
  const total = kind === 'logits' ? powers.reduce((sum, power) => sum + power, 0) : 1;
  return labels
    .map((label, index) => ({ label, index, probability: (powers[index] as number) / total }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index);
}
