import { describe, expect, it } from 'vitest';
import { exportGraph } from '../../src/formats/onnx/exporter.ts';
import * as t from '../../src/index.ts';
import { Graph } from '../../src/ir/graph.ts';
import { activations } from '../../src/layers/activations.ts';
import { fakeQuantize, nonZero, roundRows } from '../../src/ops/index.ts';
import { randomRows, testNetworks } from '../networks.ts';
import { onnxruntime, runInOnnxruntime } from './onnxruntime.ts';

const ROWS = 3;

const chain = (shape: readonly number[], ...layers: t.Layer[]) => t.sequential([t.input({ shape }), ...layers]);

/** What `testNetworks` leaves out: the other layers, strides and paddings, layers between which axes change places. */
const more: readonly { readonly name: string; readonly build: () => t.Model }[] = [
  ...(Object.keys(activations) as (keyof typeof activations)[]).map((activation) => ({
    name: activation,
    build: () => chain([4, 5, 3], t.conv2d({ filters: 6, kernelSize: 2, activation }), t.flatten(), t.dense({ units: 4, activation })),
  })),
  {
    name: 'transposed convolutions',
    build: () =>
      chain(
        [5, 6, 3],
        t.conv2dTranspose({ filters: 4, kernelSize: [2, 3], strides: [2, 1], padding: 'valid', activation: 'relu' }),
        t.conv2dTranspose({ filters: 6, kernelSize: 4, strides: 3, padding: 'same', groups: 2 }),
        t.conv2dTranspose({ filters: 2, kernelSize: 1, strides: 2, padding: 'same', useBias: false }),
      ),
  },
  {
    name: 'pools',
    build: () =>
      chain(
        [9, 11, 2],
        t.maxPooling2d({ poolSize: [3, 2], strides: 2, padding: 'same' }),
        t.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same' }),
        t.depthwiseConv2d({ kernelSize: [1, 2], depthMultiplier: 3, strides: 2, padding: [1, 0, 0, 1] }),
        t.globalMaxPooling2d(),
      ),
  },
  {
    name: 'norms of many axes',
    build: () =>
      chain(
        [4, 6, 8],
        t.batchNormalization(),
        t.groupNormalization({ groups: 4 }),
        t.layerNormalization(),
        t.rmsNormalization(),
        t.prelu(),
        t.upSampling2d({ size: [3, 2] }),
        t.reshape({ targetShape: [12, 96] }),
        t.groupNormalization({ groups: 3 }),
        t.simpleRnn({ units: 5, activation: 'relu' }),
      ),
  },
  {
    name: 'branches',
    build() {
      const x = t.input({ shape: [6, 4, 4] });
      const a = t.conv2d({ filters: 8, kernelSize: 1 })(x);
      const b = t.multiply()([a, t.reshape({ targetShape: [1, 1, 8] })(t.globalAveragePooling2d()(a))]);
      const c = t.concatenate({ axis: 1 })([b, a]);
      return t.model({ inputs: [x], output: t.lstm({ units: 3, useBias: false })(t.reshape({ targetShape: [48, 8] })(c)) });
    },
  },
];

const networks = [...testNetworks, ...more];

/** Weights and statistics drawn at random: layers that start as the identity must not hide a mistake. */
function shaken(model: t.Model): t.Model {
  let state = 17;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const weights = model.getWeights().map((data, i) => {
    const isVariance = model.weights[i]?.variable.name.endsWith('movingVariance');
    return data.map((value) => (isVariance ? 0.5 + next() : value + (next() - 0.5) * 0.4));
  });
  model.setWeights(weights);
  return model;
}

function expectNear(got: ArrayLike<number>, want: t.TypedArray, what: string): void {
  expect(got.length, what).toBe(want.length);
  want.forEach((value, i) => {
    const error = Math.abs((got[i] as number) - value);
    if (!(error <= 2e-5 + 2e-5 * Math.abs(value))) expect.fail(`${what}[${i}] is ${got[i]}, not ${value}`);
  });
}

