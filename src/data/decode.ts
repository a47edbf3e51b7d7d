import { decode as decodePngFile } from 'fast-png';
import { decode as decodeJpegFile } from 'jpeg-js';
import { ThimbleError } from '../core/errors.ts';
import { decodeBmp } from './bmp.ts';
import type { Channels, Image } from './image.ts';
import { expanded, unpacked } from './indexed.ts';
import { type Orientation, orientationOf, upright } from './orientation.ts';

/** A file format: how its files start, and how they become pixels. Give your own to `decodeImage` for formats thimble does not bring. */
export interface ImageDecoder {
  readonly name: string;
  readonly matches: (bytes: Uint8Array) => boolean;
  readonly decode: (bytes: Uint8Array) => Image | Promise<Image>;
}

/** The most pixels an image may have: a header of a few bytes must not allocate gigabytes. */
const MAX_PIXELS = 1e8;

const startsWith = (bytes: Uint8Array, ...prefix: number[]): boolean => prefix.every((byte, i) => bytes[i] === byte);

const png: ImageDecoder = { name: 'PNG', matches: (bytes) => startsWith(bytes, 0x89, 0x50, 0x4e, 0x47), decode: decodePng };
const jpeg: ImageDecoder = { name: 'JPEG', matches: (bytes) => startsWith(bytes, 0xff, 0xd8), decode: decodeJpeg };
const bmp: ImageDecoder = {
  name: 'BMP',
  matches: (bytes) => startsWith(bytes, 0x42, 0x4d),
  decode: (bytes) => decodeBmp(bytes, checkExtent),
};

/**
 * The pixels of a PNG, JPEG or BMP file (JPEG: baseline or progressive, 8 bits; PNG of any depth, palettes expanded, 16 bits cut to 8; BMP without
 * compression), upright as EXIF says. Integer arithmetic throughout: the same pixels on every host.
 * @param decoders more formats; they are asked first.
 * @throws FORMAT for another format or a damaged file.
 */
export async function decodeImage(bytes: Uint8Array, decoders: readonly ImageDecoder[] = []): Promise<Image> {
  const decoder = [...decoders, png, jpeg, bmp].find(({ matches }) => matches(bytes));
  if (!decoder) {
    throw new ThimbleError('FORMAT', bytes.length ? 'the file is no PNG, JPEG or BMP' : 'the file is empty', {
      hint: 'convert it, or pass a decoder for its format',
    });
  }
  try {
    return await decoder.decode(bytes);
  } catch (error) {
    if (error instanceof ThimbleError) throw error;
    throw new ThimbleError('FORMAT', `the ${decoder.name} is damaged: ${(error as Error).message}`);
  }
}

function checkExtent(width: number, height: number): void {
  if (width > 0 && height > 0 && width * height <= MAX_PIXELS) return;
  throw new ThimbleError('FORMAT', `the image says it has ${width} × ${height} pixels`, { expected: `1 to ${MAX_PIXELS}` });
}

function decodePng(bytes: Uint8Array): Image {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33) throw new Error('it ends in its header');
  checkExtent(header.getUint32(16), header.getUint32(20));
  const decoded = decodePngFile(bytes, { checkCrc: true });
  const { width, height, palette } = decoded;
  const pixels = width * height;
  const bits =
    decoded.depth < 8 ? unpacked(decoded.data, width, height, decoded.depth, Math.ceil((width * decoded.depth) / 8)) : decoded.data;
  if (palette) return { width, height, ...expanded(bits, palette, pixels) };
  // Grey with alpha has two channels; its alpha is dropped, as everywhere.
  const from = decoded.channels;
  const channels = (from === 2 ? 1 : from) as Channels;
  const data = new Uint8Array(pixels * channels);
  const scale = decoded.depth < 8 ? 255 / (2 ** decoded.depth - 1) : 1;
  const shift = decoded.depth === 16 ? 8 : 0;
  for (let i = 0; i < pixels; i++)
    for (let c = 0; c < channels; c++) data[i * channels + c] = ((bits[i * from + c] as number) >> shift) * scale;
  return { width, height, channels, data };
}

function decodeJpeg(bytes: Uint8Array): Image {
  const { components, orientation, width, height } = jpegHeader(bytes);
  checkExtent(width, height);
  const decoded = decodeJpegFile(bytes, { useTArray: true, formatAsRGBA: false, tolerantDecoding: false, maxMemoryUsageInMB: 2048 });
  const grey = components === 1;
  const data = grey ? decoded.data.filter((_, i) => i % 3 === 0) : decoded.data;
  return upright({ width, height, channels: grey ? 1 : 3, data }, orientation);
}

/** What the segments before the pixels say (ITU-T T.81, B.1.1.4). */
function jpegHeader(bytes: Uint8Array): { components: number; width: number; height: number; orientation: Orientation } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation: Orientation = 1;
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1] as number;
    if (bytes[at] !== 0xff) throw new Error(`no marker at byte ${at}`);
    if (marker === 0xff) {
      at++;
      continue;
    }
    const length = view.getUint16(at + 2);
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (marker === 0xe1 && orientation === 1) orientation = orientationOf(body);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame && body.length >= 6) {
      return { components: body[5] as number, height: view.getUint16(at + 5), width: view.getUint16(at + 7), orientation };
    }
    if (length < 2) break;
    at += 2 + length;
  }
  throw new Error('it ends before its frame header');
}
