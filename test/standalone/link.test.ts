import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../src/cli/digits.ts';
import { kernelsFor } from '../../src/hosts/kernels.ts';
import * as t from '../../src/index.ts';
import { decode } from '../../src/program/decode.ts';
import { RuntimeModel } from '../../src/runtime/model.ts';
import { compileStandalone, type StandaloneOptions } from '../../src/standalone/index.ts';
import { root } from '../arch/sources.ts';
import { randomRows, testNetworks } from '../networks.ts';
import { type Exports, tensorsOf } from './abi.ts';

async function instantiate(program: t.Program, options: StandaloneOptions = {}) {
  const { wasm, weights, memoryBytes } = await compileStandalone(program, options);
  const module = new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>);
  expect(WebAssembly.Module.imports(module)).toEqual([]);
  const exports = new WebAssembly.Instance(module).exports as unknown as Exports;
  expect(exports.memory.buffer.byteLength).toBe(memoryBytes);
  expect(() => exports.memory.grow(1)).toThrow();
  expect(exports.abi_version()).toBe(1);
  return { exports, weights, wasm };
}

async function trainable(index: number) {
  const { build, compile } = testNetworks[index] as (typeof testNetworks)[0];
  const model = build();
  await model.compile(compile);
  return { model, program: decode(model.export({ training: true, name: 'network' })) };
}

/** Every kind of state: dense, statistics of batches, embeddings, sums of gradients, the main job. */
const NETWORKS = ['mlp', 'cnn', 'encoder', 'recurrent', 'digits'];

describe.each(testNetworks.map(({ name }, index) => ({ name, index })).filter(({ name }) => NETWORKS.includes(name)))(
  '$name as a standalone module',
  ({ index }) => {
    it('trains and infers with the bits of a session, resets, and takes its state back', async () => {
      const { model, program } = await trainable(index);
      // scalar and simd have the same bits, so any of them may be compared with simd.
      const { exports } = await instantiate(program, { training: true, flavour: index % 2 ? 'scalar' : 'simd' });
      const session = new RuntimeModel(program, await kernelsFor('simd')) as RuntimeModel & { training: t.Training };
      const rate = Float32Array.of(0.003);
      const step = (from: number) => {
        const { x, y } = randomRows(model, model.batchSize, from);
        const feeds = { ...asFeeds(session, x), labels: y };
        for (const { name, data } of tensorsOf(exports, 'input', 1)) {
          const values = name === 'learningRate' ? rate : feeds[name as keyof typeof feeds];
          if (values) data.set(values as Float32Array);
        }
        if ((from + 1) % session.training.accumulationSteps === 0) exports.train_step();
        else exports.accumulate();
        const outputs = Object.fromEntries(tensorsOf(exports, 'output', 1).map(({ name, data }) => [name, data.slice()]));
        return { outputs, expected: session.trainStep(feeds, { learningRate: 0.003 }) };
      };
      for (let i = 0; i < 4; i++) {
        const { outputs, expected } = step(i);
        expect(outputs.loss?.[0]).toBe(expected.loss);
        expect(outputs.predictions).toEqual(expected.predictions.data);
      }
      const state = () => new Uint8Array(exports.memory.buffer, exports.state_data(), exports.state_bytes());
      const saved = state().slice();
      expect(saved).toEqual(session.session.stateBytes);
      const next = step(4).outputs;
      state().set(saved);
      session.session.stateBytes.set(saved);
      expect(step(4).outputs).toEqual(next);
      exports.reset();
      session.reset();
      expect(state()).toEqual(session.session.stateBytes);

      const { x } = randomRows(model, 1, 7);
      const feeds = asFeeds(session, x);
      for (const { name, data } of tensorsOf(exports, 'input', 0)) data.set(feeds[name] as Float32Array);
      exports.infer();
      expect(tensorsOf(exports, 'output', 0)[0]?.data).toEqual(session.run(feeds).predictions?.data);
    });
  },
);

/** Rows of a network with one input or several as feeds. */
function asFeeds(model: RuntimeModel, x: t.Inputs): Record<string, t.TypedArray> {
  if (ArrayBuffer.isView(x)) return { [model.inputs[0]?.name as string]: x as t.TypedArray };
  return x as Record<string, t.TypedArray>;
}

