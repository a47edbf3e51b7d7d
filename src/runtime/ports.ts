import { allocate, type DType, holds, type TypedArray } from '../core/dtype.ts';
import { type Elem, integerRange } from '../core/elem.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { Shaped, Tensor } from '../core/tensor.ts';
import type { Slot } from '../program/format.ts';

/** An input or output of a model. */
export interface TensorInfo {
  readonly name: string;
  /** Element type of its data here: `f32`, `i32`, `i8`, `u8` or `bool`. */
  readonly dtype: DType;
  /** Element type in the model's file, `float32`, `int64`, …; 64-bit integers are held as i32. */
  readonly type: Elem;
  readonly shape: Shape;
}

/** Data for an input: elements in row-major order, 64-bit integers too, or a tensor, of which shape and data are enough. */
export type Feed = TypedArray | BigInt64Array | BigUint64Array | Float64Array | Shaped;

const plainTypes: Readonly<Record<DType, Elem>> = { f32: 'float32', i32: 'int32', i8: 'int8', u8: 'uint8', bool: 'bool' };

export const infoOf = ({ name, dtype, type = plainTypes[dtype], shape }: Slot): TensorInfo => ({ name, dtype, type, shape });

/** The outputs a user sees: not those that only count the valid entries of another. */
export const visible = (outputs: readonly Slot[]): Slot[] =>
  outputs.filter(({ name }) => !outputs.some(({ count }) => count?.name === name));

/** The one of `slots` with that name. @throws INPUT that starts with `problem` where there is none. */
export function slotOf<S extends Slot>(slots: readonly S[], name: string, problem: string): S {
  const found = slots.find((slot) => slot.name === name);
  if (found) return found;
  throw new ThimbleError('INPUT', `${problem} "${name}"`, { expected: slots.map((slot) => slot.name).join(', ') || 'none' });
}

/** Arrays all of whose numbers are in the type's range. */
const filled: Partial<Record<Elem, Int8ArrayConstructor | Uint8ArrayConstructor | Int32ArrayConstructor>> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: Int32Array,
};

/**
 * Data of the input's dtype; other integers and doubles are converted with a range check.
 * @throws INPUT for a wrong kind of number, a wrong size or shape, or an integer that does not fit.
 */
export function converted({ name, dtype, type, shape }: TensorInfo, feed: Feed): TypedArray {
  const tensor = ArrayBuffer.isView(feed) ? undefined : feed;
  const data = tensor?.data ?? (feed as Exclude<Feed, Shaped>);
  const fits = data.length === sizeOf(shape) && (!tensor || sameShape(tensor.shape, shape));
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  if (!fits || isFloat !== (dtype === 'f32')) {
    throw new ThimbleError('INPUT', `input "${name}" does not fit`, {
      expected: `${type} ${formatShape(shape)} (${allocate(dtype, 0).constructor.name} of ${sizeOf(shape)})`,
      got: `${data.constructor.name}, ${tensor ? formatShape(tensor.shape) : `${data.length} elements`}`,
    });
  }
  const range = integerRange[type];
  const isInside = filled[type] !== undefined && data instanceof filled[type];
  if (range && !isInside && data.some((value: number | bigint) => value < range[0] || value > range[1])) {
    throw new ThimbleError('INPUT', `input "${name}" has a number outside ${type}`, {
      expected: `${range[0]} to ${range[1]}`,
      hint: range[1] === 2 ** 31 - 1 ? 'thimble computes with 32-bit integers' : undefined,
    });
  }
  if (holds(dtype, data)) return data as TypedArray;
  const result = allocate(dtype, data.length);
  for (let i = 0; i < result.length; i++) result[i] = Number(data[i]);
  return result;
}

/** A copy of an output; of one whose size is found at run time, the valid part. */
export function copied({ name, count }: Slot, results: Readonly<Record<string, Tensor>>): Tensor {
  const { dtype, shape, data } = results[name] as Tensor;
  if (!count) return { dtype, shape, data: data.slice() };
  const kept = (results[count.name] as Tensor).data[0] as number;
  const { axis } = count;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const length = shape[axis] as number;
  const part = allocate(dtype, outer * kept * inner);
  for (let o = 0; o < outer; o++) part.set(data.subarray(o * length * inner, (o * length + kept) * inner), o * kept * inner);
  return { dtype, shape: shape.map((extent, i) => (i === axis ? kept : extent)), data: part };
}
