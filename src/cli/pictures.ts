import type { Preprocessing } from '../core/preprocessing.ts';
import { preprocessing } from '../core/preprocessing.ts';
import { encodePng } from '../data/encode.ts';
import type { BrokenFile } from '../data/folder.ts';
import type { LabelledImage } from '../data/imageFolder.ts';
import { fitted, normalized } from '../data/preprocess.ts';
import type { Samples } from '../data/samples.ts';
import { type InferenceModel, type Tensor, type TensorInfo, ThimbleError } from '../index.ts';
import type { Report } from '../report/photographs.ts';
import type { Judged, Judgement } from './judged.ts';
import { mistakes } from './judged.ts';
import { Progress } from './progress.ts';

/** How pictures become inputs, where the model does not say; means and deviations of samples from 0 to 1. */
export interface PictureChoices {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly fit: Preprocessing['fit'];
}

/** The one input of a model of pictures. @throws INPUT where there are several, or it takes no pictures. */
function pictureInput(model: InferenceModel): {
  input: TensorInfo;
  layout: 'nhwc' | 'nchw';
  height: number;
  width: number;
  channels: 1 | 3;
} {
  const [input, ...others] = model.inputs;
  const [batch, a, b, c] = input?.shape ?? [];
  const layout = c === 1 || c === 3 ? 'nhwc' : 'nchw';
  const [height, width, channels] = layout === 'nhwc' ? [a, b, c] : [b, c, a];
  if (!input || others.length || batch !== 1 || input.shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new ThimbleError('INPUT', 'the base model takes no single picture', {
      expected: 'one input [1, height, width, 1 or 3] or [1, 1 or 3, height, width]',
      got: model.inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; '),
      hint: 'open extents are settled with --shape',
    });
  }
  return { input, layout, height: height as number, width: width as number, channels };
}

const scaledBy = (values: readonly number[] | undefined, factor: number): number | readonly number[] | undefined =>
  values && (values.length === 1 ? (values[0] as number) * factor : values.map((value) => value * factor));

/** What pictures go through for `model`: as it says itself, else as chosen, else -1 to 1; the bytes themselves for 8-bit inputs. */
export function preprocessingFor(model: InferenceModel, { mean, std, fit }: PictureChoices): Preprocessing {
  const own = model.task?.preprocessing;
  if (own) return own;
  const { input, layout, height, width, channels } = pictureInput(model);
  const shared = { width, height, channels, layout, fit };
  if (input.dtype === 'u8') return preprocessing({ ...shared, dtype: 'u8', mean: 0, deviation: 1 });
  if (input.dtype === 'i8') return preprocessing({ ...shared, dtype: 'i8', mean: 128, deviation: 1 });
  return preprocessing({ ...shared, mean: scaledBy(mean, 255) ?? 127.5, deviation: scaledBy(std, 255) ?? 127.5 });
}

/** Most bytes of resized pictures that are kept instead of being decoded anew each epoch. */
const KEPT = 2 ** 28;

/** The pictures in the model's size, kept where that is little. */
export function resized(samples: Samples<LabelledImage>, spec: Preprocessing): Samples<LabelledImage> {
  const decoding = new Progress('decoding');
  let done = 0;
  const small = samples.map(({ x, y, path }): LabelledImage => {
    done++;
    if (done === samples.count) decoding.end();
    else if (done < (samples.count ?? 0)) decoding.at(done, samples.count);
    return { x: fitted(x, spec), y, path };
  });
  return (samples.count ?? Number.POSITIVE_INFINITY) * spec.width * spec.height * spec.channels <= KEPT ? small.cache() : small;
}

/** Runs every picture through `predict`, which gives the probabilities of the classes for a batch of one. */
export async function judge(
  pictures: Samples<LabelledImage>,
  spec: Preprocessing,
  predict: (input: Tensor) => ArrayLike<number> | Promise<ArrayLike<number>>,
): Promise<Judged[]> {
  const judged: Judged[] = [];
  const progress = new Progress('classifying');
  for await (const { x, y, path } of pictures) {
    progress.at(judged.length, pictures.count);
    const { dtype, shape, data } = normalized(x, spec);
    const probabilities = Array.from(await predict({ dtype, shape: [1, ...shape], data }));
    judged.push({ path, truth: y, predicted: probabilities.indexOf(Math.max(...probabilities)), probabilities });
  }
  progress.end();
  return judged;
}

/** Pictures shown in a report. */
const SHOWN = 24;

/** The worst mistakes with their pictures, then right ones, up to a screenful. */
export async function shown(judgement: Judgement, pictures: Samples<LabelledImage>): Promise<Report['samples']> {
  const right = judgement.judged.filter(({ truth, predicted }) => truth === predicted);
  const chosen = [...mistakes(judgement), ...right].slice(0, SHOWN);
  const images = new Map<string, string>();
  const wanted = new Set(chosen.map(({ path }) => path));
  for await (const { x, path } of pictures) {
    if (wanted.has(path)) images.set(path, Buffer.from(encodePng(x)).toString('base64'));
  }
  const { classes } = judgement;
  return chosen.map(({ path, truth, predicted, probabilities }) => ({
    path,
    png: images.get(path) ?? '',
    truth: classes[truth] as string,
    predicted: classes[predicted] as string,
    probability: probabilities[predicted] as number,
  }));
}

export function printBroken(broken: readonly BrokenFile[]): void {
  if (broken.length) console.error(`${broken.length} file${broken.length === 1 ? ' was' : 's were'} left out:`);
  for (const { path, reason } of broken.slice(0, 10)) console.error(`  ${path}: ${reason}`);
}
