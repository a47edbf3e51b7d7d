import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { type Shape, stridesOf } from '../core/shape.ts';
import type { Inputs } from '../train/data.ts';
import type { Attribution } from './attribution.ts';
import type { Engine } from './engine.ts';
import type { TargetOptions } from './gradients.ts';

export interface OcclusionOptions extends TargetOptions {
  /** Height and width of the patch, or one number for both; an eighth of the image where left out. Elements, for inputs that are no images. */
  readonly size?: number | readonly [number, number];
  /** How far the patch moves; half its size where left out. */
  readonly stride?: number | readonly [number, number];
  /** What is written over the patch, in the input's own numbers: the mean of each channel of the row where left out. */
  readonly fill?: number;
  /** Called before each patch. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** An input as rows, columns and channels: of an image, or of a line of features. */
interface Plane {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Index of (y, x, channel). */
  at(y: number, x: number, channel: number): number;
  /** Shape of a map over it. */
  readonly shape: Shape;
}

function planeOf(engine: Engine): Plane {
  const { shape } = engine.subject.input;
  if (shape.length === 1) {
    const [width = 0] = shape;
    return { height: 1, width, channels: 1, at: (_, x) => x, shape };
  }
  const { height, width, channels, planar } = engine.image;
  const [a, b] = stridesOf(planar ? [channels, height, width] : [height, width, channels]) as [number, number];
  const at = planar ? (y: number, x: number, c: number) => c * a + y * b + x : (y: number, x: number, c: number) => y * a + x * b + c;
  return { height, width, channels, at, shape: [height, width] };
}

/** Where patches of `size` at every `stride` start, so that all of `extent` is covered. */
function startsOf(extent: number, size: number, stride: number): number[] {
  const last = Math.max(0, extent - size);
  const starts = Array.from({ length: Math.floor(last / stride) + 1 }, (_, i) => i * stride);
  return starts.at(-1) === last ? starts : [...starts, last];
}

/**
 * How far the score falls when a patch hides a part of the input (Zeiler and Fergus 2014): each pixel has the mean of the patches over it.
 * Needs no gradient, so it explains any model, quantized ones and programs of `.thimble` files too.
 */
export async function occlusion(
  engine: Engine,
  x: Inputs,
  { target, size, stride, fill, onProgress }: OcclusionOptions,
): Promise<Attribution> {
  const columns = engine.columns(x);
  const { rows } = columns;
  const { targets, scores } = await engine.targets(columns, target);
  const plane = planeOf(engine);
  const { height, width, shape } = plane;
  const [patchHeight, patchWidth] = pairOf('size', size ?? [Math.ceil(height / 8), Math.ceil(width / 8)], [height, width]);
  const [stepY, stepX] = pairOf('stride', stride ?? [Math.ceil(patchHeight / 2), Math.ceil(patchWidth / 2)], [height, width]);
  const patches = startsOf(height, patchHeight, stepY).flatMap((top) => startsOf(width, patchWidth, stepX).map((left) => ({ top, left })));
  const fills = Array.from({ length: rows }, (_, row) => fillsOf(engine.row(columns, row), plane, fill));
  const data = new Float32Array(rows * height * width);
  const covered = new Float32Array(height * width);
  const eachPixel = ({ top, left }: { top: number; left: number }, visit: (y: number, x: number) => void) => {
    for (let y = top; y < Math.min(height, top + patchHeight); y++)
      for (let x = left; x < Math.min(width, left + patchWidth); x++) visit(y, x);
  };
  for (const patch of patches) eachPixel(patch, (y, x) => (covered[y * width + x] = (covered[y * width + x] as number) + 1));
  const hidden = (index: number) => {
    onProgress?.(index, rows * patches.length);
    const row = Math.floor(index / patches.length);
    const image = engine.row(columns, row).slice();
    eachPixel(patches[index % patches.length] as { top: number; left: number }, (y, x) => {
      for (let c = 0; c < plane.channels; c++) image[plane.at(y, x, c)] = fills[row]?.[c] as number;
    });
    return { row, x: image };
  };
  const all = await engine.scores(columns, rows * patches.length, hidden);
  const { scores: count } = engine.subject;
  for (let index = 0; index < rows * patches.length; index++) {
    const row = Math.floor(index / patches.length);
    const fall = (scores[row] as number) - (all[index * count + (targets[row] as number)] as number);
    eachPixel(patches[index % patches.length] as { top: number; left: number }, (y, x) => {
      const pixel = y * width + x;
      data[row * height * width + pixel] = (data[row * height * width + pixel] as number) + fall / (covered[pixel] as number);
    });
  }
  return { values: { dtype: 'f32', shape: [rows, ...shape], data }, targets, scores };
}

/** What hides each channel. */
function fillsOf(image: TypedArray, { height, width, channels, at }: Plane, fill: number | undefined): number[] {
  return Array.from({ length: channels }, (_, c) => {
    if (fill !== undefined) return fill;
    let sum = 0;
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) sum += image[at(y, x, c)] as number;
    return sum / (height * width);
  });
}

function pairOf(name: string, given: number | readonly [number, number], limits: readonly [number, number]): [number, number] {
  const pair = typeof given === 'number' ? ([given, given] as const) : given;
  // A line of features is one high.
  const [y, x] = [Math.min(pair[0], limits[0]), pair[1]];
  if (pair.every((n) => Number.isInteger(n) && n >= 1) && x <= limits[1] && (pair[0] <= limits[0] || limits[0] === 1)) return [y, x];
  throw new ThimbleError('INPUT', `${name} of the patch is ${pair.join(' × ')}`, {
    expected: `whole numbers from 1 to ${limits.join(' × ')}`,
  });
}
