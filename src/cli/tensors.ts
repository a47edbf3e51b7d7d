// Files of tensors: .npy, .npz, .json, raw bytes, pictures and sounds.
import { extname } from 'node:path';
import { type Preprocessing, preprocessing } from '../core/preprocessing.ts';
import { modelInput } from '../data/classify.ts';
import { decodeImage } from '../data/decode.ts';
import { MicroFrontend, microSpeechFloats, microSpeechInput } from '../data/microFrontend.ts';
import { readNpy, readNpz } from '../data/npz.ts';
import { writeNpy, writeNpz } from '../data/npzWriter.ts';
import { preprocess } from '../data/preprocess.ts';
import { decodeWav } from '../data/wav.ts';
import { type Feed, type Task, type Tensor, type TensorInfo, ThimbleError, type TypedArray, tensor } from '../index.ts';
import type { PictureOptions } from './options.ts';
import { readInput } from './source.ts';

const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array } as const;
const sizeOf = (shape: readonly number[]) => shape.reduce((all, n) => all * n, 1);

/** Samples a second that the front end of keyword models takes. */
const FRONTEND_RATE = 16000;

/**
 * Reads the file at `path` for `input`. Its kind is told by its name; other names are raw bytes. `warn` is told where some of it is left out.
 * @throws INPUT where it cannot be read or has another size, FORMAT where it is damaged.
 */
export async function readFeed(
  path: string,
  input: TensorInfo,
  task: Task | undefined,
  picture: PictureOptions,
  warn: (text: string) => void = () => {},
): Promise<Feed> {
  const bytes = await readInput(path);
  const isTask = task?.input === input.name;
  switch (extname(path).toLowerCase()) {
    case '.npy':
      return fitted(readNpy(bytes), input);
    case '.json':
      return fitted(fromJson(bytes, path, input), input);
    case '.png':
    case '.jpg':
    case '.jpeg':
    case '.bmp':
      return isTask && task.preprocessing ? modelInput(task, bytes) : pictureFeed(bytes, input, picture);
    case '.wav':
      return isTask && task.sound ? modelInput(task, bytes) : soundFeed(bytes, input, warn);
    default:
      return rawFeed(bytes, path, input);
  }
}

/** The arrays of an .npz file, one for each input of that name. */
export async function readFeeds(path: string, inputs: readonly TensorInfo[]): Promise<Record<string, Feed>> {
  const found = await readNpz(await readInput(path));
  return Object.fromEntries(
    Object.entries(found).map(([name, array]) => {
      const input = inputs.find((candidate) => candidate.name === name);
      if (!input) {
        const expected = inputs.map((candidate) => candidate.name).join(', ');
        throw new ThimbleError('INPUT', `the model has no input "${name}"`, { node: path, expected });
      }
      return [name, fitted(array, input)];
    }),
  );
}

/** Numbers of another type that the input holds exactly, in its type; a shape of the same size, in its shape. */
function fitted({ shape, data }: Tensor, { dtype, shape: wanted }: TensorInfo): Feed {
  const Data = arrays[dtype];
  const isSame = data instanceof Data;
  const isWider = dtype === 'f32' || data.every((value) => new Data([value])[0] === value);
  const values: TypedArray = isSame || !isWider ? data : Data.from(data);
  const fits = sizeOf(shape) === sizeOf(wanted) && withoutOnes(shape) === withoutOnes(wanted);
  return tensor(values, fits ? wanted : shape, values instanceof Data ? dtype : undefined);
}

const withoutOnes = (shape: readonly number[]) => shape.filter((n) => n !== 1).join();

function fromJson(bytes: Uint8Array, path: string, { dtype }: TensorInfo): Tensor {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ThimbleError('FORMAT', `not JSON: ${(error as Error).message}`, { node: path });
  }
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat = Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
  const numbers = flat.map((entry) => (typeof entry === 'boolean' ? Number(entry) : entry));
  if (!numbers.every((entry) => typeof entry === 'number') || numbers.length !== sizeOf(shape))
    throw new ThimbleError('FORMAT', 'the JSON is not an array of numbers whose rows are of one length', { node: path });
  return tensor(dtype === 'f32' ? Float32Array.from(numbers as number[]) : Int32Array.from(numbers as number[]), shape);
}

function rawFeed(bytes: Uint8Array, path: string, { name, dtype, shape }: TensorInfo): Feed {
  const Data = arrays[dtype];
  const expected = sizeOf(shape) * Data.BYTES_PER_ELEMENT;
  if (bytes.length !== expected)
    throw new ThimbleError('INPUT', `"${path}" does not fit input "${name}"`, {
      expected: `${expected} raw bytes`,
      got: `${bytes.length}`,
      hint: 'files of other names than .npy, .npz, .json, .png, .jpg, .bmp and .wav are raw bytes',
    });
  return tensor(new Data(bytes.slice().buffer), shape, dtype);
}

