import type { DType, TypedArray } from '../core/dtype.ts';
import type { Elem } from '../core/elem.ts';
import { ThimbleError } from '../core/errors.ts';
import { fromHalf } from '../core/float16.ts';

export const isFloat = (elem: Elem): boolean => elem.includes('float');
export const isUnsigned = (elem: Elem): boolean => elem.startsWith('uint');

const border: Partial<Record<Elem, DType>> = { int2: 'i8', int4: 'i8', int8: 'i8', uint2: 'u8', uint4: 'u8', uint8: 'u8', bool: 'bool' };
/** How an input or output of an element type lies at the border of the program. */
export const atBorder = (elem: Elem): DType => border[elem] ?? (isFloat(elem) ? 'f32' : 'i32');

const INT32 = 2 ** 31;

/** Exporters write "to the end" as the largest 64-bit number, or one nearly as large. */
const SENTINEL = 2 ** 60;

/** @throws UNSUPPORTED_ATTR for what a 32-bit integer does not hold; sentinels saturate. */
export function toInt32(value: number, name: string): number {
  if (Math.abs(value) >= SENTINEL) return value < 0 ? -INT32 : INT32 - 1;
  checkInt32(value, name);
  return value;
}

/** @throws UNSUPPORTED_ATTR for what a 32-bit integer does not hold. */
export function checkInt32(value: number, name: string): void {
  if (value >= -INT32 && value < INT32) return;
  throw new ThimbleError('UNSUPPORTED_ATTR', `${value} is outside the 32-bit integers that thimble computes with`, { node: name });
}

/** Bits of an element in raw data. */
export const bitsOf: Readonly<Record<Exclude<Elem, 'string'>, number>> = {
  float32: 32,
  float16: 16,
  bfloat16: 16,
  float64: 64,
  int2: 2,
  uint2: 2,
  int4: 4,
  uint4: 4,
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
  bool: 8,
};

const word = new DataView(new ArrayBuffer(4));
export function fromBfloat16(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** Elements of whole bytes. */
export type Wide = Exclude<Elem, 'string' | Packed>;
/** Several elements in a byte, the first in its low bits. */
export type Packed = 'int2' | 'uint2' | 'int4' | 'uint4';

/** The element at byte `at`, little-endian. */
export function readRaw(view: DataView, elem: Wide, at: number): number {
  switch (elem) {
    case 'float32':
      return view.getFloat32(at, true);
    case 'float16':
      return fromHalf(view.getUint16(at, true));
    case 'bfloat16':
      return fromBfloat16(view.getUint16(at, true));
    case 'float64':
      return view.getFloat64(at, true);
    case 'int8':
      return view.getInt8(at);
    case 'uint8':
    case 'bool':
      return view.getUint8(at);
    case 'int16':
      return view.getInt16(at, true);
    case 'uint16':
      return view.getUint16(at, true);
    case 'int32':
      return view.getInt32(at, true);
    case 'uint32':
      return view.getUint32(at, true);
    case 'int64':
      return Number(view.getBigInt64(at, true));
    case 'uint64':
      return Number(view.getBigUint64(at, true));
  }
}

export const isPacked = (elem: Elem): elem is Packed => elem !== 'string' && bitsOf[elem] < 8;

/** `count` elements from bytes that hold several. */
export function unpacked(raw: Uint8Array, elem: Packed, count: number): TypedArray {
  const bits = bitsOf[elem];
  const range = 2 ** bits;
  return Int32Array.from({ length: count }, (_, i) => {
    const number = ((raw[Math.floor((i * bits) / 8)] as number) >> ((i * bits) % 8)) & (range - 1);
    return !isUnsigned(elem) && number >= range / 2 ? number - range : number;
  });
}
