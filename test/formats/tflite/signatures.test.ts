import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { load as loadProgram } from '../../../src/hosts/runtime.ts';
import { inspect, load, type Tensor } from '../../../src/index.ts';
import { compileStandalone } from '../../../src/standalone/index.ts';
import { compare } from '../../conformance/compare.mjs';
import { flavours } from '../../ops/lowering.ts';
import { type Recorded, tensorOf } from './recorded.ts';

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

interface Golden {
  readonly name: string;
  readonly steps: readonly { readonly signature: string; readonly inputs: readonly Recorded[]; readonly outputs: readonly Recorded[] }[];
}

const modelOf = (name: string) => new Uint8Array(readFileSync(new URL(`./models/${name}.tflite`, import.meta.url)));
const golden: readonly Golden[] = JSON.parse(readFileSync(new URL('./models/signatures.json', import.meta.url), 'utf8'));
const feedsOf = (inputs: readonly Recorded[]) => Object.fromEntries(inputs.map((input) => [input.name, tensorOf(input)]));

/** Recorded with TFLite's reference resolver: see models/README.md. */
describe.each(golden)('signatures that are loaded together: $name', ({ name, steps }) => {
  const signature = [...new Set(steps.map((step) => step.signature))];

  it.each(flavours)('share variables, and compute what TFLite computes, on %s', async (flavour) => {
    const model = await load(modelOf(name), { signature, flavour });
    const stored = await loadProgram(model.export(), { flavour });
    for (const one of [model, model, stored]) {
      for (const [i, step] of steps.entries()) {
        const results = one.run(feedsOf(step.inputs), { signature: step.signature });
        for (const output of step.outputs) {
          const reason = compare(results[output.name], tensorOf(output), { rtol: 1e-5, atol: 1e-6 });
          expect(reason, `step ${i}, ${output.name}`).toBeUndefined();
        }
      }
      one.reset();
    }
  });
});

describe('several signatures', () => {
  it('are those that were asked for, the first is what runs without a name', async () => {
    const model = await load(modelOf('sig_counter'), { signature: ['read', 'set'] });
    expect(Object.keys(model.signatures)).toEqual(['read', 'set']);
    expect(model.signatures.set?.inputs).toMatchObject([{ name: 'x', dtype: 'f32', shape: [1, 2] }]);
    model.run({ x: Float32Array.of(5, 6) }, { signature: 'set' });
    const { sum, count } = model.run({});
    expect([sum?.data, count?.data]).toEqual([Float32Array.of(5, 6), Int32Array.of(0)]);
    expect(() => model.run({}, { signature: 'add' })).toThrow(/no signature "add".*read, set/s);
    await expect(load(modelOf('sig_counter'), { signature: ['read', 'read'] })).rejects.toMatchObject({ code: 'INPUT' });
  });

  it('are too many for a module', async () => {
    const { program } = await load(modelOf('sig_counter'), { signature: ['add', 'read'] });
    await expect(compileStandalone(program)).rejects.toMatchObject({ code: 'INPUT', hint: expect.stringContaining('.thimble') });
  });

  it('keep a cache that each has as input and output in one place', async () => {
    const cache = new Float32Array(24);
    const whole = await load(modelOf('sig_cache'), { signature: ['prefill', 'decode'] });
    const kept = await load(modelOf('sig_cache'), { signature: ['prefill', 'decode'], states: { cache: 'cache' } });
    expect(kept.signatures.decode?.inputs.map((input) => input.name).sort()).toEqual(['position', 'x']);
    for (const { signature, inputs } of golden.find(({ name }) => name === 'sig_cache')?.steps ?? []) {
      const { x, position } = feedsOf(inputs) as { readonly x: Tensor; readonly position: Tensor };
      const results = whole.run({ x, position, cache }, { signature });
      expect(kept.run({ x, position }, { signature }).y?.data).toEqual(results.y?.data);
      cache.set(results.cache?.data as Float32Array);
    }
  });

  it('a state that none of them has is an error', async () => {
    await expect(load(modelOf('sig_cache'), { signature: ['prefill', 'decode'], states: { chache: 'cache' } })).rejects.toMatchObject({
      code: 'INPUT',
    });
  });
});

describe('a loop whose end is found when the model runs', () => {
  it('needs a largest number of rounds, or a constant', async () => {
    const refused = load(modelOf('sig_endless'), { signature: 'until' });
    await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED_ATTR', message: expect.stringContaining('largest number of rounds') });
    await expect(refused).rejects.toThrow(/constants: \{ "x": tensor \}/);
    const x = { dtype: 'f32', shape: [1, 2], data: Float32Array.of(0.5, 0.25) } as const;
    const model = await load(modelOf('sig_endless'), { signature: 'until', constants: { x } });
    expect(model.run({}).y?.data).toEqual(Float32Array.of(2.5, 2.25));
  });
});

describe('a part from a computed place on', () => {
  it('needs a size that is known, or a constant place', async () => {
    const refused = load(modelOf('sig_places'), { signature: 'rest' });
    await expect(refused).rejects.toMatchObject({
      code: 'UNSUPPORTED_ATTR',
      expected: expect.stringContaining('the start and a constant'),
    });
    const i = { dtype: 'i32', shape: [], data: Int32Array.of(4) } as const;
    const model = await load(modelOf('sig_places'), { signature: 'rest', constants: { i } });
    const { y } = model.run({ x: Float32Array.from({ length: 12 }, (_, at) => at) });
    expect([...(y?.data ?? [])]).toEqual([4, 5, 10, 11]);
  });

  it('is moved to lie within the axis', async () => {
    const model = await load(modelOf('sig_places'), { signature: 'span' });
    const { y } = model.run({ x: Float32Array.from({ length: 12 }, (_, at) => at), i: Int32Array.of(5) });
    expect([...(y?.data ?? [])]).toEqual([3, 4, 5, 9, 10, 11]);
  });
});
