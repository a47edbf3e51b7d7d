import { cos } from '../core/deterministic.ts';
import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { checkImage, type Image } from './image.ts';
import type { Position } from './samples.ts';

/** Random changes that leave the class as it is. Each is drawn anew for every image; what is left out does not happen. */
export interface Augmentation {
  /** Mirrored left to right, every other time. */
  readonly flip?: boolean;
  /** Mirrored top to bottom, every other time. */
  readonly flipVertical?: boolean;
  /** Moved by up to this share of each side. */
  readonly shift?: number;
  /** Turned by up to these degrees, either way. */
  readonly rotate?: number;
  /** Scaled by a factor from 1 - zoom to 1 + zoom. */
  readonly zoom?: number;
  /** A window of at least this share of the area, scaled to the whole. */
  readonly crop?: number;
  /** Samples times a factor from 1 - brightness to 1 + brightness. */
  readonly brightness?: number;
  /** Distances from the mean sample times a factor from 1 - contrast to 1 + contrast. */
  readonly contrast?: number;
  /** A grey square of this share of the shorter side (DeVries and Taylor 2017). */
  readonly cutout?: number;
  readonly seed?: number;
}

const limits: Readonly<Record<string, readonly [low: number, high: number]>> = {
  shift: [0, 1],
  rotate: [0, 180],
  zoom: [0, 0.9],
  crop: [0.01, 1],
  brightness: [0, 1],
  contrast: [0, 1],
  cutout: [0, 1],
};

/** Random numbers of one sample in one epoch: whoever asks, in whatever order, gets the same. */
export const randomAt = (seed: number, { epoch, index }: Position): Random =>
  new Random(Math.imul(Math.imul(seed ^ 0x85ebca6b, 0x9e3779b1) ^ (epoch + 1), 0x27d4eb2f) ^ Math.imul(index + 1, 0x165667b1));

/**
 * A function that changes an image as `options` says, for `samples.map`. Image and position (epoch and index) decide the result alone.
 * @throws INPUT for amounts that are none.
 */
export function augmentation(options: Augmentation): (image: Image, position: Position) => Image {
  for (const [name, [low, high]] of Object.entries(limits)) {
    const amount = options[name as keyof Augmentation];
    if (amount !== undefined && !((amount as number) >= low && (amount as number) <= high))
      throw new ThimbleError('INPUT', `augmentation: ${name} is ${amount}`, { expected: `a number from ${low} to ${high}` });
  }
  return (image, position) => {
    checkImage(image);
    const random = randomAt(options.seed ?? 1, position);
    return cutOut(relit(moved(image, options, random), options, random), options, random);
  };
}

/** Everything that moves pixels, in one bilinear resampling; what comes from outside is the nearest pixel of the border. */
function moved(image: Image, { flip, flipVertical, shift = 0, rotate = 0, zoom = 0, crop = 1 }: Augmentation, random: Random): Image {
  const { width, height } = image;
  const mirrorX = flip && random.uniform() < 0.5 ? -1 : 1;
  const mirrorY = flipVertical && random.uniform() < 0.5 ? -1 : 1;
  const side = Math.sqrt(random.uniform(crop, 1));
  const scale = side / random.uniform(1 - zoom, 1 + zoom);
  const room = (1 - side) / 2;
  const dx = (random.uniform(-room, room) + random.uniform(-shift, shift)) * width;
  const dy = (random.uniform(-room, room) + random.uniform(-shift, shift)) * height;
  const angle = (random.uniform(-rotate, rotate) * Math.PI) / 180;
  if (scale === 1 && angle === 0 && dx === 0 && dy === 0 && mirrorX === 1 && mirrorY === 1) return image;
  const [c, s] = [cos(angle) * scale, cos(angle - Math.PI / 2) * scale];
  return resampled(image, (x, y) => [
    width / 2 + dx + mirrorX * (c * (x - width / 2) - s * (y - height / 2)),
    height / 2 + dy + mirrorY * (s * (x - width / 2) + c * (y - height / 2)),
  ]);
}

/** Each pixel from `source(x, y)` of the old image; coordinates are of pixel centres, from the upper left corner. */
function resampled({ width, height, channels, data }: Image, source: (x: number, y: number) => readonly [number, number]): Image {
  const result = new Uint8Array(data.length);
  const inside = (n: number, size: number) => Math.min(size - 1, Math.max(0, n));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = source(x + 0.5, y + 0.5);
      const [left, top] = [Math.floor(u - 0.5), Math.floor(v - 0.5)];
      const [fx, fy] = [u - 0.5 - left, v - 0.5 - top];
      const [x0, x1] = [inside(left, width) * channels, inside(left + 1, width) * channels];
      const [y0, y1] = [inside(top, height) * width * channels, inside(top + 1, height) * width * channels];
      for (let i = 0; i < channels; i++) {
        const above = (data[y0 + x0 + i] as number) * (1 - fx) + (data[y0 + x1 + i] as number) * fx;
        const below = (data[y1 + x0 + i] as number) * (1 - fx) + (data[y1 + x1 + i] as number) * fx;
        result[(y * width + x) * channels + i] = Math.round(above * (1 - fy) + below * fy);
      }
    }
  }
  return { width, height, channels, data: result };
}

function relit(image: Image, { brightness = 0, contrast = 0 }: Augmentation, random: Random): Image {
  const [bright, strong] = [random.uniform(1 - brightness, 1 + brightness), random.uniform(1 - contrast, 1 + contrast)];
  if (bright === 1 && strong === 1) return image;
  const mean = (image.data.reduce((sum, sample) => sum + sample, 0) / image.data.length) * bright;
  const table = Uint8Array.from({ length: 256 }, (_, i) => Math.min(255, Math.max(0, Math.round((i * bright - mean) * strong + mean))));
  return { ...image, data: image.data.map((sample) => table[sample] as number) };
}

const GREY = 128;

function cutOut(image: Image, { cutout = 0 }: Augmentation, random: Random): Image {
  const { width, height, channels } = image;
  const side = Math.round(Math.min(width, height) * cutout);
  const [x, y] = [random.uniform(0, width), random.uniform(0, height)].map((centre) => Math.round(centre - side / 2)) as [number, number];
  if (side === 0) return image;
  const data = image.data.slice();
  const [from, to] = [Math.max(0, x), Math.min(width, x + side)];
  for (let row = Math.max(0, y); row < Math.min(height, y + side); row++)
    data.fill(GREY, (row * width + from) * channels, (row * width + to) * channels);
  return { ...image, data };
}
