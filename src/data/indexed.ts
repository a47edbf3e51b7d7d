// Pictures of several pixels a byte, and of colours from a palette.
import type { Image } from './image.ts';

/** One sample an element, where a byte holds several, the first in its highest bits; a row has `rowBytes`. */
export function unpacked(data: ArrayLike<number>, width: number, height: number, depth: number, rowBytes: number): Uint8Array {
  const mask = 2 ** depth - 1;
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = data[Math.floor(i / width) * rowBytes + (bit >> 3)] as number;
    return (byte >> (8 - depth - (bit & 7))) & mask;
  });
}

/** Colours of a palette, with alpha where one of them is not opaque. */
export function expanded(
  indexes: ArrayLike<number>,
  palette: readonly (readonly number[])[],
  pixels: number,
): Pick<Image, 'channels' | 'data'> {
  const channels = palette.some((colour) => (colour[3] ?? 255) !== 255) ? 4 : 3;
  const data = new Uint8Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    const colour = palette[indexes[i] as number];
    if (!colour) throw new Error(`pixel ${i} has colour ${indexes[i]} of ${palette.length}`);
    for (let c = 0; c < channels; c++) data[i * channels + c] = colour[c] ?? 255;
  }
  return { channels, data };
}
