import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { elements } from './elements.ts';
import { unpacked } from './gunzip.ts';

/** Element types of IDX by their code: numpy's letters, big endian. */
const types: Readonly<Record<number, string>> = { 8: '>u1', 9: '>i1', 11: '>i2', 12: '>i4', 13: '>f4', 14: '>f8' };

/**
 * An IDX file, as MNIST comes in (gzipped or not): shape and elements. Bytes stay bytes; 16-bit integers become i32, doubles f32.
 * @throws FORMAT for another file or a truncated one.
 */
export async function readIdx(bytes: Uint8Array): Promise<Tensor> {
  const file = await unpacked(bytes).catch((error: Error) => {
    throw new ThimbleError('FORMAT', `the gzip is damaged: ${error.message}`);
  });
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const type = types[file[2] ?? 0];
  const rank = file[3] ?? 0;
  const start = 4 + rank * 4;
  if (file.length < start || file[0] !== 0 || file[1] !== 0 || !type)
    throw new ThimbleError('FORMAT', 'not an IDX file', { expected: 'two zero bytes, a type and a rank' });
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + i * 4));
  return tensor(elements(file.subarray(start), type, sizeOf(shape)), shape);
}
