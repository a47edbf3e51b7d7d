import * as zlib from 'node:zlib';
import { expect, it } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import { readNpy, readNpz } from '../../src/data/npz.ts';
import { writeNpy, writeNpz } from '../../src/data/npzWriter.ts';

const tensors: Record<string, Tensor> = {
  scalar: { dtype: 'f32', shape: [], data: Float32Array.of(3.5) },
  vector: { dtype: 'i32', shape: [3], data: Int32Array.of(1, -2, 3) },
  'a/b é': { dtype: 'u8', shape: [2, 1, 2], data: Uint8Array.of(1, 2, 3, 255) },
  empty: { dtype: 'f32', shape: [0, 4], data: new Float32Array(0) },
  signed: { dtype: 'i8', shape: [2], data: Int8Array.of(-128, 127) },
};

it('.npy and .npz files are read back as they were; data starts at a multiple of 64', async () => {
  for (const tensor of Object.values(tensors)) {
    const bytes = writeNpy(tensor);
    expect(readNpy(bytes)).toEqual(tensor);
    expect((bytes.length - tensor.data.byteLength) % 64).toBe(0);
  }
  expect(await readNpz(writeNpz(tensors))).toEqual(tensors);
  expect(writeNpz(tensors)).toEqual(writeNpz(tensors));
});

it('the checksums are those of zlib', () => {
  const bytes = writeNpz({ vector: tensors.vector as Tensor });
  const crc32 = (zlib as unknown as { crc32(data: Uint8Array): number }).crc32;
  expect(new DataView(bytes.buffer).getUint32(14, true)).toBe(crc32(writeNpy(tensors.vector as Tensor)));
});