/** A picture for an input [1, height, width, channels] or [1, channels, height, width]: from 0 to 1 less the mean, or bytes as they are. */
async function pictureFeed(bytes: Uint8Array, input: TensorInfo, picture: PictureOptions): Promise<Feed> {
  return tensor(preprocess(await decodeImage(bytes), pictureSpec(input, picture)).data, input.shape, input.dtype);
}

/** How a picture goes into such an input. @throws INPUT where none does. */
export function pictureSpec({ name, dtype, shape }: Omit<TensorInfo, 'type'>, { mean, std, bgr = false }: PictureOptions): Preprocessing {
  const [, a = 0, b = 0, c = 0] = shape;
  const isChannels = (n: number) => n === 1 || n === 3;
  const planar = isChannels(a) && !isChannels(c);
  const [height, width, channels] = planar ? [b, c, a] : [a, b, c];
  if (shape.length !== 4 || shape[0] !== 1 || !isChannels(channels) || dtype === 'i32' || dtype === 'bool') {
    throw new ThimbleError('INPUT', `input "${name}" does not take a picture`, {
      expected: 'f32, u8 or i8 of [1, height, width, channels] or [1, channels, height, width]',
      got: `${dtype} [${shape.join(', ')}]`,
    });
  }
  const scaled = (values: readonly number[]) => values.map((value) => value * 255);
  const plain = dtype === 'f32' ? { mean: 0, deviation: 255 } : { mean: dtype === 'i8' ? 128 : 0, deviation: 1 };
  return preprocessing({
    width,
    height,
    channels: channels as 1 | 3,
    layout: planar ? 'nchw' : 'nhwc',
    order: bgr ? 'bgr' : 'rgb',
    dtype,
    ...plain,
    ...(mean && { mean: scaled(mean) }),
    ...(std && { deviation: scaled(std) }),
  });
}

/**
 * A sound for an input of that many samples: cut at the end, or followed by silence. For an int8 input of so many windows of 40 values: what the front end
 * of TensorFlow Lite Micro hears, and so for a float input of as many values as it makes of the sound.
 */
function soundFeed(bytes: Uint8Array, { name, dtype, shape }: TensorInfo, warn: (text: string) => void): Feed {
  const { samples, sampleRate } = decodeWav(bytes);
  const size = sizeOf(shape);
  const frontend = new MicroFrontend();
  if (dtype === 'i8' && size > 0 && size % frontend.channels === 0) {
    if (sampleRate !== FRONTEND_RATE)
      throw new ThimbleError('INPUT', `input "${name}" does not take this sound`, {
        expected: `${FRONTEND_RATE} Hz`,
        got: `${sampleRate} Hz`,
      });
    const features = new Int8Array(size).fill(-128);
    features.set(microSpeechInput(frontend.process(samples)).subarray(0, size));
    return tensor(features, shape);
  }
  if (dtype !== 'f32') {
    const expected = 'f32, or int8 in windows of 40 values';
    throw new ThimbleError('INPUT', `input "${name}" does not take a sound`, { expected, got: `${dtype} [${shape.join(', ')}]` });
  }
  const values = sampleRate === FRONTEND_RATE ? frontend.process(samples) : undefined;
  if (values?.length === size && samples.length !== size) return tensor(microSpeechFloats(values), shape);
  if (shape.filter((extent) => extent > 1).length > 1) {
    const expected = `samples along one axis, or values of the front end of TensorFlow Lite Micro (${values?.length ?? 'none'} of this sound)`;
    throw new ThimbleError('INPUT', `input "${name}" does not take a sound`, { expected, got: `${dtype} [${shape.join(', ')}]` });
  }
  if (samples.length > size) {
    const seconds = (count: number) => (count / sampleRate).toFixed(2);
    warn(`input "${name}" takes ${size} samples: the first ${seconds(size)} s of ${seconds(samples.length)} s`);
  }
  const all = new Float32Array(size);
  all.set(samples.subarray(0, size));
  return tensor(all, shape);
}

/** The bytes of a file of tensors, by the extension of `path`. @throws INPUT for several tensors in a format of one. */
export async function writtenTensors(path: string, tensors: Readonly<Record<string, Tensor>>): Promise<Uint8Array | string> {
  const kind = extname(path).toLowerCase();
  const list = Object.entries(tensors);
  if (kind === '.npz') return writeNpz(tensors);
  if (kind === '.json') {
    const nested = list.map(([name, value]) => [name, { dtype: value.dtype, shape: value.shape, data: Array.from(value.data) }]);
    return `${JSON.stringify(Object.fromEntries(nested))}\n`;
  }
  const [first] = list;
  if (list.length !== 1 || !first) {
    throw new ThimbleError('INPUT', `${list.length} outputs do not fit into "${path}"`, {
      expected: 'a name that ends with .npz or .json, or one --output',
    });
  }
  const { data } = first[1];
  return kind === '.npy' ? writeNpy(first[1]) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
