import { describe, expect, test } from 'vitest';
import { flavours, KernelRunner } from './harness.ts';

test('every host runs the scalar and the simd kernels', async () => {
  expect(await flavours()).toEqual(expect.arrayContaining(['scalar', 'simd']));
});

describe.each(await flavours())('KernelRunner with %s kernels', async (flavour) => {
  const runner = await KernelRunner.load(flavour);

  /** relu and its gradient (from the output) of -n/2, …, n/2 at `offset` bytes past alignment. */
  function relu(length: number, offset: number) {
    runner.reset();
    const input = Float32Array.from({ length }, (_, i) => i - length / 2);
    const slope = Float32Array.from({ length }, (_, i) => i + 1);
    const x = runner.alloc(input, offset);
    const y = runner.alloc(length * 4, offset);
    const dy = runner.alloc(slope, offset);
    const dx = runner.alloc(length * 4, offset);
    runner.call('relu_f32', { x, y, length, alpha: 0, beta: 0 });
    runner.call('relu_f32_grad', { x: y, dy, dx, length, alpha: 0, beta: 0 });
    return { input, slope, y: runner.read(y, Float32Array, length), dx: runner.read(dx, Float32Array, length) };
  }

  test('relu and its gradient, lengths 0..17, every alignment', () => {
    for (let length = 0; length <= 17; length++) {
      for (const offset of [0, 4, 8, 12]) {
        const { input, slope, y, dx } = relu(length, offset);
        expect(y).toEqual(input.map((v) => Math.max(v, 0)));
        expect(dx).toEqual(slope.map((d, i) => ((input[i] as number) > 0 ? d : 0)));
      }
    }
  });

  test('a write past a buffer is caught', () => {
    runner.reset();
    const x = runner.alloc(new Float32Array(8));
    const y = runner.alloc(4 * 4);
    expect(() => runner.call('relu_f32', { x, y, length: 5, alpha: 0, beta: 0 })).toThrow(/relu_f32 wrote outside its buffers, at address/);
  });

  test('a read past the last buffer traps', () => {
    runner.reset();
    const x = runner.allocLast(new Float32Array(5));
    const y = runner.alloc(6 * 4);
    runner.call('relu_f32', { x, y, length: 5, alpha: 0, beta: 0 });
    expect(() => runner.call('relu_f32', { x, y, length: 6, alpha: 0, beta: 0 })).toThrow(WebAssembly.RuntimeError);
  });

  test('a field the record does not have, or a missing one, is an error', () => {
    runner.reset();
    const y = runner.alloc(16);
    const fields = { x: y, y, length: 4, alpha: 0 };
    // @ts-expect-error beta is missing
    expect(() => runner.call('relu_f32', fields)).toThrow('relu_f32: field beta is missing');
    const extra = { ...fields, beta: 0, gamma: 0 };
    expect(() => runner.call('relu_f32', extra)).toThrow('relu_f32: record Unary has no field gamma');
  });
});
