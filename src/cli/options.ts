import { type Command, Option } from 'commander';
import { ThimbleError } from '../index.ts';

/** Parses a whole number of at least 1. @throws INPUT for anything else. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new ThimbleError('INPUT', `"${text}" is not a whole number of at least 1`);
  }
  return value;
}

/** Numbers between commas. @throws INPUT for anything else. */
export const numbers = (text: string): number[] => {
  const values = text.split(',').map(Number);
  if (values.some(Number.isNaN)) throw new ThimbleError('INPUT', `"${text}" is not a list of numbers`, { expected: '0.485,0.456,0.406' });
  return values;
};

/** `image=1,3,224,224` or `batch=4`, once for each input or dimension. @throws INPUT for anything else. */
export function shape(text: string, before: Readonly<Record<string, number | number[]>> = {}): Record<string, number | number[]> {
  const at = text.lastIndexOf('=');
  const extents = text.slice(at + 1).split(/[,x]/);
  if (at < 1 || !extents.every((extent) => /^\d+$/.test(extent)))
    throw new ThimbleError('INPUT', `"${text}" is not a shape`, { expected: 'input=1,3,224,224, or dimension=4' });
  return { ...before, [text.slice(0, at)]: extents.length === 1 ? Number(extents[0]) : extents.map(Number) };
}

/** `name=value` with a name of the model; a value alone has the name ''. */
export const named = (text: string, before: readonly (readonly [string, string])[] = []): (readonly [string, string])[] => {
  const at = text.indexOf('=');
  return [...before, at < 1 ? ['', text] : [text.slice(0, at), text.slice(at + 1)]];
};

/** `h=hn`, once for each input that is state. @throws INPUT for anything else. */
export function state(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new ThimbleError('INPUT', `"${text}" is not a state`, { expected: 'input=output' });
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** What every command that reads a model takes. */
export interface SourceOptions {
  readonly shape?: Record<string, number | number[]>;
  readonly state?: Record<string, string>;
  readonly signature?: readonly string[];
  readonly budget?: string;
  readonly flavour?: 'auto' | 'scalar' | 'simd' | 'relaxed';
}

/** Adds the options of `SourceOptions`. */
export const withSource = (command: Command): Command =>
  command
    .option('--shape <name=extents>', 'shape of an input that the model leaves open, or extent of a dimension; repeatable', shape)
    .option(
      '--state <input=output>',
      'an input that holds what an output had at the call before: the model keeps it itself; repeatable',
      state,
    )
    .option(
      '--signature <key>',
      'signature of a .tflite file; repeatable: the first is what runs, all share weights and variables in a .thimble file',
      (key: string, before: readonly string[] = []) => [...before, key],
    )
    .option('--budget <size>', 'what the whole linear memory may use, such as 256KB, or "least": as little as gives the same results');

/** How pictures become inputs, where the model does not say. */
export interface PictureOptions {
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly bgr?: boolean;
}

/** Adds the options of `PictureOptions`. */
export const withPicture = (command: Command): Command =>
  command
    .option('--mean <values>', 'for pictures where the model does not say: from samples of 0 to 1, one for all or one a channel', numbers)
    .option('--std <values>', 'likewise: divided by', numbers)
    .option('--bgr', 'likewise: blue first');

/** The option that chooses kernels to run on. */
export const flavourOption = (): Option =>
  new Option('--flavour <kernels>', 'kernels to run on').choices(['auto', 'scalar', 'simd', 'relaxed']).default('auto');

/** Parses a share above 0 and below 1. @throws INPUT for anything else. */
export function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new ThimbleError('INPUT', `"${text}" is not a share`, { expected: 'a number between 0 and 1' });
}

/** Parses a number above 0. @throws INPUT for anything else. */
export function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new ThimbleError('INPUT', `"${text}" is not a number above 0`);
}
