import { ThimbleError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Image } from '../data/image.ts';
import { type Colour, heat, signed } from './colours.ts';

const GAP = 1;
const PAPER = 32;

/** Tiles of `height` × `width` pixels side by side, `columns` a row. */
function grid(
  count: number,
  columns: number,
  height: number,
  width: number,
  colour: (tile: number, y: number, x: number) => Colour,
): Image {
  const rows = Math.ceil(count / columns);
  const size = { height: rows * (height + GAP) - GAP, width: columns * (width + GAP) - GAP };
  const data = new Uint8Array(size.height * size.width * 3).fill(PAPER);
  for (let tile = 0; tile < count; tile++) {
    const [top, left] = [Math.floor(tile / columns) * (height + GAP), (tile % columns) * (width + GAP)];
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(colour(tile, y, x), ((top + y) * size.width + left + x) * 3);
  }
  return { ...size, channels: 3, data };
}

const largest = (data: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i] as number));
  return most || 1;
};

/** The maps that a layer gives for row `row` (`Explainer.activations`), a tile a channel in one scale of colours: black is 0, red-white-blue where some are negative. */
export function activationView({ shape, data }: Tensor, row = 0, columns?: number): Image {
  const [rows = 0, height = 0, width = 0, channels = 0] = shape.length === 4 ? shape : [shape[0], 1, 1, shape.at(-1)];
  if ((shape.length !== 4 && shape.length !== 2) || !(row >= 0 && row < rows)) {
    throw new ThimbleError('INPUT', 'these are no maps', {
      expected: '[rows, height, width, channels] or [rows, units]',
      got: `[${shape}], row ${row}`,
    });
  }
  const own = (data as Float32Array).subarray(row * height * width * channels, (row + 1) * height * width * channels);
  const limit = largest(own);
  const colour = own.some((value) => value < 0) ? signed : heat;
  const across = columns ?? Math.ceil(Math.sqrt(channels));
  return grid(channels, across, height, width, (c, y, x) => colour((own[(y * width + x) * channels + c] as number) / limit));
}

/** Filters (`Explainer.filters`): of three channels in their own colours, grey being 0; else a line a filter and a tile a channel, red for and blue against. */
export function filterView({ shape, data }: Tensor): Image {
  const [height = 0, width = 0, channels = 0, filters = 0] = shape;
  if (shape.length !== 4)
    throw new ThimbleError('INPUT', 'these are no filters', { expected: '[height, width, channels, filters]', got: `[${shape}]` });
  const limit = largest(data);
  const at = (y: number, x: number, c: number, f: number) => (data[((y * width + x) * channels + c) * filters + f] as number) / limit;
  if (channels === 3) {
    const level = (share: number) => Math.round(127.5 + 127.5 * share);
    return grid(filters, Math.ceil(Math.sqrt(filters)), height, width, (f, y, x) => [
      level(at(y, x, 0, f)),
      level(at(y, x, 1, f)),
      level(at(y, x, 2, f)),
    ]);
  }
  const columns = channels === 1 ? Math.ceil(Math.sqrt(filters)) : channels;
  return grid(filters * channels, columns, height, width, (tile, y, x) => signed(at(y, x, tile % channels, Math.floor(tile / channels))));
}
