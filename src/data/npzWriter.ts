import type { DType } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';

const types: Readonly<Record<DType, string>> = { f32: '<f4', i32: '<i4', i8: '|i1', u8: '|u1', bool: '|b1' };

/** A tensor as `numpy.load` reads it (NEP 1, version 1.0; C order). */
export function writeNpy({ dtype, shape, data }: Tensor): Uint8Array {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const plain = `{'descr': '${types[dtype]}', 'fortran_order': False, 'shape': (${extents}), }`;
  const header = `${plain.padEnd(Math.ceil((plain.length + 11) / 64) * 64 - 11)}\n`;
  const bytes = new Uint8Array(10 + header.length + data.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return bytes;
}

/** Table of CRC-32 (ISO 3309), as zip files use it. */
const crcs = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crcs[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Version of zip that is needed to read stored entries. */
const ZIP_VERSION = 20;
/** Names are UTF-8. */
const UTF8 = 0x800;
/** 1 January 1980, the first day zip files know: the same tensors give the same bytes. */
const FIRST_DAY = 0x21;

/** Tensors by name as an .npz file (`numpy.load`): a zip file whose entries are stored, not packed. */
export function writeNpz(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  const entries = Object.entries(tensors).map(([name, value]) => ({
    name: new TextEncoder().encode(`${name}.npy`),
    data: writeNpy(value),
  }));
  const locals: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, data } of entries) {
    const shared = [ZIP_VERSION, UTF8, 0, 0, FIRST_DAY] as const;
    const sizes = [crc32(data), data.length, data.length] as const;
    const local = record(30 + name.length, 0x04034b50, [...shared], sizes, [name.length, 0]);
    local.set(name, 30);
    const entry = record(46 + name.length, 0x02014b50, [ZIP_VERSION, ...shared], sizes, [name.length, 0, 0, 0, 0, 0, 0]);
    new DataView(entry.buffer).setUint32(42, at, true);
    entry.set(name, 46);
    locals.push(local, data);
    directory.push(entry);
    at += local.length + data.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = record(22, 0x06054b50, [0, 0, entries.length, entries.length], [size, at], [0]);
  const result = new Uint8Array(at + size + end.length);
  let position = 0;
  for (const part of [...locals, ...directory, end]) {
    result.set(part, position);
    position += part.length;
  }
  return result;
}

/** A zip record: its signature, fields of two bytes, of four, of two. */
function record(
  length: number,
  signature: number,
  before: readonly number[],
  words: readonly number[],
  after: readonly number[],
): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  let at = 4;
  for (const field of before) {
    view.setUint16(at, field, true);
    at += 2;
  }
  for (const field of words) {
    view.setUint32(at, field, true);
    at += 4;
  }
  for (const field of after) {
    view.setUint16(at, field, true);
    at += 2;
  }
  return bytes;
}
