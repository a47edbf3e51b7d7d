import { allocate, type TypedArray } from '../../core/dtype.ts';
import type { Elem } from '../../core/elem.ts';
import { ThimbleError } from '../../core/errors.ts';
import { fromHalf } from '../../core/float16.ts';
import { sizeOf } from '../../core/shape.ts';
import { bitsOf, fromBfloat16, isFloat, isPacked, readRaw, toInt32, unpacked } from '../element.ts';
import { type ExternalFiles, externalBytes } from './external.ts';
import type { TensorProto } from './proto.ts';
import { damaged } from './protobuf.ts';

export { type Elem, integerRange } from '../../core/elem.ts';
export { atBorder, bitsOf, isFloat, isUnsigned, toInt32 } from '../element.ts';

/** TensorProto.DataType → element type. */
const elems: Readonly<Record<number, Elem>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
  21: 'uint4',
  22: 'int4',
  25: 'uint2',
  26: 'int2',
};

/** @throws UNSUPPORTED_ATTR for complex numbers and floats of 8 bits or less. */
export function elemOf(dataType: number, node?: string): Elem {
  const elem = elems[dataType];
  if (elem) return elem;
  throw new ThimbleError('UNSUPPORTED_ATTR', `element type ${dataType} of ONNX is not supported`, {
    node,
    expected: [...new Set(Object.values(elems))].join(', '),
  });
}

/** How graphs hold an element type: every float as f32, every integer and bool as i32. */
export const held = (elem: Elem): 'f32' | 'i32' => (isFloat(elem) ? 'f32' : 'i32');

/** A tensor of a file as graphs hold it. */
export interface FileTensor {
  readonly elem: Elem;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/**
 * The data of a TensorProto as f32 or i32; raw f32 and i32 data that is aligned stays where it is.
 * @throws FORMAT where elements and shape disagree.
 */
export function tensorOf(proto: TensorProto, files: ExternalFiles = new Map()): FileTensor {
  const { name, dims } = proto;
  const elem = elemOf(proto.elemType, name);
  if (dims.some((n) => !Number.isInteger(n) || n < 0)) throw damaged(`a tensor has shape [${dims}]`, name);
  if (elem === 'string') throw new ThimbleError('UNSUPPORTED_ATTR', 'tensors of strings are not supported', { node: name });
  const count = sizeOf(dims);
  const raw = proto.external ? externalBytes(proto, files) : proto.raw;
  if (raw) {
    if (raw.length !== Math.ceil((count * bitsOf[elem]) / 8)) throw damaged(`a tensor of ${count} ${elem} has ${raw.length} bytes`, name);
    return { elem, shape: dims, data: fromRaw(raw, elem, count, name) };
  }
  if (isPacked(elem)) {
    if (proto.ints.length !== Math.ceil((count * bitsOf[elem]) / 8))
      throw damaged(`a tensor of ${count} ${elem} has ${proto.ints.length} numbers`, name);
    return { elem, shape: dims, data: unpacked(Uint8Array.from(proto.ints), elem, count) };
  }
  const list = listOf(proto, elem);
  if (list.length !== count) throw damaged(`a tensor of ${count} ${elem} has ${list.length} elements`, name);
  const data = allocate(held(elem), count);
  for (let i = 0; i < count; i++) data[i] = fromList(list[i] as number, elem, name);
  return { elem, shape: dims, data };
}

function fromRaw(raw: Uint8Array, elem: Exclude<Elem, 'string'>, count: number, name: string): TypedArray {
  if (raw.byteOffset % 4 === 0) {
    if (elem === 'float32') return new Float32Array(raw.buffer as ArrayBuffer, raw.byteOffset, count);
    if (elem === 'int32') return new Int32Array(raw.buffer as ArrayBuffer, raw.byteOffset, count);
  }
  if (elem === 'float32' || elem === 'int32') {
    const aligned = new Uint8Array(raw);
    return elem === 'float32' ? new Float32Array(aligned.buffer) : new Int32Array(aligned.buffer);
  }
  if (isPacked(elem)) return unpacked(raw, elem, count);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const data = allocate(held(elem), count);
  const integer = !isFloat(elem);
  for (let i = 0; i < count; i++) {
    const value = readRaw(view, elem, (i * bitsOf[elem]) / 8);
    data[i] = integer ? toInt32(value, name) : value;
  }
  return data;
}

function listOf(proto: TensorProto, elem: Elem): readonly number[] {
  if (elem === 'float32') return proto.floats;
  if (elem === 'float64') return proto.doubles;
  return elem === 'int64' || elem === 'uint64' || elem === 'uint32' ? proto.longs : proto.ints;
}

function fromList(value: number, elem: Elem, name: string): number {
  if (elem === 'float16') return fromHalf(value);
  if (elem === 'bfloat16') return fromBfloat16(value);
  return isFloat(elem) ? value : toInt32(value, name);
}
