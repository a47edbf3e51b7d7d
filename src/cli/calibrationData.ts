import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { readNpy, readNpz } from '../data/npz.ts';
import { type CalibrationData, type Feed, type Shape, type Shaped, type Task, type TensorInfo, ThimbleError } from '../index.ts';
import type { PictureOptions } from './options.ts';
import { readInput } from './source.ts';
import { readFeed } from './tensors.ts';

/** Names of arrays and files that hold the class of each row. */
const LABELS = new Set(['labels', 'label', 'y']);
const ARRAYS = new Set(['.npy', '.npz', '.raw', '.bin', '.f32']);
/** One file is one call. */
const SAMPLES = new Set(['.png', '.jpg', '.jpeg', '.bmp', '.wav']);

/** What a folder holds to calibrate with, and the classes, where it has them. */
export interface CalibrationFiles {
  readonly data: CalibrationData;
  readonly labels: Int32Array | undefined;
}

/**
 * Reads a folder: `.npy` files named as the inputs, or of any name where there is one input (then they follow one another in the order of their
 * names); `.npz` files with arrays of those names; `.raw`, `.bin` and `.f32` files of bare elements; `labels` or `y` are the classes. Or pictures or
 * sounds, one a call, as `thimble run` reads them; those in sub-folders have the class of that name: of the model's labels where it has them, else in
 * alphabetical order.
 * @throws INPUT where it cannot be read, has nothing for an input, or something else, or arrays beside pictures; FORMAT for damaged files.
 */
export async function readCalibrationData(
  folder: string,
  inputs: readonly TensorInfo[],
  task: Task | undefined,
  picture: PictureOptions,
): Promise<CalibrationFiles> {
  const names = await filesIn(folder);
  const samples = names.filter(isSample);
  const arrays = names.filter((name) => ARRAYS.has(extname(name)));
  if (arrays.length > 0 && samples.length > 0) {
    throw new ThimbleError('INPUT', 'the folder has arrays, and pictures or sounds', {
      node: folder,
      got: `${arrays[0]}, ${samples[0]}`,
      hint: 'keep them in folders of their own; pictures have their classes by sub-folders',
    });
  }
  if (samples.length > 0) return { data: await calls(folder, samples, inputs, task, picture), labels: classesOf(samples, task) };
  const parts = new Map<string, Shaped[]>();
  for (const name of arrays) {
    const path = join(folder, name);
    for (const [key, part] of await arraysOf(path, name, inputs)) {
      const input = LABELS.has(key) ? undefined : portOf(key, inputs);
      const port = LABELS.has(key) ? 'labels' : input?.name;
      if (port === undefined) {
        const expected = [...inputs.map((input) => input.name), 'labels'].join(', ');
        throw new ThimbleError('INPUT', `"${key}" is no input of the model`, { node: path, expected });
      }
      if (input && input.dtype !== 'f32' && part.data instanceof Float32Array)
        throw new ThimbleError('INPUT', `input "${port}" takes no floats`, { node: path, expected: input.type });
      parts.set(port, [...(parts.get(port) ?? []), part]);
    }
  }
  const missing = inputs.filter(({ name }) => !parts.has(name)).map(({ name }) => name);
  if (missing.length) {
    throw new ThimbleError('INPUT', `the folder has no data for "${missing.join('", "')}"`, {
      node: folder,
      expected: missing.map((name) => `${name}.npy`).join(', '),
      got: names.slice(0, 10).join(', ') || 'an empty folder',
    });
  }
  const labels = parts.get('labels');
  return {
    data: Object.fromEntries(inputs.map(({ name, dtype }) => [name, joined(parts.get(name) ?? [], types[dtype])])),
    labels: labels && (joined(labels, Int32Array).data as Int32Array),
  };
}

const types = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array } as const;

/** One array after the other, as elements of `type`: files of one shape are rows, others have rows. */
function joined(parts: readonly Shaped[], type: (typeof types)[keyof typeof types]): Shaped {
  const data = new type(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const shapes = parts.map(({ shape }) => shape);
  const [first = []] = shapes;
  const areAlike = (of: (shape: Shape) => Shape) => shapes.every((shape) => of(shape).join() === of(first).join());
  if (parts.length === 1) return { shape: first, data };
  if (areAlike((shape) => shape)) return { shape: [parts.length, ...first], data };
  if (!areAlike((shape) => shape.slice(1))) return { shape: [data.length], data };
  return { shape: [shapes.reduce((rows, [extent = 1]) => rows + extent, 0), ...first.slice(1)], data };
}

/** The input that an array or file is for; the only one takes any name. */
const portOf = (name: string, inputs: readonly TensorInfo[]): TensorInfo | undefined =>
  inputs.find((input) => input.name === name) ?? (inputs.length === 1 ? inputs[0] : undefined);

/** Files of the folder, and pictures and sounds of its sub-folders. */
async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = await Promise.all(
      entries.map(async (entry) => {
        if (!entry.isDirectory()) return [entry.name];
        const inside = await readdir(join(folder, entry.name));
        return inside.filter(isSample).map((name) => `${entry.name}/${name}`);
      }),
    );
    return names.flat().sort();
  } catch (error) {
    throw new ThimbleError('INPUT', `cannot read the folder: ${(error as Error).message}`, { node: folder });
  }
}

const isSample = (name: string): boolean => SAMPLES.has(extname(name).toLowerCase());

/** The class of each file by the name of its sub-folder; undefined where one is in none, or in one that is no class. */
function classesOf(files: readonly string[], task: Task | undefined): Int32Array | undefined {
  const names = files.map((file) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : ''));
  const classes = task?.labels ?? [...new Set(names)].sort();
  const labels = Int32Array.from(names, (name) => classes.indexOf(name));
  return names.includes('') || labels.includes(-1) ? undefined : labels;
}

async function arraysOf(path: string, file: string, inputs: readonly TensorInfo[]): Promise<[string, Shaped][]> {
  const name = file.slice(0, file.length - extname(file).length);
  const bytes = await readInput(path);
  try {
    if (extname(file) === '.npy') return [[name, readNpy(bytes)]];
    if (extname(file) === '.npz') return Object.entries(await readNpz(bytes));
    const type = LABELS.has(name) ? Int32Array : types[portOf(name, inputs)?.dtype ?? 'f32'];
    if (bytes.length % type.BYTES_PER_ELEMENT) throw new ThimbleError('FORMAT', `${bytes.length} bytes are no whole number of elements`);
    const data = new type(bytes.slice().buffer);
    return [[name, { shape: [data.length], data }]];
  } catch (error) {
    if (error instanceof ThimbleError) throw error.at({ node: path });
    throw error;
  }
}

/** Pictures and sounds, which only a model with one input can tell what to do with, or one that says what it is for. */
async function calls(
  folder: string,
  files: readonly string[],
  inputs: readonly TensorInfo[],
  task: Task | undefined,
  picture: PictureOptions,
): Promise<Record<string, Feed>[]> {
  const input = inputs.find(({ name }) => name === task?.input) ?? inputs[0];
  if (!input || inputs.length !== 1)
    throw new ThimbleError('INPUT', `the model has ${inputs.length} inputs: give arrays named as they are`, { node: folder });
  // What is said of one file goes for all.
  let isWarned = false;
  const warn = (text: string) => {
    if (!isWarned) console.error(text);
    isWarned = true;
  };
  return Promise.all(files.map(async (file) => ({ [input.name]: await readFeed(join(folder, file), input, task, picture, warn) })));
}
