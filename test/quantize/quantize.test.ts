import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildModel } from '../../src/cli/digits.ts';
import { loadDigits } from '../../src/data/digits.ts';
import { holdOut, takeRows } from '../../src/data/split.ts';
import * as t from '../../src/index.ts';
import { onnxruntime, runInOnnxruntime } from '../export/onnxruntime.ts';
import { randomRows, testNetworks } from '../networks.ts';

/** The digits network after a few epochs. */
let model: t.Model;
let train: { x: Float32Array; y: Int32Array };
let test: { x: Float32Array; y: Int32Array };

beforeAll(async () => {
  const { images, labels, count } = await loadDigits();
  const rows = holdOut(count, 0.2, 2026);
  const part = (which: Uint32Array) => ({ x: takeRows(images, 64, which), y: takeRows(labels, 1, which) });
  [train, test] = [part(rows.train), part(rows.test)];
  model = buildModel(1);
  await model.compile({ optimizer: t.adam({ learningRate: 0.005 }), loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  await model.fit(train.x, train.y, { epochs: 6, verbose: 0 });
});

const calibration = () => train.x.subarray(0, 64 * 100);
const quantizeDigits = (options: t.QuantizeOptions = {}) =>
  t.quantize(model, calibration(), { test: { data: test.x, labels: test.y }, ...options });

/** Largest difference of two results in parts of 255 of the range of one. */
function stepsApart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const values = Array.from(a);
  const step = (Math.max(...values, 0) - Math.min(...values, 0)) / 255;
  return Math.max(...values.map((value, i) => Math.abs(value - (b[i] as number)))) / step;
}

describe.each(t.schemes)('digits in %s', (scheme) => {
  it('loses at most half a point of accuracy, in a smaller file', async () => {
    const { report, onnx, model: small } = await quantizeDigits({ scheme });
    const { before, after } = report;
    expect(before.accuracy).toBeGreaterThan(0.95);
    expect((before.accuracy as number) - (after.accuracy as number)).toBeLessThanOrEqual(0.005);
    expect(after.fileBytes).toBe(onnx.length);
    expect(after.programBytes).toBe(small.export().length);
    // Most weights are in the dense layer; records of a file as small as this weigh as much as its 10 KB of weights.
    expect(after.fileBytes).toBeLessThan(before.fileBytes * 0.95);
    // Weights and activations are bytes where the program runs, too.
    if (scheme === 'int8') expect(after.memoryBytes).toBeLessThan(before.memoryBytes / 3);
    const names = report.layers.map(({ name }) => name);
    expect([...names].sort()).toEqual(scheme === 'int8-dynamic' ? ['dense'] : ['conv2d', 'conv2d_1', 'dense']);
    const noise = report.layers.map(({ sqnr }) => sqnr);
    expect(noise).toEqual([...noise].sort((a, b) => a - b));
    expect(noise[0]).toBeGreaterThan(scheme === 'int4-weights' ? 18 : 30);
    expect(report.outputs.map(({ name }) => name)).toEqual(['predictions']);
  });

  it.runIf(onnxruntime)('gives in onnxruntime what it gives here, within one step', async () => {
    const { onnx, model: own } = await quantizeDigits({ scheme });
    for (const row of [0, 1, 2, 3]) {
      const x = test.x.slice(row * 64, (row + 1) * 64);
      const here = (own.run({ input: x }).predictions as t.Tensor).data;
      const { predictions } = await runInOnnxruntime(onnx, 'input', x, [1, 8, 8, 1]);
      expect(stepsApart(here, (predictions as { data: t.TypedArray }).data)).toBeLessThanOrEqual(1.001);
    }
  });
});

describe('options', () => {
  it.each(['min-max', 'percentile', 'mse', 'entropy'] as const)('ranges by %s', async (ranges) => {
    const { report } = await quantizeDigits({ ranges });
    expect((report.before.accuracy as number) - (report.after.accuracy as number)).toBeLessThanOrEqual(0.01);
    expect(report.outputs[0]?.sqnr).toBeGreaterThan(20);
  });

  it('layers to keep stay as they are', async () => {
    const { report, onnx } = await quantizeDigits({ keep: ['conv2d*'] });
    expect(report.layers.map(({ name }) => name)).toEqual(['dense']);
    expect(report.kept).toEqual(expect.arrayContaining(['conv2d', 'conv2d_1']));
    const all = (await quantizeDigits()).onnx;
    expect(t.inspect(onnx).operators.QuantizeLinear).toBeLessThan(t.inspect(all).operators.QuantizeLinear as number);
    expect(report.floats.map(({ name, reason }) => [name, reason])).toEqual(
      ['conv2d', 'conv2d_1'].map((name) => [name, 'it is named to stay in float']),
    );
  });

  it('of halved constants, too', async () => {
    const [some, all] = [await quantizeDigits({ scheme: 'f16', keep: ['dense'] }), await quantizeDigits({ scheme: 'f16' })];
    expect(some.report.layers.map(({ name }) => name).sort()).toEqual(['conv2d', 'conv2d_1']);
    expect(some.onnx.length - all.onnx.length).toBeGreaterThan(2 * 10 * 64);
  });

  it('the file is one that load takes; so is the .thimble one', async () => {
    const { onnx, model: quantized } = await quantizeDigits();
    const x = test.x.slice(0, 64);
    const want = quantized.run({ input: x }).predictions;
    expect((await t.load(onnx)).run({ input: x }).predictions).toEqual(want);
    expect((await t.load(quantized.export())).run({ input: x }).predictions).toEqual(want);
  });

  it('written again, it stays small and gives the same', async () => {
    const { onnx, model: quantized } = await quantizeDigits();
    const again = t.exportOnnx(quantized);
    const x = { input: test.x.slice(0, 64) };
    expect(again.length).toBeLessThan(onnx.length * 1.25);
    expect((await t.load(again)).run(x)).toEqual(quantized.run(x));
  });

  it('half-precision weights take half the room in the .thimble file, too', async () => {
    const [whole, half] = [await t.load(t.exportOnnx(model)), (await quantizeDigits({ scheme: 'f16' })).model];
    const x = { input: test.x.slice(0, 64) };
    expect(half.export().length).toBeLessThan(whole.export().length - 2 * 3500);
    expect((await t.load(half.export())).run(x)).toEqual(half.run(x));
  });

  it('int8-dynamic: dense layers are products of bytes where the model is loaded, which can be written and run again', async () => {
    const { model: own } = await quantizeDigits({ scheme: 'int8-dynamic' });
    expect([own.work.linearScaledInt8?.nodes, own.work.linear]).toEqual([1, undefined]);
    const again = t.exportOnnx(own);
    const x = test.x.slice(0, 64);
    const expected = own.run({ input: x }).predictions as t.Tensor;
    expect((await t.load(again)).run({ input: x }).predictions).toEqual(expected);
    if (!onnxruntime) return;
    const { predictions } = await runInOnnxruntime(again, 'input', x, [1, 8, 8, 1]);
    expect(stepsApart(expected.data, (predictions as { data: t.TypedArray }).data)).toBeLessThanOrEqual(1.001);
  });

  it('a loaded model is quantized as the trained one it came from', async () => {
    const loaded = await t.load(t.exportOnnx(model));
    const [a, b] = [await t.quantize(loaded, calibration(), { labels: train.y.subarray(0, 100) }), await quantizeDigits()];
    const calls = Array.from({ length: 100 }, (_, i) => ({ input: calibration().slice(i * 64, (i + 1) * 64) }));
    const c = await t.quantize(loaded, calls);
    const x = { input: test.x.slice(0, 64) };
    expect(a.model.run(x)).toEqual(b.model.run(x));
    expect(c.model.run(x)).toEqual(b.model.run(x));
    expect(a.report.after.accuracy).toBeGreaterThan(0.95);
  });

  it('what does not fit is an error that says what does', async () => {
    await expect(t.quantize(model)).rejects.toThrow(/needs calibration data/);
    await expect(quantizeDigits({ scheme: 'int3' as never })).rejects.toThrow(/no scheme "int3".*int4-weights/);
    await expect(quantizeDigits({ ranges: 'guess' as never })).rejects.toThrow(/no method for ranges "guess"/);
    await expect(quantizeDigits({ keep: ['conv9'] })).rejects.toThrow(/no layer "conv9".*conv2d, conv2d_1, dense; \*/);
    await expect(quantizeDigits({ keep: ['D_1'] })).rejects.toThrow(/expected conv2d_1 or one of 2 others/);
    await expect(quantizeDigits({ test: { data: test.x, labels: test.y.subarray(1) } })).rejects.toThrow(/one label for each row/);
    await expect(t.quantize(model, new Float32Array(65))).rejects.toThrow(/multiple of 64 elements, got 65/);
    await expect(t.quantize(model, new Float32Array(0))).rejects.toThrow(/has no rows/);
    await expect(t.quantize(model, new Float32Array(64).fill(Number.NaN))).rejects.toThrow(/"input" has NaN in call 0/);
    await expect(t.quantize(model, { shape: [2, 64, 3], data: new Float32Array(384) })).rejects.toThrow(
      /expected rows of \[8, 8, 1\], got \[2, 64, 3\]/,
    );
    await expect(t.quantize(model, { image: new Float32Array(64) })).rejects.toThrow(/no input "image" \(expected input\)/);
    await expect(t.quantize(model, [{ image: new Float32Array(64) }])).rejects.toThrow(/call 0 .* has no "input"/);
    await expect(quantizeDigits({ budget: '1KB' })).rejects.toThrow(expect.objectContaining({ code: 'BUDGET' }));
    expect((await t.quantize(model, undefined, { scheme: 'int8-weights' })).report.layers[0]?.sqnr).toBeNaN();
  });
});

it('4-bit weights behind a flatten are held in 4 bits where the model is loaded, too', async () => {
  const network = t.sequential([
    t.input({ shape: [16, 16, 3] }),
    t.conv2d({ filters: 16, kernelSize: 3 }),
    t.flatten(),
    t.dense({ units: 5 }),
  ]);
  const { model: small } = await t.quantize(network, undefined, { scheme: 'int4-weights' });
  expect(small.work.linearWeights?.nodes).toBe(1);
  expect(small.work).not.toHaveProperty('transpose');
});

it.each(['int8-weights', 'int4-weights'] as const)(
  'filters of %s are bytes where the model is loaded, and in its .thimble file',
  async (scheme) => {
    const convolution = (name: string) => t.conv2d({ filters: 24, kernelSize: 3, padding: 'same', activation: 'relu', name });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const network = t.sequential([t.input({ shape: [6, 6, 24] }), ...names.map(convolution)] as Parameters<typeof t.sequential>[0]);
    const whole = await t.load(t.exportOnnx(network, { batchSize: 1 }));
    const { model: small, report } = await t.quantize(network, undefined, { scheme });
    expect(report.after.constantBytes).toBeLessThan(report.before.constantBytes * 0.3);
    expect(report.after.memoryBytes).toBeLessThan(report.before.memoryBytes * 0.62);
    expect(small.export().length).toBeLessThan(whole.export().length * 0.35);
    const x = { input: Float32Array.from({ length: 864 }, (_, i) => Math.sin(i)) };
    expect((await t.load(small.export())).run(x)).toEqual(small.run(x));
  },
);

describe('what a scheme does not find', () => {
  const image = t.input({ shape: [8, 8, 3] });
  const convolutions = t.sequential([image, t.conv2d({ filters: 8, kernelSize: 3 }), t.globalAveragePooling2d()]);
  const pooled = t.sequential([image, t.globalAveragePooling2d()]);
  const data = new Float32Array(8 * 8 * 3);

  it.each([
    ['int8-dynamic', convolutions, /int8-dynamic has nothing to quantize.*dense and.*embeddings.*choose int8 or int8-weights or f16/],
    ['int8', pooled, /int8 has nothing to quantize: it makes convolutions.*small/],
    ['int8-weights', pooled, /has nothing to quantize: it makes weights of convolutions/],
    ['int4-weights', pooled, /has nothing to quantize.*no scheme makes this model smaller/],
    ['f16', pooled, /has nothing to quantize.*constants of 64 floats or more/],
  ] as const)('%s is refused', async (scheme, network, message) => {
    await expect(t.quantize(network, data, { scheme })).rejects.toThrow(message);
    await expect(t.quantize(network, undefined, { scheme })).rejects.toThrow(expect.objectContaining({ code: 'INPUT' }));
  });

  it('layers named to stay in float, all of them, are refused', async () => {
    const all = t.quantize(convolutions, data, { keep: ['*'], scheme: 'int8-weights' });
    await expect(all).rejects.toThrow(/every layer that it would is named to stay in float; keep fewer layers/);
  });

  it('a part of it is reported with the reason', async () => {
    const network = t.sequential([image, t.conv2d({ filters: 8, kernelSize: 3 }), t.flatten(), t.dense({ units: 5 })]);
    const reportOf = async (scheme: t.Scheme) => (await t.quantize(network, data, { scheme })).report;
    const dynamic = await reportOf('int8-dynamic');
    expect(dynamic.layers.map(({ name }) => name)).toEqual(['dense']);
    expect(dynamic.floats).toEqual([
      { name: 'conv2d', op: 'conv2d', reason: 'int8-dynamic quantizes dense and recurrent layers and embeddings alone' },
    ]);
    const four = await reportOf('int4-weights');
    expect(Object.fromEntries(four.layers.map(({ name, bits, note }) => [name, [bits, note]]))).toEqual({
      conv2d: [8, 'in 8 bits, as 4-bit weights are those of dense layers alone'],
      dense: [4, undefined],
    });
    expect([four.floats, (await reportOf('f16')).floats]).toEqual([[], []]);
  });
});

describe('a result of the model', () => {
  const image = t.input({ shape: [8, 8, 3] });
  const convolution = () => t.conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' });
  const heads = {
    'a dense layer': [[convolution(), t.flatten(), t.dense({ units: 5 }), t.activation({ activation: 'softmax' })], 'linearScaledInt8'],
    'a convolution': [[convolution(), t.conv2d({ filters: 2, kernelSize: 1, activation: 'sigmoid' })], 'conv2dScaledInt8'],
    'a depthwise convolution': [[convolution(), t.depthwiseConv2d({ kernelSize: 3 })], 'depthwiseConv2dScaledInt8'],
    'a mean': [[convolution(), t.globalAveragePooling2d()], 'reduceMean'],
  } as const;
  const pixels = (count: number, scale: number) =>
    Float32Array.from({ length: 192 * count }, (_, i) => scale * Math.sin(i * 1.7) * Math.cos(i * 0.31));

  it.each(Object.entries(heads))('of %s is computed from 8-bit numbers, and stays in float', async (_, [layers, operator]) => {
    const network = t.sequential([image, ...layers] as Parameters<typeof t.sequential>[0], { seed: 3 });
    const { onnx, model: small, report } = await t.quantize(network, pixels(20, 1));
    expect(small.work[operator]?.nodes).toBe(1);
    expect(small.work).not.toHaveProperty('conv2d');
    expect(report.outputs[0]?.sqnr).toBeGreaterThan(30);
    if (!onnxruntime) return;
    const x = pixels(1, 0.9);
    const here = (small.run({ input: x }).predictions as t.Tensor).data;
    const { predictions } = await runInOnnxruntime(onnx, 'input', x, [1, 8, 8, 3]);
    expect(stepsApart(here, (predictions as { data: t.TypedArray }).data)).toBeLessThanOrEqual(0.5);
  });

  it('may be outside of what it was when its range was found', async () => {
    const network = t.sequential([t.input({ shape: [16] }), t.dense({ units: 32, activation: 'relu' }), t.dense({ units: 3 })], {
      seed: 5,
    });
    // Rows whose largest result is smaller than that of the rows they are tested on.
    const rows = (count: number, seed: number) =>
      Float32Array.from({ length: 16 * count }, (_, i) => Math.sin((i + seed) * 12.9898) * Math.cos(i * 0.37));
    const { report } = await t.quantize(network, rows(8, 0), { test: { data: rows(300, 999) } });
    expect(report.outputs[0]?.sqnr).toBeGreaterThan(36);
  });
});

describe('layers that compute with floats', () => {
  const embedding = t.sequential([
    t.input({ shape: [12], dtype: 'i32' }),
    t.embedding({ inputDim: 500, outputDim: 16 }),
    t.globalAveragePooling1d(),
    t.dense({ units: 4 }),
  ]);
  const transposed = t.sequential([
    t.input({ shape: [6, 6, 3] }),
    t.conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
    t.conv2dTranspose({ filters: 5, kernelSize: 4, strides: 2, name: 'up', activation: 'relu' }),
    t.conv2d({ filters: 4, kernelSize: 1 }),
  ]);
  const words = Int32Array.from({ length: 12 * 40 }, (_, i) => (i * 7919) % 500);
  const pixels = Float32Array.from({ length: 108 * 20 }, (_, i) => Math.sin(i * 1.7) * Math.cos(i * 0.31));

  it.each(['int8', 'int8-dynamic', 'int8-weights', 'int4-weights'] as const)('%s makes tables of embeddings small', async (scheme) => {
    const { report, onnx, model: small } = await t.quantize(embedding, words, { scheme });
    expect(report.after.fileBytes).toBeLessThan(report.before.fileBytes * 0.4);
    expect(report.after.constantBytes).toBeLessThan(report.before.constantBytes * 0.4);
    expect(report.layers.find(({ op }) => op === 'gather')).toMatchObject({ parameters: 8000, bits: 8 });
    expect(report.outputs[0]?.sqnr).toBeGreaterThan(scheme === 'int4-weights' ? 20 : 33);
    if (!onnxruntime) return;
    const x = words.slice(0, 12);
    // Fused, products with 4-bit weights round their inputs to 8 bits in onnxruntime.
    const here = (small.run({ input: x }).predictions as t.Tensor).data;
    const { predictions } = await runInOnnxruntime(onnx, 'input', x, [1, 12], { graphOptimizationLevel: 'disabled' });
    expect(stepsApart(here, (predictions as { data: t.TypedArray }).data)).toBeLessThanOrEqual(1.001);
  });

  it.each(['int8', 'int8-weights'] as const)('%s makes weights of transposed convolutions small', async (scheme) => {
    const { report, onnx, model: small } = await t.quantize(transposed, pixels, { scheme });
    expect(report.layers.find(({ name }) => name === 'up')).toMatchObject({ op: 'conv2dGradInput', parameters: 640, bits: 8 });
    expect(report.floats).toEqual([]);
    expect(report.outputs[0]?.sqnr).toBeGreaterThan(33);
    if (!onnxruntime) return;
    const x = pixels.slice(0, 108);
    const here = (small.run({ input: x }).predictions as t.Tensor).data;
    const { predictions } = await runInOnnxruntime(onnx, 'input', x, [1, 6, 6, 3]);
    expect(stepsApart(here, (predictions as { data: t.TypedArray }).data)).toBeLessThanOrEqual(1.001);
  });
});

it.each([
  ['int8', 0],
  ['int8-dynamic', 0],
  ['int8-weights', 2],
] as const)('%s of a TFLite model that rounds its input when it runs rounds it once', async (scheme, roundings) => {
  const bytes = readFileSync(new URL('../formats/tflite/models/fc_hybasym_0.tflite', import.meta.url));
  const model = await t.load(bytes);
  const [{ name, shape }] = model.inputs as [t.TensorInfo];
  const x = Float32Array.from({ length: 20 * shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3));
  const { onnx, report } = await t.quantize(model, { [name]: x }, { scheme });
  expect(t.inspect(onnx).operators.Round ?? 0).toBe(roundings);
  expect(report.outputs[0]?.sqnr).toBeGreaterThan(30);
});

it('a model that computes in 8-bit numbers is quantized already', async () => {
  const bytes = readFileSync(new URL('../formats/tflite/models/conv_i8_0.tflite', import.meta.url));
  await expect(t.quantize(await t.load(bytes), undefined, { scheme: 'int8-weights' })).rejects.toThrow(
    /quantized already.*the float model/,
  );
});

describe.each(testNetworks.filter(({ name }) => name !== 'digits'))('$name in int8', ({ build }) => {
  it.runIf(onnxruntime)('gives in onnxruntime what it gives here, within one step', async () => {
    const network = build();
    const { x } = randomRows(network, 8);
    const { onnx, model: own, report } = await t.quantize(network, x, { ranges: 'min-max', biasCorrection: false });
    expect(report.layers.length).toBeGreaterThan(0);
    const [input] = network.network.inputs as [t.Symbolic];
    const size = x.length / 8;
    for (const row of [0, 5]) {
      const data = x.slice(row * size, (row + 1) * size);
      const here = (own.run({ [input.name]: data }).predictions as t.Tensor).data;
      const { predictions } = await runInOnnxruntime(onnx, input.name, data, [1, ...input.shape]);
      expect(stepsApart(here, (predictions as { data: t.TypedArray }).data)).toBeLessThanOrEqual(1.001);
    }
  });
});

it('infinities, as masks have them, do not count in ranges', async () => {
  const network = t.sequential([t.input({ shape: [4] }), t.dense({ units: 3 })]);
  const rows = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i));
  const masked = rows.map((value, i) => (i === 7 ? Number.NEGATIVE_INFINITY : value));
  const { model: small } = await t.quantize(network, masked, { ranges: 'min-max', biasCorrection: false });
  const { model: same } = await t.quantize(network, rows, { ranges: 'min-max', biasCorrection: false });
  expect(small.run({ input: rows.subarray(0, 4) })).toEqual(same.run({ input: rows.subarray(0, 4) }));
});
