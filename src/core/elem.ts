/** Element types of the tensors in model files; 64-bit integers are held as i32, floats as f32. */
export type Elem =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int2'
  | 'uint2'
  | 'int4'
  | 'uint4'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string';

const INT32 = 2 ** 31;

/** Smallest and largest number of integer types, as far as 32-bit integers hold them. */
export const integerRange: Partial<Record<Elem, readonly [number, number]>> = {
  bool: [0, 1],
  int2: [-2, 1],
  uint2: [0, 3],
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-INT32, INT32 - 1],
  uint32: [0, INT32 - 1],
  int64: [-INT32, INT32 - 1],
  uint64: [0, INT32 - 1],
};
