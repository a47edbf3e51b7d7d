import { ThimbleError } from '../core/errors.ts';

export type Channels = 1 | 3 | 4;

/** A picture: 8-bit samples, rows from the top, channels side by side (grey; red, green, blue; and alpha). */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: Channels;
  /** height · width · channels samples. */
  readonly data: Uint8Array;
}

/** @throws INPUT where `image` has no extent, or its data is not width · height · channels samples. */
export function checkImage({ width, height, channels, data }: Image): void {
  const isWhole = (n: number) => Number.isInteger(n) && n > 0;
  if (isWhole(width) && isWhole(height) && [1, 3, 4].includes(channels) && data.length === width * height * channels) return;
  throw new ThimbleError('INPUT', 'this is not an image', {
    expected: 'width · height · channels samples, 1, 3 or 4 channels',
    got: `${width} × ${height} × ${channels}, ${data.length} samples`,
  });
}

/**
 * The image in `channels` channels, itself where it has them. Grey from colour is ITU-R 601 luma in 16-bit fixed point, as Pillow's `convert('L')`;
 * alpha is dropped, or opaque where it is added.
 */
export function withChannels(image: Image, channels: Channels): Image {
  const { width, height, channels: from, data } = image;
  if (from === channels) return image;
  const pixels = width * height;
  const result = new Uint8Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    const red = data[i * from] as number;
    const green = from === 1 ? red : (data[i * from + 1] as number);
    const blue = from === 1 ? red : (data[i * from + 2] as number);
    if (channels === 1) {
      result[i] = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
      continue;
    }
    result[i * channels] = red;
    result[i * channels + 1] = green;
    result[i * channels + 2] = blue;
    if (channels === 4) result[i * 4 + 3] = 255;
  }
  return { width, height, channels, data: result };
}

/** The pixels of an ImageBitmap, canvas or video frame, where the host has OffscreenCanvas: browsers, and Workers of browsers. */
export function imageOfBitmap(bitmap: ImageBitmap): Image {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (!context) throw new ThimbleError('INPUT', 'this host has no 2D canvas', { hint: 'decode the file with decodeImage' });
  context.drawImage(bitmap, 0, 0);
  return { width, height, channels: 4, data: new Uint8Array(context.getImageData(0, 0, width, height).data) };
}
