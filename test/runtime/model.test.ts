import { describe, expect, it } from 'vitest';
import { kernelModule } from '../../src/hosts/kernels.ts';
import { load } from '../../src/hosts/runtime.ts';
import * as t from '../../src/index.ts';
import { decode } from '../../src/program/decode.ts';
import { encode } from '../../src/program/encode.ts';
import { flavours } from '../ops/lowering.ts';

const BATCH = 6;

/** A network with every kind of state: parameters in panels and rows, running statistics, moments, counters, sums of gradients. */
async function trained(steps = 2, gradientAccumulationSteps = 2, flavour: t.Flavour = 'simd') {
  const model = t.sequential([
    t.input({ shape: [6, 6, 2], name: 'image' }),
    t.conv2d({ filters: 5, kernelSize: 3 }),
    t.batchNormalization(),
    t.activation({ activation: 'relu' }),
    t.flatten(),
    t.dropout({ rate: 0.3 }),
    t.dense({ units: 3 }),
  ]);
  const learningRate = t.exponentialDecay({ initialLearningRate: 0.01, decaySteps: 2, decayRate: 0.5 });
  await model.compile({
    optimizer: t.adam({ learningRate, gradientAccumulationSteps }),
    loss: 'sparseCategoricalCrossentropy',
    batchSize: BATCH,
    flavour,
  });
  for (let step = 0; step < steps; step++) await model.trainOnBatch(...batch(step));
  return model;
}

function batch(step: number): [Float32Array, Int32Array] {
  const image = Float32Array.from({ length: BATCH * 72 }, (_, i) => Math.fround(Math.sin(step * 977 + i * i * 0.37)));
  return [image, Int32Array.from({ length: BATCH }, (_, i) => (i + step) % 3)];
}

const feeds = (step: number) => {
  const [image, labels] = batch(step);
  return { image, labels };
};

describe.each(flavours)('a trained model exported, on %s kernels', (flavour) => {
  it('infers one row and trains on with the bits of the model it came from', async () => {
    // Three batches: the export is between two updates of accumulated gradients.
    const model = await trained(3, 2, flavour);
    const [x] = batch(9);
    const expected = await model.predict(x);
    const edge = await load(model.export({ training: true }), { flavour });
    expect(edge.inputs).toEqual([{ name: 'image', dtype: 'f32', type: 'float32', shape: [1, 6, 6, 2] }]);
    expect(edge.run({ image: x.slice(0, 72) }).predictions?.data).toEqual(expected.data.slice(0, 3));
    for (let step = 3; step < 8; step++) {
      const { loss, predictions } = await model.trainOnBatch(...batch(step));
      const there = edge.trainStep(feeds(step));
      expect(there.loss).toBe(loss);
      expect(there.predictions.data).toEqual(predictions.data.slice());
    }
    expect(edge.step).toBe(model.step);
    expect(edge.step).toBe(4);
  });
});

describe('a checkpoint', () => {
  it('goes on elsewhere with the same losses, and its weights load into the model', async () => {
    const model = await trained();
    const bytes = model.export({ training: true });
    const [here, there] = [await load(bytes), await load(bytes)];
    for (let step = 0; step < 3; step++) here.trainStep(feeds(step));
    const saved = here.checkpoint();
    there.restore(saved);
    for (let step = 3; step < 6; step++) expect(there.trainStep(feeds(step))).toEqual(here.trainStep(feeds(step)));
    t.loadWeights(model, saved);
    const fresh = await load(bytes, { flavour: model.compileOptions.flavour });
    fresh.restore(saved);
    const [x] = batch(5);
    expect((await model.predict(x)).data.slice(0, 3)).toEqual(fresh.run({ image: x.slice(0, 72) }).predictions?.data);
  });

  it('of another model, or damaged, is refused and changes nothing', async () => {
    const edge = await load((await trained()).export({ training: true }));
    const other = t.sequential([t.input({ shape: [4] }), t.dense({ units: 2 })]);
    const before = edge.session.stateBytes.slice();
    const foreign = (await load(other.export())).checkpoint();
    for (const bytes of [foreign, edge.checkpoint().slice(0, -4), new Uint8Array(3)]) {
      expect(() => edge.restore(bytes)).toThrow(expect.objectContaining({ code: 'FORMAT' }));
      expect(edge.session.stateBytes).toEqual(before);
    }
  });

  it('reset puts back what the file holds', async () => {
    const edge = await load((await trained(3)).export({ training: true }));
    const first = [edge.trainStep(feeds(0)), edge.trainStep(feeds(1)), edge.trainStep(feeds(2))];
    edge.reset();
    expect([edge.trainStep(feeds(0)), edge.trainStep(feeds(1)), edge.trainStep(feeds(2))]).toEqual(first);
  });
});

it('says what is missing, unknown or of the wrong size, and what it runs on', async () => {
  const model = await trained();
  const [bytes, inference] = [model.export({ training: true }), model.export()];
  const edge = await load(bytes, { flavour: 'scalar' });
  expect([edge.flavour, edge.flavourReason]).toEqual(['scalar', 'asked for']);
  expect((await load(inference, { kernels: await kernelModule('simd') })).flavour).toBe('simd');
  expect(() => edge.run({})).toThrow(/no data for "image"/);
  expect(() => edge.run({ image: new Float32Array(72), mask: new Float32Array(1) })).toThrow(/no input "mask" \(expected image\)/);
  expect(() => edge.run({ image: new Float32Array(71) })).toThrow(/"image" does not fit/);
  expect(() => edge.trainStep({ image: new Float32Array(72 * BATCH) })).toThrow(/no data for "labels"/);
  const frozen = await load(inference);
  expect(frozen.training).toBeUndefined();
  expect(() => frozen.trainStep(feeds(0))).toThrow(/no training step.*compiled with a loss/);
  expect(() => frozen.step).toThrow(/no training step/);
  expect(() => t.sequential([t.input({ shape: [4] }), t.dense({ units: 2 })]).export({ training: true })).toThrow(/without a loss/);
});

it('`load` of the whole package takes .thimble files too', async () => {
  const model = await trained();
  const [x] = batch(0);
  const loaded = await t.load(model.export(), { flavour: 'simd' });
  expect(loaded.run({ image: x.slice(0, 72) }).predictions?.data).toEqual((await model.predict(x)).data.slice(0, 3));
  expect(loaded.memory.totalBytes).toBe(loaded.program.totalBytes);
  expect(() => loaded.graph).toThrow(/holds no graph/);
  expect(decode(loaded.export())).toEqual(loaded.program);
  await expect(t.load(model.export(), { budget: 1000 })).rejects.toThrow(expect.objectContaining({ code: 'BUDGET' }));
});

it('a file whose training or counts do not fit its methods is refused', async () => {
  const program = decode((await trained()).export({ training: true }));
  const { train: _, ...methods } = program.methods;
  const predict = program.methods.predict as t.Program['methods'][string];
  const counted = predict.outputs.map((slot) => ({ ...slot, count: { name: 'nothing', axis: 0 } }));
  for (const damaged of [
    { ...program, methods },
    { ...program, training: { ...program.training, batchSize: 'six' } },
    { ...program, state: program.state.filter(({ name }) => name !== 'step') },
    { ...program, methods: { ...program.methods, predict: { ...predict, outputs: counted } } },
  ]) {
    expect(() => decode(encode(damaged as t.Program))).toThrow(expect.objectContaining({ code: 'FORMAT' }));
  }
});
