import { expect, test } from 'vitest';
import { Kernels, lengths } from './arrays.ts';

const kernels = await Kernels.load();

test('fill_f32 writes its value to every element and nowhere else', () => {
  for (const length of lengths) {
    const y = new Float32Array(length).fill(7);
    kernels.call('fill_f32', { y, length, value: -1.5 });
    expect(y).toEqual(new Float32Array(length).fill(-1.5));
  }
});

test('fill_i32 writes any 32 bits', () => {
  for (const length of lengths) {
    const y = new Int32Array(length).fill(7);
    kernels.call('fill_i32', { y, length, value: -(2 ** 31) + 1 });
    expect(y).toEqual(new Int32Array(length).fill(-(2 ** 31) + 1));
  }
});
