import type { Image } from './image.ts';

/** How a camera was held, by EXIF 2.32, tag 0x0112: 1 upright, 3 upside down, 6 and 8 on a side; 2, 4, 5, 7 the same mirrored. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const ORIENTATION_TAG = 0x0112;

/** The orientation in an EXIF block ("Exif\0\0" and a TIFF header), 1 where it states none or is damaged. */
export function orientationOf(exif: Uint8Array): Orientation {
  const tiff = exif.subarray(6);
  if (String.fromCharCode(...exif.subarray(0, 4)) !== 'Exif' || tiff.length < 8) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const little = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let at = directory + 2; at < directory + 2 + entries * 12 && at + 12 <= tiff.length; at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION_TAG) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? (value as Orientation) : 1;
  }
  return 1;
}

/** The image as it is seen when the camera is held as it was. */
export function upright(image: Image, orientation: Orientation): Image {
  if (orientation === 1) return image;
  const { width, height, channels, data } = image;
  const turned = orientation >= 5;
  const [w, h] = turned ? [height, width] : [width, height];
  const result = new Uint8Array(data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [a, b] = turned ? [y, x] : [x, y];
      // Column and row of the stored image that is seen at (x, y).
      const column = [2, 3, 7, 8].includes(orientation) ? width - 1 - a : a;
      const row = [3, 4, 6, 7].includes(orientation) ? height - 1 - b : b;
      const from = (row * width + column) * channels;
      const to = (y * w + x) * channels;
      for (let c = 0; c < channels; c++) result[to + c] = data[from + c] as number;
    }
  }
  return { width: w, height: h, channels, data: result };
}
