import { ThimbleError } from '../core/errors.ts';
import type { Channels, Image } from './image.ts';
import { expanded, unpacked } from './indexed.ts';

/** Bytes of the file header, which is before the header of the bitmap. */
const FILE_HEADER = 14;
/** Bytes of the headers of OS/2 (BITMAPCOREHEADER) and of Windows 3 (BITMAPINFOHEADER); later ones extend the second. */
const CORE = 12;
const INFO = 40;
/** Values of biCompression: plain samples, and samples whose bits are told by masks. */
const PLAIN = 0;
const BIT_FIELDS = 3;
const ALPHA_BIT_FIELDS = 6;

interface Bitmap {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Where the header ends, the palette or the masks begin. */
  readonly headerEnd: number;
  readonly isCore: boolean;
  readonly colours: number;
  readonly pixelsAt: number;
}

/**
 * The pixels of a Windows or OS/2 bitmap (Microsoft, "Bitmap Storage"): 1, 4 or 8 bits from a palette, 16, 24 or 32 bits of colour, rows from the
 * bottom or the top. A palette of greys gives one channel, a mask of alpha four.
 * @param checkExtent throws where the header asks for too many pixels.
 * @throws FORMAT where pixels are compressed (run lengths, embedded JPEG or PNG); other errors for a damaged file.
 */
export function decodeBmp(bytes: Uint8Array, checkExtent: (width: number, height: number) => void): Image {
  const bitmap = headerOf(bytes);
  const { width, height, bits, compression } = bitmap;
  checkExtent(width, height);
  if (![PLAIN, BIT_FIELDS, ALPHA_BIT_FIELDS].includes(compression))
    throw new ThimbleError('FORMAT', `the pixels of the BMP are compressed (method ${compression})`, {
      hint: 'save it uncompressed, or as PNG',
    });
  const rows = rowsOf(bitmap);
  if (bits <= 8) return { width, height, ...indexedPixels(bitmap, rows) };
  if (bits === 24) return { width, height, channels: 3, data: reversed(rows, width, height) };
  return { width, height, ...maskedPixels(bitmap, rows) };
}

function headerOf(bytes: Uint8Array): Bitmap {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(FILE_HEADER, true);
  const isCore = size === CORE;
  if (!isCore && size < INFO) throw new Error(`a header of ${size} bytes is not known`);
  const signed = isCore ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(isCore ? 24 : 28, true);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw new Error(`pixels of ${bits} bits are not known`);
  return {
    bytes,
    view,
    width: isCore ? view.getUint16(18, true) : view.getInt32(18, true),
    height: Math.abs(signed),
    topDown: signed < 0,
    bits,
    compression: isCore ? PLAIN : view.getUint32(30, true),
    headerEnd: FILE_HEADER + size,
    isCore,
    colours: (isCore ? 0 : view.getUint32(46, true)) || 2 ** Math.min(bits, 8),
    pixelsAt: view.getUint32(10, true),
  };
}

const rowBytesOf = ({ width, bits }: Bitmap): number => Math.ceil((width * bits) / 32) * 4;

/** The bytes of the rows from the top; each row has a multiple of 4. */
function rowsOf(bitmap: Bitmap): Uint8Array {
  const { bytes, height, topDown, pixelsAt } = bitmap;
  const rowBytes = rowBytesOf(bitmap);
  const found = bytes.subarray(pixelsAt, pixelsAt + rowBytes * height);
  if (found.length < rowBytes * height) throw new Error(`it ends after ${found.length} of ${rowBytes * height} bytes of pixels`);
  if (topDown) return found;
  const rows = new Uint8Array(found.length);
  for (let y = 0; y < height; y++) rows.set(found.subarray((height - 1 - y) * rowBytes, (height - y) * rowBytes), y * rowBytes);
  return rows;
}

function indexedPixels(bitmap: Bitmap, rows: Uint8Array): Pick<Image, 'channels' | 'data'> {
  const { bytes, width, height, bits, colours, headerEnd, isCore } = bitmap;
  const stride = isCore ? 3 : 4;
  const palette = Array.from({ length: Math.min(colours, 256) }, (_, i) => {
    const [blue = 0, green = 0, red = 0] = bytes.subarray(headerEnd + i * stride, headerEnd + i * stride + 3);
    return [red, green, blue];
  });
  const { channels, data } = expanded(unpacked(rows, width, height, bits, rowBytesOf(bitmap)), palette, width * height);
  const isGrey = palette.every(([red, green, blue]) => red === green && green === blue);
  return isGrey ? { channels: 1, data: data.filter((_, i) => i % channels === 0) } : { channels, data };
}

/** Samples of 24 bits, which lie blue first. */
function reversed(rows: Uint8Array, width: number, height: number): Uint8Array {
  const rowBytes = rows.length / height;
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return rows[Math.floor(pixel / width) * rowBytes + (pixel % width) * 3 + 2 - (i % 3)] as number;
  });
}

/** Samples of 16 or 32 bits, whose channels are bits told by masks: by those of the file, else five bits each, or eight. */
function maskedPixels({ view, width, height, bits, compression, headerEnd }: Bitmap, rows: Uint8Array): Pick<Image, 'channels' | 'data'> {
  const masks = bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
  if (compression !== PLAIN) {
    // The masks follow the header of Windows 3, and are part of all that are longer: the same place.
    const hasAlpha = compression === ALPHA_BIT_FIELDS || headerEnd >= FILE_HEADER + INFO + 16;
    for (let c = 0; c < (hasAlpha ? 4 : 3); c++) masks[c] = view.getUint32(FILE_HEADER + INFO + c * 4, true);
  }
  const used = masks[3] ? masks : masks.slice(0, 3);
  const fields = used.map((mask) => ({ mask, shift: shiftOf(mask), most: mask >>> shiftOf(mask) || 1 }));
  const pixels = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const rowBytes = rows.length / height;
  const data = new Uint8Array(width * height * used.length);
  for (let i = 0, at = 0; i < width * height; i++) {
    const place = Math.floor(i / width) * rowBytes + (i % width) * (bits / 8);
    const value = bits === 16 ? pixels.getUint16(place, true) : pixels.getUint32(place, true);
    for (const { mask, shift, most } of fields) data[at++] = Math.floor((((value & mask) >>> shift) * 255) / most);
  }
  return { channels: used.length as Channels, data };
}

/** How many zeros `mask` ends with. */
const shiftOf = (mask: number): number => (mask === 0 ? 0 : 31 - Math.clz32(mask & -mask));
