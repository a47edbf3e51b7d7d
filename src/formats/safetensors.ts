import { ThimbleError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import { sizeOf } from '../core/shape.ts';

/** Element types of the format, and the arrays that hold them; 16-bit floats come as their bits. */
const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type SafetensorsDtype = keyof typeof arrays;
type Data =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

export interface SafeTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: Shape;
  readonly data: Data;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, SafeTensor>;
}

/** Longest header the format allows (its reference implementation's limit). */
const MAX_HEADER = 100_000_000;

/**
 * Reads a safetensors file (huggingface/safetensors, format description in its README). Data is copied only where it is not aligned.
 * @throws FORMAT for anything that is not one: truncated, overlapping, gaps, wrong sizes.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const fail = (problem: string): never => {
    throw new ThimbleError('FORMAT', `not a safetensors file: ${problem}`);
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER || headerBytes > bytes.length - 8) fail(`its header of ${headerBytes} bytes does not fit`);
  let header: Record<string, unknown> = {};
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + headerBytes)));
  } catch (error) {
    fail(`its header is not JSON (${(error as Error).message})`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('its header is not an object');
  const start = 8 + headerBytes;
  const available = bytes.length - start;
  const tensors = new Map<string, SafeTensor>();
  const spans: [number, number][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = (entry ?? {}) as { dtype?: SafetensorsDtype; shape?: number[]; data_offsets?: [number, number] };
    const array = dtype && Object.hasOwn(arrays, dtype) ? arrays[dtype] : undefined;
    const sound =
      Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n >= 0) && Array.isArray(offsets) && offsets.length === 2;
    if (!array || !sound) fail(`tensor "${name}" is not described`);
    const [from, to] = offsets as [number, number];
    const length = sizeOf(shape as number[]);
    const size = length * (array as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
    if (!Number.isSafeInteger(from) || from < 0 || to - from !== size || to > available)
      fail(`tensor "${name}" lies outside the file or has the wrong size`);
    spans.push([from, to]);
    const aligned = (bytes.byteOffset + start + from) % (array as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT === 0;
    const buffer = aligned ? bytes.buffer : bytes.slice(start + from, start + to).buffer;
    const Data = array as unknown as new (buffer: ArrayBufferLike, offset: number, length: number) => Data;
    tensors.set(name, {
      dtype: dtype as SafetensorsDtype,
      shape: shape as number[],
      data: new Data(buffer, aligned ? bytes.byteOffset + start + from : 0, length),
    });
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = 0;
  for (const [from, to] of spans) {
    if (from !== end) fail('its tensors overlap or leave gaps');
    end = to;
  }
  if (end !== available) fail(`${available - end} bytes belong to no tensor`);
  const metadata = Object.fromEntries(
    Object.entries(header.__metadata__ ?? {}).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
  return { metadata, tensors };
}

/** Writes a safetensors file: tensors by size of element, then name, so that all are aligned. */
export function writeSafetensors(tensors: ReadonlyMap<string, SafeTensor>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const entries = [...tensors].sort(([a, x], [b, y]) => y.data.BYTES_PER_ELEMENT - x.data.BYTES_PER_ELEMENT || (a < b ? -1 : 1));
  const header: Record<string, unknown> = Object.keys(metadata).length ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}
