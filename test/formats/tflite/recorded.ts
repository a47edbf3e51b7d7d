import type { Tensor } from '../../../src/index.ts';

/** A tensor as golden files hold it. */
export interface Recorded {
  readonly name: string;
  readonly dtype: keyof typeof arrays;
  readonly shape: readonly number[];
  /** Little-endian elements in base64. */
  readonly data: string;
}

const arrays = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
} as const;

function numbers({ dtype, data }: Recorded): ArrayLike<number> {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
  const elements = new arrays[dtype](bytes.buffer);
  return elements instanceof BigInt64Array ? Array.from(elements, Number) : elements;
}

const dtypes = { float32: 'f32', int8: 'i8', uint8: 'u8', bool: 'bool', int16: 'i32', uint16: 'i32', int32: 'i32', int64: 'i32' } as const;

export function tensorOf(recorded: Recorded): Tensor {
  const dtype = dtypes[recorded.dtype];
  const Data = { f32: Float32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array, i32: Int32Array }[dtype];
  return { dtype, shape: recorded.shape, data: Data.from(numbers(recorded)) };
}
