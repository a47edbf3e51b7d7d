/** Element types held in linear memory. 64-bit integers are held as i32; `bool` is one byte, 0 or 1. */
export type DType = 'f32' | 'i32' | 'i8' | 'u8' | 'bool';

export type TypedArray = Float32Array | Int32Array | Int8Array | Uint8Array;

const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array } as const;

/** Bytes of one element. */
export const bytesPerElement = (dtype: DType): number => arrays[dtype].BYTES_PER_ELEMENT;

/** A zeroed array of `length` elements. */
export const allocate = (dtype: DType, length: number): TypedArray => new arrays[dtype](length);

/** Whether `data` is an array of that type. */
export const holds = (dtype: DType, data: { readonly constructor: unknown }): boolean => data.constructor === arrays[dtype];

/** A view of `length` elements at byte `offset` of `buffer`; no copy. */
export const viewOf = (dtype: DType, buffer: ArrayBufferLike, offset: number, length: number): TypedArray =>
  new arrays[dtype](buffer as ArrayBuffer, offset, length);

/** The dtype a typed array holds (Uint8Array reads as u8). */
export function dtypeOf(data: TypedArray): DType {
  if (data instanceof Float32Array) return 'f32';
  if (data instanceof Int32Array) return 'i32';
  if (data instanceof Int8Array) return 'i8';
  return 'u8';
}
