import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspect, load } from '../../../src/index.ts';

const bytes = new Uint8Array(readFileSync(new URL('./models/flow_SIGNATURES.tflite', import.meta.url)));

/** Two signatures of one tf.Module; `push` has variables v (zeros) and w (ones): old = v, sum = v + w, then v = w, w = v + x. */
describe('signatures of a TFLite model', () => {
  it('are listed, and chosen by their keys', async () => {
    expect([...inspect(bytes).signatures].sort()).toEqual(['mix', 'push']);
    const mix = await load(bytes, { signature: 'mix' });
    expect(mix.inputs.map(({ name }) => name).sort()).toEqual(['left', 'right']);
    const { product } = mix.run({ left: Float32Array.of(1, 2, 3), right: Float32Array.of(4, 5, 6) });
    expect(product?.data).toEqual(Float32Array.of(4, 10, 18));
    await expect(load(bytes, { signature: 'pull' })).rejects.toMatchObject({ code: 'INPUT', expected: expect.stringContaining('push') });
  });

  it('keep variables that change places from call to call, until reset', async () => {
    const push = await load(bytes, { signature: 'push' });
    const x = Float32Array.of(1, 2, 3);
    const fibonacci = () => push.run({ x }).old?.data[0];
    expect(push.program.state.length).toBe(2);
    const first = Array.from({ length: 5 }, fibonacci);
    // v, w: 0, 1 → 1, 0 + 1 → 1, 1 + 1 → 2, 1 + 1 → 2, 2 + 1
    expect(first).toEqual([0, 1, 1, 2, 2]);
    push.reset();
    expect(Array.from({ length: 5 }, fibonacci)).toEqual(first);
  });

  it('know no name but their own', async () => {
    const mix = await load(bytes, { signature: 'mix' });
    expect(() => mix.run({ x: Float32Array.of(1, 2, 3) })).toThrow(/"left"/);
    await expect(
      load(bytes, { signature: 'mix', constants: { x: { dtype: 'f32', shape: [1, 3], data: new Float32Array(3) } } }),
    ).rejects.toMatchObject({
      code: 'INPUT',
    });
  });
});

describe('options of load', () => {
  it('an input may be a constant', async () => {
    const left = { dtype: 'f32', shape: [1, 3], data: Float32Array.of(1, 2, 3) } as const;
    const mix = await load(bytes, { signature: 'mix', constants: { left } });
    expect(mix.inputs.map(({ name }) => name)).toEqual(['right']);
    expect(mix.run({ right: Float32Array.of(4, 5, 6) }).product?.data).toEqual(Float32Array.of(4, 10, 18));
  });

  it('an input may have more rows than the file says', async () => {
    const model = await load(new Uint8Array(readFileSync(new URL('./models/flow_WHILE.tflite', import.meta.url))));
    const [input] = model.inputs;
    const wide = await load(new Uint8Array(readFileSync(new URL('./models/flow_WHILE.tflite', import.meta.url))), {
      shapes: { [input?.name as string]: [5, 3] },
    });
    const x = Float32Array.from({ length: 15 }, (_, i) => i / 7);
    const one = Object.values(model.run({ [input?.name as string]: x.subarray(0, 6) }))[0]?.data;
    const all = Object.values(wide.run({ [input?.name as string]: x }))[0]?.data;
    expect(all?.subarray(0, 6)).toEqual(one);
    expect(all?.length).toBe(15);
  });
});
