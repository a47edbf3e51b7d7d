import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { elements } from './elements.ts';
import { gunzip } from './gunzip.ts';

/** An array as `numpy.save` writes it (NEP 1), C or Fortran order. @throws FORMAT for objects, structures, and damaged files. */
export function readNpy(bytes: Uint8Array): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = String.fromCharCode(...bytes.subarray(1, 6));
  if (bytes.length < 12 || bytes[0] !== 0x93 || magic !== 'NUMPY') throw new ThimbleError('FORMAT', 'not a .npy array');
  const long = (bytes[6] as number) >= 2;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const extents = /'shape':\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (!type || extents === undefined)
    throw new ThimbleError('FORMAT', 'the .npy header has no plain type or shape', { got: header.slice(0, 80).trim() });
  const shape = extents
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .map(Number);
  const data = elements(bytes.subarray(start + length), type, sizeOf(shape));
  return tensor(/'fortran_order':\s*True/.test(header) ? rowMajor(data, shape) : data, shape);
}

/** Column-major elements in row-major order. */
function rowMajor<T extends Tensor['data']>(data: T, shape: readonly number[]): T {
  const result = data.slice() as T;
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    for (let axis = 0; axis < shape.length; axis++) at = at * (shape[axis] as number) + (index[axis] as number);
    result[at] = data[i] as number;
    // The first index runs fastest.
    for (let axis = 0; axis < shape.length; axis++) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      index[axis] = 0;
    }
  }
  return result;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * The arrays of an .npz file (`numpy.savez`, `savez_compressed`) by name. @throws FORMAT for a damaged file or coding that is neither.
 */
export async function readNpz(bytes: Uint8Array): Promise<Record<string, Tensor>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const arrays: Record<string, Tensor> = {};
  try {
    let end = bytes.length - 22;
    while (end >= 0 && view.getUint32(end, true) !== END) end--;
    if (end < 0) throw new ThimbleError('FORMAT', 'not a zip file: it has no directory');
    let at = view.getUint32(end + 16, true);
    for (let entry = 0; entry < view.getUint16(end + 10, true); entry++) {
      if (view.getUint32(at, true) !== ENTRY) throw new ThimbleError('FORMAT', `no entry ${entry} in the directory of the zip file`);
      const method = view.getUint16(at + 10, true);
      const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
      const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [number, number, number];
      const local = view.getUint32(at + 42, true);
      const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (name.endsWith('.npy')) arrays[name.slice(0, -4)] = readNpy(await unzipped(bytes.subarray(start, start + packed), method, size));
      at += 46 + nameLength + extra + comment;
    }
  } catch (error) {
    if (error instanceof ThimbleError) throw error;
    throw new ThimbleError('FORMAT', `the .npz file is damaged: ${(error as Error).message}`);
  }
  return arrays;
}

async function unzipped(bytes: Uint8Array, method: number, size: number): Promise<Uint8Array> {
  if (method !== STORED && method !== DEFLATED)
    throw new ThimbleError('FORMAT', `the zip file is packed with method ${method}`, { expected: 'stored or deflated' });
  const result = method === STORED ? bytes : await gunzip(bytes, 'deflate-raw');
  if (result.length !== size) throw new ThimbleError('FORMAT', 'an array of the .npz file is truncated', { expected: `${size} bytes` });
  return result;
}
