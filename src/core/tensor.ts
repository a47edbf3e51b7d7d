import { bytesPerElement, type DType, dtypeOf, type TypedArray } from './dtype.ts';
import { ThimbleError } from './errors.ts';
import { formatShape, type Shape, sizeOf } from './shape.ts';

/** Element type and extents: all that is known of a tensor before it has data. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Bytes of the tensor's elements, without padding. */
export const byteLength = (type: TensorType): number => sizeOf(type.shape) * bytesPerElement(type.dtype);

/** Data with a shape, row-major. Where no dtype is given, it is that of the array. */
export interface Shaped {
  readonly dtype?: DType;
  readonly shape: Shape;
  readonly data: TypedArray;
}

export const isShaped = (given: unknown): given is Shaped =>
  typeof given === 'object' && given !== null && 'shape' in given && 'data' in given;

/** Data with a shape, row-major, and its dtype. */
export interface Tensor extends Shaped {
  readonly dtype: DType;
}

/**
 * Wraps `data` (no copy) as a tensor of `shape`, by default a vector.
 * @throws SHAPE where the element count is not the product of the extents.
 */
export function tensor(data: TypedArray, shape: Shape = [data.length], dtype: DType = dtypeOf(data)): Tensor {
  if (sizeOf(shape) !== data.length) {
    throw new ThimbleError('SHAPE', `shape ${formatShape(shape)} needs ${sizeOf(shape)} elements`, { got: String(data.length) });
  }
  return { dtype, shape, data };
}
