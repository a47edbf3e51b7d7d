import { ThimbleError } from '../core/errors.ts';
import { type FolderOptions, type FolderSource, type LabelledFolder, labelledFolder } from './folder.ts';
import { decodeWav } from './wav.ts';

/** A sound, the index of its class, and the file it is from. */
export interface LabelledSound {
  /** Samples from -1 to 1. */
  readonly x: Float32Array;
  readonly y: number;
  readonly path: string;
}

export interface SoundFolderOptions extends FolderOptions {
  /** Samples a second that every file must have. */
  readonly sampleRate: number;
  /** Samples every sound is cut or padded with silence to, evenly at both ends; sounds keep their length where left out. */
  readonly length?: number;
}

/** WAV files in one sub-folder for each class. @throws INPUT as `labelledFolder`; while iterating SHAPE for another sample rate. */
export function soundFolder(source: FolderSource, options: SoundFolderOptions): Promise<LabelledFolder<LabelledSound>> {
  const { sampleRate, length } = options;
  return labelledFolder(
    source,
    (bytes, { path, label }): LabelledSound => {
      const sound = decodeWav(bytes);
      if (sound.sampleRate !== sampleRate) {
        throw new ThimbleError('SHAPE', 'the sound has another sample rate', {
          expected: `${sampleRate} Hz`,
          got: `${sound.sampleRate} Hz`,
          hint: 'convert it, or pass the rate of the files',
        });
      }
      return { x: length === undefined ? sound.samples : ofLength(sound.samples, length), y: label, path };
    },
    options,
  );
}

/** `samples` cut or padded with silence at both ends to `length`. */
export function ofLength(samples: Float32Array, length: number): Float32Array {
  const surplus = samples.length - length;
  if (surplus >= 0) return samples.slice(Math.floor(surplus / 2), Math.floor(surplus / 2) + length);
  const padded = new Float32Array(length);
  padded.set(samples, Math.floor(-surplus / 2));
  return padded;
}