describe.each(networks)('$name as ONNX', ({ build }) => {
  const model = shaken(build());
  const { x } = randomRows(model, ROWS);
  const [input] = model.network.inputs as [t.Symbolic];

  it('is loaded again and predicts the same; so does what is exported of that', async () => {
    const want = (await model.predict(x)).data;
    const again = await t.load(t.exportOnnx(model), { shapes: { batch: ROWS } });
    expect(again.inputs.map(({ name, shape }) => ({ name, shape }))).toEqual(
      model.network.inputs.map(({ name, shape }) => ({ name, shape: [ROWS, ...shape] })),
    );
    expectNear(again.run({ [input.name]: x }).predictions?.data as t.TypedArray, want, 'predictions');
    const twice = await t.load(t.exportOnnx(again));
    expectNear(twice.run({ [input.name]: x }).predictions?.data as t.TypedArray, want, 'predictions of the second file');
  });

  it.runIf(onnxruntime)('runs in onnxruntime with any batch size', async () => {
    const want = (await model.predict(x)).data;
    const bytes = t.exportOnnx(model);
    for (const rows of [ROWS, 1]) {
      const data = x.subarray(0, (x.length / ROWS) * rows);
      const { predictions } = await runInOnnxruntime(bytes, input.name, data, [rows, ...input.shape]);
      expect(predictions?.dims).toEqual([rows, ...model.network.output.shape]);
      expectNear(predictions?.data as t.TypedArray, want.subarray(0, (want.length / ROWS) * rows), `predictions of ${rows}`);
    }
  });
});

it('convolutions follow one another without transpositions; batch normalisation is gone', () => {
  const model = chain(
    [8, 8, 3],
    t.conv2d({ filters: 8, kernelSize: 3, useBias: false }),
    t.batchNormalization(),
    t.activation({ activation: 'relu' }),
    t.maxPooling2d(),
    t.depthwiseConv2d({ kernelSize: 3, padding: 'same' }),
    t.flatten(),
    t.dense({ units: 10 }),
  );
  const { operators, opsets, inputs } = t.inspect(t.exportOnnx(model));
  expect(operators).toEqual({ Conv: 2, Flatten: 1, Gemm: 1, MaxPool: 1, Relu: 1, Transpose: 1 });
  expect(opsets).toEqual({ '': 20 });
  expect(inputs).toEqual([{ name: 'input', type: 'float32', shape: ['batch', 8, 8, 3] }]);
  expect(t.inspect(t.exportOnnx(model, { batchSize: 4 })).inputs[0]?.shape).toEqual([4, 8, 8, 3]);
});

it.runIf(onnxruntime)('leaves the batch of large images open', async () => {
  // 1.3 GB of pixels a thousand items, and 61 is an extent too.
  const model = shaken(
    chain(
      [331, 331, 3],
      t.conv2d({ filters: 61, kernelSize: 3, strides: 8, activation: 'relu' }),
      t.globalAveragePooling2d(),
      t.dense({ units: 3 }),
    ),
  );
  const { x } = randomRows(model, 2);
  const bytes = t.exportOnnx(model);
  expect(t.inspect(bytes).inputs[0]?.shape).toEqual(['batch', 331, 331, 3]);
  const { predictions } = await runInOnnxruntime(bytes, 'input', x, [2, 331, 331, 3]);
  expectNear(predictions?.data as t.TypedArray, (await model.predict(x)).data, 'predictions');
});

it('carries what the model is for', async () => {
  const model = chain([4], t.dense({ units: 2 }));
  const task = { input: 'input', output: 'predictions', labels: ['cat', 'dog'], scores: 'logits' as const };
  const loaded = await t.load(t.exportOnnx(model, { task }));
  expect(loaded.program.task).toEqual(task);
  expect((await t.load(t.exportOnnx(loaded))).program.task).toEqual(task);
  expect(() => t.exportOnnx(model, { task: { ...task, scores: 'points' as never } })).toThrow(/scores/);
});

