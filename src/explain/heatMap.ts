import { ThimbleError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Image, withChannels } from '../data/image.ts';
import { heat, signed } from './colours.ts';
import type { ImageLayout } from './engine.ts';

export interface HeatMapOptions {
  /** Which row of the attribution. */
  readonly row?: number;
  /**
   * `magnitude`: how much a pixel counts, the largest of its channels. `signed`: what speaks for (red) and against (blue) the score, the sum of its
   * channels. Where left out, `magnitude` unless a value is below 0.
   */
  readonly kind?: 'magnitude' | 'signed';
  /** The picture the map is laid over; it is drawn on black (or white) where left out. A map of other extents is scaled to it. */
  readonly picture?: Image;
  /** Share of the map's colour where a pixel counts most. */
  readonly opacity?: number;
  /** Share of the pixels that are as strong as the colours go: outliers do not darken the rest. */
  readonly clipped?: number;
}

/** How much each pixel of one row counts: [height, width]. */
export interface PixelMap {
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** Row `row` of an attribution over an image, its channels as one. @throws INPUT where the attribution does not fit the image. */
export function pixelMap({ shape, data }: Tensor, layout: ImageLayout, row = 0, kind: 'magnitude' | 'signed' = 'magnitude'): PixelMap {
  const { height, width, channels, planar } = layout;
  const pixels = height * width;
  const size = data.length / (shape[0] as number);
  const own = size === pixels ? 1 : channels;
  if (size !== pixels * own || !(row >= 0 && row < (shape[0] as number))) {
    throw new ThimbleError('INPUT', 'this is no attribution over the image', {
      expected: `rows of ${height} × ${width} pixels`,
      got: `[${shape}], row ${row}`,
    });
  }
  const result = new Float32Array(pixels);
  for (let i = 0; i < pixels; i++) {
    let value = 0;
    for (let c = 0; c < own; c++) {
      const one = data[row * size + (planar ? c * pixels + i : i * own + c)] as number;
      value = kind === 'signed' ? value + one : Math.max(value, Math.abs(one));
    }
    result[i] = value;
  }
  return { height, width, data: result };
}

/** The map at other extents: bilinear between the centres of pixels. */
export function scaledMap(map: PixelMap, height: number, width: number): PixelMap {
  if (map.height === height && map.width === width) return map;
  const data = new Float32Array(height * width);
  const taps = (to: number, from: number) =>
    Array.from({ length: to }, (_, i) => {
      const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
      const low = Math.floor(at);
      return { low, high: Math.min(low + 1, from - 1), share: at - low };
    });
  const columns = taps(width, map.width);
  taps(height, map.height).forEach(({ low: top, high: bottom, share: down }, y) => {
    columns.forEach(({ low: left, high: right, share: across }, x) => {
      const line = (row: number) => {
        const [a, b] = [map.data[row * map.width + left] as number, map.data[row * map.width + right] as number];
        return a + (b - a) * across;
      };
      data[y * width + x] = line(top) + (line(bottom) - line(top)) * down;
    });
  });
  return { height, width, data };
}

/** The value that a share `clipped` of the magnitudes exceed; the largest where that is 0. */
function limitOf(data: Float32Array, clipped: number): number {
  const sorted = data.map(Math.abs).sort();
  const limit = sorted[Math.floor((sorted.length - 1) * (1 - clipped))] as number;
  return limit > 0 ? limit : (sorted.at(-1) as number);
}

/** An attribution over an image as a picture: colours that cover the photograph the more, the more a pixel counts. */
export function heatMap(values: Tensor, layout: ImageLayout, options: HeatMapOptions = {}): Image {
  const {
    row = 0,
    kind = values.data.some((value) => value < 0) ? 'signed' : 'magnitude',
    opacity = 0.85,
    clipped = 0.005,
    picture,
  } = options;
  if (!(opacity >= 0 && opacity <= 1)) throw new ThimbleError('INPUT', `opacity ${opacity}`, { expected: 'a share from 0 to 1' });
  const own = pixelMap(values, layout, row, kind);
  const { height, width } = picture ?? layout;
  const map = scaledMap(own, height, width);
  const limit = limitOf(map.data, clipped);
  const below = picture && withChannels(picture, 3).data;
  const data = new Uint8Array(height * width * 3);
  for (let i = 0; i < height * width; i++) {
    const share = limit > 0 ? Math.min(Math.max((map.data[i] as number) / limit, -1), 1) : 0;
    const colour = kind === 'signed' ? signed(share) : heat(share);
    const cover = below ? opacity * Math.abs(share) ** 0.75 : 1;
    for (let c = 0; c < 3; c++) data[i * 3 + c] = Math.round(colour[c as 0] * cover + (below?.[i * 3 + c] ?? 0) * (1 - cover));
  }
  return { width, height, channels: 3, data };
}
