import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { load as loadAtEdge } from '../../src/hosts/runtime.ts';
import * as t from '../../src/index.ts';

const SIDE = 12;
const PIXELS = SIDE * SIDE * 3;
const SIMD = { flavour: 'simd' } as const;
const random = new Random(5);
const numbers = (length: number) => Float32Array.from({ length }, () => random.uniform(-1, 1));

const network = t.sequential(
  [
    t.input({ shape: [SIDE, SIDE, 3], name: 'image' }),
    t.conv2d({ filters: 8, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu6' }),
    t.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'relu6' }),
    t.conv2d({ filters: 16, kernelSize: 1, activation: 'relu6' }),
    t.globalAveragePooling2d(),
    t.dense({ units: 4, activation: 'softmax' }),
  ],
  { seed: 7 },
);
const float = t.exportOnnx(network);
const { onnx: quantized } = await t.quantize(network, numbers(PIXELS * 20), { scheme: 'int8' });

/** Four items in one batch, and one by one. */
const rows = 4;
const x = numbers(rows * PIXELS);
const y = Int32Array.of(0, 2, 1, 2);
const item = (i: number) => x.subarray(i * PIXELS, (i + 1) * PIXELS);

/** The input of files by `exportOnnx` is NCHW; noise has no sides. */
const batchFor = (model: t.InferenceModel) => ({ x: t.tensor(x, [rows, ...(model.inputs[0]?.shape.slice(1) ?? [])]), y });

describe.each([
  ['head', float],
  ['last:1', float],
  ['last:2', float],
  ['bias', float],
  ['all', float],
  ['head', quantized],
] as const)('%s, in one program', (train, file) => {
  const tuned = async () => {
    const base = await t.load(file, SIMD);
    return { base, tuning: await t.fineTune(base, { classes: ['a', 'b', 'c'], train, batchSize: rows, seed: 3 }) };
  };

  test('infers what the fine-tuned model infers, and takes the same steps as fit', async () => {
    const { base, tuning } = await tuned();
    // No epochs: the statistics of what the head sees are taken from the data.
    await tuning.fit([batchFor(base)], { epochs: 0, headEpochs: 0, verbose: 0 });
    const plain = tuning.toModel();
    const whole = await loadAtEdge(tuning.toModel({ training: true }).export(), SIMD);
    const name = whole.inputs[0]?.name as string;
    const infer = (model: Pick<t.RuntimeModel, 'run'>) => model.run({ [name]: item(1) }).probabilities?.data as Float32Array;
    infer(whole).forEach((p, i) => void expect(p).toBeCloseTo(infer(plain)[i] as number, 6));

    const { feeds, labels } = { feeds: batchFor(base), labels: y };
    await tuning.fit([feeds], { epochs: 2, headEpochs: 0, verbose: 0 });
    for (let step = 0; step < 2 * rows; step++)
      whole.trainStep({ [name]: item(step % rows), labels: labels.subarray(step % rows, (step % rows) + 1) });
    expect(whole.step).toBe(2);
    const trained = tuning.model.state().filter(({ variable }) => ['parameter', 'moment'].includes(variable.role));
    let compared = 0;
    for (const { variable, data } of trained) {
      if (variable.name.endsWith('gradientSum')) continue;
      const mine = whole.session.view(whole.session.stateSlot(variable.name));
      data.forEach((value, i) => void expect(Math.abs((mine[i] as number) - value), variable.name).toBeLessThan(2e-6));
      compared += data.length;
    }
    expect(compared).toBeGreaterThanOrEqual(3 * (16 * 3 + 3));
    const moved = infer(whole);
    infer(tuning.toModel()).forEach((p, i) => void expect(moved[i]).toBeCloseTo(p, 5));
    expect(moved).not.toEqual(infer(plain));
  });

  test('goes on with the optimizer where fit stopped, and its checkpoint moves to another host', async () => {
    const { base, tuning } = await tuned();
    await tuning.fit([batchFor(base)], { epochs: 3, headEpochs: 0, verbose: 0 });
    const file = tuning.toModel({ training: true }).export();
    const [first, second] = [await loadAtEdge(file, SIMD), await loadAtEdge(file, { flavour: 'scalar' })];
    expect([first.step, first.training?.accumulationSteps]).toEqual([3, rows]);
    const name = first.inputs[0]?.name as string;
    const step = (model: typeof first, i: number) => model.trainStep({ [name]: item(i), labels: y.subarray(i, i + 1) }).loss;
    for (let i = 0; i < 2; i++) step(first, i);
    second.restore(first.checkpoint());
    for (let i = 2; i < rows; i++) expect(step(second, i)).toBe(step(first, i));
    expect(second.checkpoint()).toEqual(first.checkpoint());
    expect(first.step).toBe(4);
  });
});

describe('without new classes', () => {
  test.each([
    ['float', float],
    ['Q/DQ', quantized],
  ] as const)('a %s model goes on from its own classifier', async (_, file) => {
    const base = await t.load(file, SIMD);
    const tuning = await t.fineTune(base);
    expect([tuning.labels.length, tuning.keepsClassifier]).toEqual([4, true]);
    const whole = tuning.toModel({ training: true });
    const [before, after] = [base, whole].map((model) => Object.values(model.run({ [model.inputs[0]?.name as string]: item(0) }))[0]?.data);
    before?.forEach((p, i) => void expect(after?.[i]).toBeCloseTo(p as number, file === float ? 6 : 2));
  });

  test('a model without one asks for classes', async () => {
    const headless = t.sequential([t.input({ shape: [8, 8, 3] }), t.maxPooling2d()]);
    await expect(t.load(t.exportOnnx(headless), SIMD).then((model) => t.fineTune(model))).rejects.toThrow(/classifier/);
  });
});