describe('the ABI', () => {
  it('describes inputs, outputs and state, and gives 0 for what is not there', async () => {
    const { model, program } = await trainable(0);
    const { exports } = await instantiate(program, { training: true });
    expect(tensorsOf(exports, 'input', 0).map(({ name, shape, dtype }) => ({ name, shape, dtype }))).toEqual([
      { name: 'input', shape: [1, 20], dtype: 'f32' },
    ]);
    expect(tensorsOf(exports, 'input', 1).map(({ name }) => name)).toEqual(['input', 'labels', 'sampleWeight', 'learningRate']);
    expect(tensorsOf(exports, 'input', 1)[2]?.data).toEqual(new Float32Array(model.batchSize).fill(1));
    expect(tensorsOf(exports, 'input', 1)[3]?.data).toEqual(Float32Array.of(0.001));
    expect(exports.state_count()).toBe(program.state.length);
    for (const method of [2, 4, -1]) expect([exports.input_count(method), exports.input(method, 0)]).toEqual([0, 0]);
    for (const index of [-1, 1, 1e9]) expect(exports.input(0, index)).toBe(0);
    expect(exports.state(program.state.length)).toBe(0);
  });

  it('a module without training has no training step, and one without state nothing to reset', async () => {
    const { program } = await trainable(0);
    const { exports } = await instantiate(program);
    expect(Object.keys(exports)).not.toContain('train_step');
    expect(exports.input_count(1)).toBe(0);
    await expect(compileStandalone({ ...program, training: undefined as never }, { training: true })).rejects.toThrow(/no training step/);
  });
});

it('weights may stay outside: the host writes them into the memory', async () => {
  const { model, program } = await trainable(1);
  const whole = await instantiate(program);
  const { exports, weights, wasm } = await instantiate(program, { separateWeights: true });
  expect(weights?.length).toBe(exports.weights_bytes());
  expect(wasm.length + (weights?.length ?? 0)).toBeLessThan(whole.wasm.length + 65536);
  const { x } = randomRows(model, 1);
  const infer = (of: Exports) => {
    tensorsOf(of, 'input', 0)[0]?.data.set(x as Float32Array);
    of.infer();
    return tensorsOf(of, 'output', 0)[0]?.data;
  };
  expect(infer(exports)).not.toEqual(infer(whole.exports));
  new Uint8Array(exports.memory.buffer, exports.weights_data(), exports.weights_bytes()).set(weights as Uint8Array);
  expect(infer(exports)).toEqual(infer(whole.exports));
  await expect(compileStandalone(program, { separateWeights: true, target: 'wasi' })).rejects.toThrow(/nobody who could give it/);
});

describe('complete with weights', () => {
  const size = (bytes: Uint8Array) => `${(bytes.length / 1024).toFixed(1)} KB (gzip ${(gzipSync(bytes).length / 1024).toFixed(1)} KB)`;

  it('the digits network is small', async () => {
    const model = buildModel(1);
    await model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
    const inference = await compileStandalone(decode(model.export()));
    const training = await compileStandalone(decode(model.export({ training: true })), { training: true });
    console.log(`digits: ${size(inference.wasm)}; with training: ${size(training.wasm)}`);
    expect(inference.wasm.length).toBeLessThan(64 * 1024);
    expect(training.wasm.length).toBeLessThan(128 * 1024);
  });

  const dscnn = join(root, '../shared/bench-models/dscnn_kws.onnx');
  it.skipIf(!existsSync(dscnn))('so is DS-CNN', async () => {
    const model = await t.load(new Uint8Array(readFileSync(dscnn)), { flavour: 'simd' });
    const { wasm, memoryBytes } = await compileStandalone(model.program);
    console.log(`DS-CNN: ${size(wasm)}, memory ${memoryBytes / 1024} KB`);
    expect(wasm.length).toBeLessThan(256 * 1024);
    const exports = new WebAssembly.Instance(new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>)).exports as unknown as Exports;
    const [input] = tensorsOf(exports, 'input', 0);
    const x = Float32Array.from({ length: input?.data.length as number }, (_, i) => Math.fround(Math.sin(i)));
    input?.data.set(x);
    exports.infer();
    const expected = Object.values(model.run({ [input?.name as string]: x }));
    expect(tensorsOf(exports, 'output', 0).map(({ data }) => data)).toEqual(expected.map(({ data }) => data));
  });
});