it.runIf(onnxruntime).each([
  [-1, false],
  [-1, true],
  [1, false],
  [1, true],
])('rows from axis %i on, asymmetric: %s, are rounded to their own steps in onnxruntime, too', async (axis, asymmetric) => {
  const graph = new Graph('infer');
  const shape = [2, 3, 5];
  graph.output('y', roundRows([graph.input('x', { dtype: 'f32', shape })], { axis, asymmetric }));
  const bytes = exportGraph(graph);
  const x = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i * 1.7) * (i + 1) + 0.3);
  const want = ((await t.load(bytes)).run({ x }).y as t.Tensor).data;
  const { y } = await runInOnnxruntime(bytes, 'x', x, shape);
  want.forEach((value, i) => void expect(y?.data[i]).toBeCloseTo(value, 4));
  // At most half a step of the largest row off.
  want.forEach((value, i) => void expect(Math.abs(value - (x[i] as number))).toBeLessThan(30 / 127));
});

it('weights that layers share are written once, also by what was loaded', async () => {
  const [a, b] = [t.input({ shape: [8, 8, 3], name: 'a' }), t.input({ shape: [8, 8, 3], name: 'b' })];
  const [filters, rows] = [t.conv2d({ filters: 16, kernelSize: 3 }), t.dense({ units: 20 })];
  const branch = (x: t.Symbolic) => rows(t.flatten()(filters(x)));
  const model = t.model({ inputs: [a, b], output: t.add()([branch(a), branch(b)]) });
  const file = t.exportOnnx(model, { batchSize: 1 });
  expect(file.length).toBeLessThan(4 * (27 * 16 + 16 + 576 * 20 + 20) * 1.1);
  const again = t.exportOnnx(await t.load(file));
  expect(again.length).toBeLessThan(file.length * 1.05);
  const x = { a: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)), b: new Float32Array(192) };
  expect((await t.load(again)).run(x)).toEqual((await t.load(file)).run(x));
});

it('an operator that ONNX does not have is named', () => {
  const graph = new Graph('infer');
  graph.output('y', nonZero(graph.input('x', { dtype: 'f32', shape: [4] })));
  expect(() => exportGraph(graph)).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED_OP', message: expect.stringContaining('nonZero "nonZero_0"') }),
  );
});

describe.each([
  ['int8', -128, 127],
  ['uint8', 0, 255],
  ['numbers of int8 without its lowest', -127, 127],
  ['int4', -8, 7],
  ['uint4', 0, 15],
  ['int16', -32768, 32767],
  ['uint16', 0, 65535],
] as const)('rounding to %s', (_, low, high) => {
  const graph = new Graph('infer');
  const x = graph.input('x', { dtype: 'f32', shape: [64] });
  const zero = graph.scalar(low + Math.round((high - low) / 3));
  graph.output('y', fakeQuantize([x, graph.scalar(Math.fround(0.11)), zero], { low, high }));
  const bytes = exportGraph(graph);
  // Beyond both ends of all but the widest; halves of steps, too.
  const data = Float32Array.from({ length: 64 }, (_, i) => Math.fround((i - 32) * Math.fround(0.11) * (high > 255 ? 1600.5 : 5.5)));

  it('is what the graph says, loaded and in onnxruntime', async () => {
    const [want] = fakeQuantize.ref(
      [data, [Math.fround(0.11)], [low + Math.round((high - low) / 3)]].map((numbers) => ({
        dtype: 'f32',
        shape: [numbers.length],
        data: Float64Array.from(numbers),
      })),
      { low, high },
      [{ dtype: 'f32', shape: [64] }],
    ) as [Float64Array];
    const expected = Float32Array.from(want);
    expect(((await t.load(bytes)).run({ x: data }).y as t.Tensor).data).toEqual(expected);
    if (onnxruntime) expect((await runInOnnxruntime(bytes, 'x', data, [64])).y?.data).toEqual(expected);
  });
});
