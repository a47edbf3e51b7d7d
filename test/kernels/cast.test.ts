import { expect, test } from 'vitest';
import { type Buffer, Kernels, lengths, random } from './arrays.ts';

const kernels = await Kernels.load();
type Kernel = Parameters<typeof kernels.call>[0] & `cast_${string}`;

const SPECIAL = [0, -0, 0.5, -0.5, 1.9, -1.9, 255.9, 256, -129, 3e9, -3e9, 1e30, Infinity, -Infinity, NaN];
const INT_MAX = 2 ** 31 - 1;
const truncated = [0, 0, 0, 0, 1, -1, 255, 256, -129, INT_MAX, -INT_MAX - 1, INT_MAX, INT_MAX, -INT_MAX - 1, 0];

test.each<[Kernel, Buffer, Buffer]>([
  ['cast_f32_i32', Float32Array.from(SPECIAL), Int32Array.from(truncated)],
  ['cast_f32_u8', Float32Array.from(SPECIAL), Uint8Array.from(truncated)],
  ['cast_f32_u8', Float32Array.from(SPECIAL), Int8Array.from(truncated)],
  ['cast_f32_bool', Float32Array.from(SPECIAL), Uint8Array.from(SPECIAL, (x) => Number(x !== 0))],
  ['cast_i32_f32', Int32Array.from(truncated), Float32Array.from(truncated)],
  ['cast_i32_u8', Int32Array.from(truncated), Uint8Array.from(truncated)],
  ['cast_i32_bool', Int32Array.of(0, 1, -1, 256), Uint8Array.of(0, 1, 1, 1)],
  ['cast_u8_bool', Uint8Array.of(0, 1, 255), Uint8Array.of(0, 1, 1)],
  ['cast_i8_i32', Int8Array.of(-128, -1, 127), Int32Array.of(-128, -1, 127)],
  ['cast_u8_i32', Uint8Array.of(0, 128, 255), Int32Array.of(0, 128, 255)],
  ['cast_i8_f32', Int8Array.of(-128, -1, 127), Float32Array.of(-128, -1, 127)],
  ['cast_u8_f32', Uint8Array.of(0, 128, 255), Float32Array.of(0, 128, 255)],
])('%s of %s is %s', (name, x, want) => {
  const y = want.slice().fill(7);
  kernels.call(name, { x, y, length: x.length });
  expect(y.map(Number)).toEqual(want);
});

test('a cast between f32 and i32 may overwrite its operand', () => {
  for (const length of lengths) {
    const x = random(length, 1, -9, 9);
    const bits = new Int32Array(x.slice().buffer);
    kernels.call('cast_f32_i32', { x: bits, y: bits, length });
    expect(bits).toEqual(Int32Array.from(x, Math.trunc));
  }
});

test.each(['cast_i8_i32', 'cast_u8_i32', 'cast_i8_f32', 'cast_u8_f32'] as const)('%s of any length', (name) => {
  for (const length of lengths) {
    const x = Int8Array.from({ length }, (_, i) => 37 * i + 5);
    const y = name.endsWith('f32') ? new Float32Array(length) : new Int32Array(length);
    kernels.call(name, { x, y, length });
    expect(y.map(Number)).toEqual(y.map((_, i) => (name.includes('u8') ? (x[i] as number) & 255 : (x[i] as number))));
  }
});
