import { allocate, type DType, type TypedArray } from '../../core/dtype.ts';
import type { Elem } from '../../core/elem.ts';
import { ThimbleError } from '../../core/errors.ts';
import { sizeOf } from '../../core/shape.ts';
import { bitsOf, isFloat, isPacked, readRaw, toInt32, unpacked } from '../element.ts';
import { damaged } from './flatbuffer.ts';
import type { Sparsity, TensorSpec } from './schema.ts';

/** Element types of a TFLite file: numbers, and what is no tensor of them. */
export type TfliteElem = Elem | 'complex64' | 'complex128' | 'resource' | 'variant';

/** TensorType of the schema. */
const elems =
  `float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource variant uint32 uint16 int4
  bfloat16 int2 uint4`.split(/\s+/) as readonly TfliteElem[];

/** @throws FORMAT for a number the schema does not have. */
export function elemOf({ type, name }: Pick<TensorSpec, 'type' | 'name'>): TfliteElem {
  const elem = elems[type];
  if (!elem) throw damaged(`tensor type ${type}`, name);
  return elem;
}

/** The element type of a tensor of numbers that may be computed with or pass the border. @throws UNSUPPORTED_ATTR for others. */
export function numeric(spec: Pick<TensorSpec, 'type' | 'name'>): Elem {
  const elem = elemOf(spec);
  if (elem === 'int4' || elem === 'int2') return 'int8';
  if (elem === 'uint4') return 'uint8';
  if (elem in bitsOf) return elem as Elem;
  throw new ThimbleError('UNSUPPORTED_ATTR', `tensors of ${elem} are not supported`, { node: spec.name });
}

/** What uint8 is held less: graphs hold it as i8, with its zero point moved alike. */
export const UNSIGNED = 128;

/** How graphs hold an element type: int8 and uint8 (less 128) as i8, floats as f32, other integers and bools as i32. */
export function held(elem: Elem): 'f32' | 'i32' | 'i8' {
  if (elem === 'int8' || elem === 'uint8') return 'i8';
  return isFloat(elem) ? 'f32' : 'i32';
}

/** A constant as graphs hold it; `allow` is told how many elements it expands to. @throws FORMAT where data and shape disagree. */
export function constantOf(
  spec: TensorSpec,
  allow: (elements: number) => void,
): { dtype: DType; shape: readonly number[]; data: TypedArray } {
  const { name, shape } = spec;
  const elem = elemOf(spec);
  const bytes = spec.data as Uint8Array;
  if (shape.some((extent) => extent < 0)) throw damaged(`a constant has shape [${shape}]`, name);
  const count = sizeOf(shape);
  const dtype = held(numeric(spec));
  if (spec.sparsity) {
    allow(count);
    const stored = sparseCount(spec.sparsity, shape, name);
    return { dtype, shape, data: densified(elementsOf(spec, elem, bytes, stored, dtype), spec.sparsity, shape, name) };
  }
  return { dtype, shape, data: elementsOf(spec, elem, bytes, count, dtype) };
}

function elementsOf({ name }: TensorSpec, elem: TfliteElem, bytes: Uint8Array, count: number, dtype: DType): TypedArray {
  const plain = elem as keyof typeof bitsOf;
  const bits = bitsOf[plain];
  if (bytes.length < Math.ceil((count * bits) / 8)) throw damaged(`a tensor of ${count} ${elem} has ${bytes.length} bytes`, name);
  if (isPacked(plain)) return Int8Array.from(unpacked(bytes, plain, count), (x) => (plain === 'uint4' ? x - UNSIGNED : x));
  if (elem === 'int8') return new Int8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  if (elem === 'uint8') return new Int8Array(new Int16Array(bytes.subarray(0, count)).map((x) => x - UNSIGNED));
  if (elem === 'float32' || elem === 'int32') {
    const Target = elem === 'float32' ? Float32Array : Int32Array;
    if (bytes.byteOffset % 4 === 0) return new Target(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
    return new Target(new Uint8Array(bytes.subarray(0, 4 * count)).buffer);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = allocate(dtype, count);
  for (let i = 0; i < count; i++) {
    const value = readRaw(view, plain, (i * bits) / 8);
    data[i] = isFloat(plain) ? value : toInt32(value, name);
  }
  return data;
}

/** Values a sparse tensor stores: the product of its axes, each dense or compressed. */
function sparseCount({ axes, traversal, blocks }: Sparsity, shape: readonly number[], name: string): number {
  const valid =
    axes.length === traversal.length &&
    axes.length === shape.length + blocks.length &&
    new Set(traversal).size === traversal.length &&
    traversal.every((axis) => axis >= 0 && axis < axes.length);
  if (!valid) throw damaged('the sparse axes do not fit the shape', name);
  return axes.reduce((count, axis) => {
    if (axis.dense && axis.size >= 0) return count * axis.size;
    if (axis.dense || axis.segments.length !== count + 1 || axis.segments[0] !== 0)
      throw damaged('the segments of a sparse axis do not fit', name);
    const end = axis.segments.at(-1) as number;
    const grows = axis.segments.every((at, i) => i === 0 || at >= (axis.segments[i - 1] as number));
    if (!grows || axis.indices.length !== end) throw damaged('the indices of a sparse axis do not fit', name);
    return end;
  }, 1);
}

/** Spreads the stored values (TACO format of the schema: axes in traversal order, blocks behind the axes they divide). */
function densified(stored: TypedArray, { axes, traversal, blocks }: Sparsity, shape: readonly number[], name: string): TypedArray {
  const rank = shape.length;
  const dense = new (stored.constructor as new (n: number) => TypedArray)(sizeOf(shape));
  const sizes = shape.map((extent, axis) => {
    const block = blockOf(axis);
    return block < 0 ? extent : extent / (axes[traversal.indexOf(rank + block)]?.size ?? 0);
  });
  function blockOf(axis: number): number {
    return blocks.indexOf(axis);
  }
  if (sizes.some((size) => !Number.isInteger(size)) || blocks.some((axis) => axis < 0 || axis >= rank))
    throw damaged('sparse blocks do not divide the shape', name);
  const at = new Array<number>(axes.length).fill(0);
  const place = (): number =>
    shape.reduce((sum, extent, axis) => {
      const block = blockOf(axis);
      const own = at[axis] as number;
      const whole = block < 0 ? own : own * (axes[traversal.indexOf(rank + block)]?.size as number) + (at[rank + block] as number);
      if (whole >= extent) throw damaged(`sparse index ${whole} of ${extent}`, name);
      return sum * extent + whole;
    }, 0);
  const visit = (level: number, position: number): void => {
    const axis = axes[level];
    if (!axis) {
      dense[place()] = stored[position] as number;
      return;
    }
    const target = traversal[level] as number;
    const [first, end] = axis.dense ? [0, axis.size] : [axis.segments[position] as number, axis.segments[position + 1] as number];
    for (let i = first; i < end; i++) {
      at[target] = axis.dense ? i : (axis.indices[i] as number);
      visit(level + 1, axis.dense ? position * axis.size + i : i);
    }
  };
  visit(0, 0);
  return dense;
}
