import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';

type Reader = {
  readonly bytes: number;
  readonly array: new (n: number) => TypedArray;
  readonly read: (v: DataView, at: number, little: boolean) => number;
};

/** Half precision (IEEE 754 binary16). */
function half(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14);
}

const wide = (value: bigint): number => {
  const number = Number(value);
  if ((number | 0) !== number)
    throw new ThimbleError('FORMAT', `${value} is outside the 32-bit integers thimble computes with`, {
      hint: 'save the array as float32',
    });
  return number;
};

/** Element types by numpy's kind and size, and the array they become here. */
const readers: Readonly<Record<string, Reader>> = {
  u1: { bytes: 1, array: Uint8Array, read: (v, at) => v.getUint8(at) },
  b1: { bytes: 1, array: Uint8Array, read: (v, at) => v.getUint8(at) },
  i1: { bytes: 1, array: Int8Array, read: (v, at) => v.getInt8(at) },
  u2: { bytes: 2, array: Int32Array, read: (v, at, little) => v.getUint16(at, little) },
  i2: { bytes: 2, array: Int32Array, read: (v, at, little) => v.getInt16(at, little) },
  u4: { bytes: 4, array: Int32Array, read: (v, at, little) => wide(BigInt(v.getUint32(at, little))) },
  i4: { bytes: 4, array: Int32Array, read: (v, at, little) => v.getInt32(at, little) },
  u8: { bytes: 8, array: Int32Array, read: (v, at, little) => wide(v.getBigUint64(at, little)) },
  i8: { bytes: 8, array: Int32Array, read: (v, at, little) => wide(v.getBigInt64(at, little)) },
  f2: { bytes: 2, array: Float32Array, read: (v, at, little) => half(v.getUint16(at, little)) },
  f4: { bytes: 4, array: Float32Array, read: (v, at, little) => v.getFloat32(at, little) },
  f8: { bytes: 8, array: Float32Array, read: (v, at, little) => v.getFloat64(at, little) },
};

/**
 * `count` elements of numpy's type `type` (`<f4`, `|u1`, `>i2`): 8-bit types and f32 as they are, other integers as i32, other floats as f32.
 * @throws FORMAT for another type, too few bytes, or an integer of more than 32 bits.
 */
export function elements(bytes: Uint8Array, type: string, count: number): TypedArray {
  const reader = readers[type.slice(1)];
  if (!reader) throw new ThimbleError('FORMAT', `elements of type "${type}"`, { expected: `one of ${Object.keys(readers).join(', ')}` });
  if (count * reader.bytes > bytes.length)
    throw new ThimbleError('FORMAT', 'the array is truncated', { expected: `${count * reader.bytes} bytes`, got: String(bytes.length) });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const result = new reader.array(count);
  const little = type[0] !== '>';
  for (let i = 0; i < count; i++) result[i] = reader.read(view, i * reader.bytes, little);
  return result;
}
