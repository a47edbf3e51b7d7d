import { describe, expect, it } from 'vitest';
import { frozenGraph } from '../../src/export/frozen.ts';
import * as t from '../../src/index.ts';
import { randomRows, testNetworks } from '../networks.ts';

/** Two spirals of two and a half turns. */
function spirals(count: number, seed: number): { x: Float32Array; y: Int32Array } {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const x = new Float32Array(count * 2);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const radius = next() * 2.5 + 0.3;
    const angle = radius * 4 + (i % 2) * Math.PI;
    x.set([radius * Math.cos(angle), radius * Math.sin(angle)], i * 2);
    y[i] = i % 2;
  }
  return { x, y };
}

const UNITS = 24;

/** Multiplies the channels between layers by a tenth, one and ten in turns: in f32 the network computes the same, one step for all channels does not. */
function skew(model: t.Model): void {
  const weights = model.getWeights();
  const factor = (c: number) => 10 ** ((c % 3) - 1);
  for (const [layer, inputs] of [2, UNITS].entries()) {
    const [kernel, bias, next] = weights.slice(2 * layer) as [Float32Array, Float32Array, Float32Array];
    // Kernels are panels of 8 columns.
    kernel.set(kernel.map((value, i) => value * factor(Math.floor(i / (8 * inputs)) * 8 + (i % 8))));
    bias.set(bias.map((value, c) => value * factor(c)));
    next.set(next.map((value, i) => value / factor(Math.floor(i / 8) % UNITS)));
  }
  model.setWeights(weights);
}

const training = { loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] } as const;

it('recovers what quantizing after training loses', async () => {
  const [train, test] = [spirals(2000, 1), spirals(2000, 2)];
  const hidden = () => t.dense({ units: UNITS, activation: 'relu' });
  const model = t.sequential([t.input({ shape: [2] }), hidden(), hidden(), t.dense({ units: 2 })]);
  await model.compile({ ...training, optimizer: t.adam({ learningRate: 0.01 }) });
  await model.fit(train.x, train.y, { epochs: 80, verbose: 0 });
  skew(model);
  const on = { test: { data: test.x, labels: test.y } };
  const after = (await t.quantize(model, train.x, { ...on, ranges: 'min-max' })).report;
  const lost = (after.before.accuracy as number) - (after.after.accuracy as number);
  expect(lost).toBeGreaterThan(0.02);

  await model.compile({ ...training, optimizer: t.adam({ learningRate: 0.002 }), quantizationAware: true });
  await model.fit(train.x, train.y, { epochs: 15, verbose: 0 });
  const { accuracy } = await model.evaluate(test.x, test.y);
  // The ranges were learned: no calibration data.
  const aware = (await t.quantize(model, undefined, on)).report;
  expect((after.before.accuracy as number) - (aware.after.accuracy as number)).toBeLessThan(lost / 4);
  expect(Math.abs((aware.after.accuracy as number) - (accuracy as number))).toBeLessThan(0.005);
});

describe.each(testNetworks)('$name, quantization-aware', ({ build, compile }) => {
  it('trains, is saved and loaded, and is quantized without data to what it predicts', async () => {
    const { budget: _, ...options } = compile;
    const model = build();
    await model.compile({ ...options, quantizationAware: true });
    const { x, y } = randomRows(model, 16);
    const { history } = await model.fit(x as Float32Array, y, { epochs: 2, shuffle: false, verbose: 0 });
    expect(history.loss?.every(Number.isFinite)).toBe(true);
    const want = await model.predict(x);

    const again = await t.loadModel(t.save(model));
    expect(await again.predict(x)).toEqual(want);
    await again.fit(x as Float32Array, y, { epochs: 1, shuffle: false, verbose: 0 });
    await model.fit(x as Float32Array, y, { epochs: 1, shuffle: false, verbose: 0 });
    expect(again.getWeights()).toEqual(model.getWeights());

    const { model: small } = await t.quantize(model);
    const rows = 16;
    const size = x.length / rows;
    const outputs = (await model.predict(x)).data as Float32Array;
    const width = outputs.length / rows;
    const [input] = model.network.inputs as [t.Symbolic];
    const range = outputs.reduce((a, b) => Math.max(a, b), 0) - outputs.reduce((a, b) => Math.min(a, b), 0);
    for (let row = 0; row < rows; row++) {
      const { predictions } = small.run({ [input.name]: x.slice(row * size, (row + 1) * size) });
      predictions?.data.forEach((value, i) => {
        expect(Math.abs(value - (outputs[row * width + i] as number))).toBeLessThan((range * 4) / 255);
      });
    }
  });
});

it('rounds products and what they read and write, once, in a graph that is the same in training and at inference', async () => {
  const model = t.sequential([
    t.input({ shape: [8, 8, 3] }),
    t.conv2d({ filters: 8, kernelSize: 3, useBias: false }),
    t.batchNormalization(),
    t.activation({ activation: 'relu' }),
    t.maxPooling2d(),
    t.dropout({ rate: 0.2 }),
    t.flatten(),
    t.dense({ units: 10 }),
  ]);
  await model.compile({ ...training, optimizer: 'sgd', quantizationAware: true });
  const ranges = model.state().filter(({ variable }) => variable.name.includes('/range'));
  // The input, the convolution behind its normalisation and relu; pool and flatten move numbers, the result stays in float.
  expect(ranges.map(({ variable }) => variable.name)).toEqual(['input/range', 'activation/range']);
  const { graph } = frozenGraph(model, 1);
  expect(graph.nodes.map(({ op }) => op)).toEqual(['fakeQuantize', 'conv2d', 'fakeQuantize', 'maxPool2d', 'reshape', 'linear']);
  // Ranges outlive a compilation without them, which predicts in float again.
  const { x } = randomRows(model, 8);
  const rounded = await model.predict(x);
  await model.compile();
  expect(await model.predict(x)).not.toEqual(rounded);
  await model.compile({ ...training, optimizer: 'sgd', quantizationAware: true });
  expect(await model.predict(x)).toEqual(rounded);
  await expect(model.compile({ quantizationAware: true })).rejects.toThrow(/needs a loss to train/);
});
