import { beforeAll, describe, expect, test } from 'vitest';
import { fixedPoint } from '../../src/core/fixedPoint.ts';
import { foldedBias, packQuads, quadShape } from '../../src/core/quads.ts';
import { Random } from '../../src/core/random.ts';
import { loadDigits } from '../../src/data/digits.ts';
import { arrays, Samples } from '../../src/data/index.ts';
import { kernelsFor } from '../../src/hosts/kernels.ts';
import { load as loadAtEdge } from '../../src/hosts/runtime.ts';
import * as t from '../../src/index.ts';
import { InferenceModel } from '../../src/inference/model.ts';
import { Graph } from '../../src/ir/graph.ts';
import { conv2dDefaults } from '../../src/ops/conv2d.ts';
import { filterQuads } from '../../src/ops/conv2dInt8.ts';
import { conv2dInt8, dequantizeInt8, linearInt8, quantizeInt8, reshape, softmax } from '../../src/ops/index.ts';
import { optimize } from '../../src/passes/optimize.ts';
import { build } from '../../src/program/build.ts';

/** The head: 32 features and the 5 old classes, to 5 new ones. */
const HEAD = (32 + 5) * 5 + 5;

const quiet = { verbose: 0 } as const;
const SIMD = { flavour: 'simd' } as const;

/** Digits 0 to 4 for the first network, 5 to 9 for what it is taught then. */
let old: { x: t.Tensor; y: Int32Array };
let fresh: { train: Samples<{ x: t.Tensor; y: number | t.Tensor }>; test: Samples<{ x: t.Tensor; y: number | t.Tensor }> };
let file: Uint8Array;

function rows(images: Float32Array, labels: Int32Array, keep: (label: number) => boolean, shift: number) {
  const chosen = [...labels.keys()].filter((i) => keep(labels[i] as number));
  const data = new Float32Array(chosen.length * 64);
  chosen.forEach((row, i) => {
    data.set(images.subarray(row * 64, (row + 1) * 64), i * 64);
  });
  return { x: t.tensor(data, [chosen.length, 8, 8, 1]), y: Int32Array.from(chosen, (row) => (labels[row] as number) - shift) };
}

beforeAll(async () => {
  const { images, labels } = await loadDigits();
  old = rows(images, labels, (label) => label < 5, 0);
  const { x, y } = rows(images, labels, (label) => label >= 5, 5);
  const { first, last } = arrays(x, y).split(0.5, { seed: 3 });
  fresh = { train: first.take(80), test: last.take(200) };
  const model = t.sequential(
    [
      t.input({ shape: [8, 8, 1] }),
      t.conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
      t.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'relu' }),
      t.conv2d({ filters: 16, kernelSize: 1, activation: 'relu' }),
      t.maxPooling2d(),
      t.conv2d({ filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
      t.globalAveragePooling2d(),
      t.dense({ units: 5, activation: 'softmax' }),
    ],
    { seed: 4 },
  );
  await model.compile({ optimizer: t.adam({ learningRate: 0.01 }), loss: 'sparseCategoricalCrossentropy', ...SIMD });
  await model.fit(old.x, old.y, { epochs: 8, ...quiet });
  file = t.exportOnnx(model);
});

/** Random 8-bit filters over the image, pooled, and a dense layer of 8 bits: f32 in, f32 out. */
async function int8Model(): Promise<t.InferenceModel> {
  const graph = new Graph('infer');
  const random = new Random(3);
  const bytes = (length: number) => Int8Array.from({ length }, () => random.uniform(-127, 128));
  const numbers = (data: t.TypedArray) => graph.constant(t.tensor(data));
  const factor = (scale: number) => {
    const { multiplier, shift } = fixedPoint(scale);
    return [numbers(Int32Array.of(multiplier)), numbers(Int32Array.of(shift))];
  };
  const image = graph.input('image', { dtype: 'f32', shape: [1, 8, 8, 1] });
  const attrs = { ...conv2dDefaults, kernel: [4, 4] as const, strides: [2, 2] as const, filters: 24 };
  const filters = bytes(4 * 4 * 24);
  const quads = packQuads(filters, [4, 4, 1, 24], 1, 4);
  const x = quantizeInt8(image, { scale: 1 / 255, zero: -128 });
  const w = graph.constant(t.tensor(quads, filterQuads(1, attrs)));
  const maps = conv2dInt8([x, w, numbers(foldedBias(filters, 24, -128)), ...factor(0.0005)], {
    ...attrs,
    xZero: -128,
    yZero: -128,
    low: -128,
  });
  const row = reshape(maps, { shape: [1, (maps.shape[1] as number) * (maps.shape[2] as number) * 24] });
  const depth = row.shape[1] as number;
  const dense = bytes(depth * 3);
  const out = linearInt8(
    [
      row,
      graph.constant(t.tensor(packQuads(dense, [depth, 3]), quadShape([depth, 3]))),
      numbers(foldedBias(dense, 3, -128)),
      ...factor(0.0001),
    ],
    { units: 3, xZero: -128, yZero: 0 },
  );
  graph.output('scores', softmax(dequantizeInt8(out, { scale: 0.1, zero: 0 })));
  const built = build([optimize(graph)], { name: 'int8' });
  return new InferenceModel(built.program, await kernelsFor('simd'), built.memory, built.methods.infer, graph);
}

const classes = ['five', 'six', 'seven', 'eight', 'nine'];
const tuned = async (options: Partial<t.FineTuneOptions> = {}) => t.fineTune(await t.load(file, SIMD), { classes, ...options });
const accuracyOf = async (tuning: t.FineTuning) => (await tuning.evaluate(fresh.test.batch(32))).accuracy as number;

describe('fineTune', () => {
  test('the head alone learns new classes on frozen features; the model as a whole answers the same', async () => {
    const tuning = await tuned();
    expect([tuning.scheme, tuning.parameters.trained]).toEqual(['head', HEAD]);
    expect(await accuracyOf(tuning)).toBeLessThan(0.5);
    const history = await tuning.fit(fresh.train.batch(16), { ...quiet, epochs: 60, validationData: fresh.test.batch(32) });
    expect(await accuracyOf(tuning)).toBeGreaterThan(0.7);
    expect(history.history.val_accuracy?.at(-1)).toBe(await accuracyOf(tuning));
    const whole = tuning.toModel();
    const edge = await loadAtEdge(whole.export(), SIMD);
    expect(edge.task).toMatchObject({ labels: classes, output: 'probabilities', scores: 'probabilities' });
    const name = whole.inputs[0]?.name as string;
    for (const { x } of await fresh.test.take(5).collect()) {
      const row = t.tensor(x.data, [1, ...x.shape]);
      const expected = await tuning.predict(row);
      for (const model of [whole, edge]) {
        const { probabilities } = model.run({ [name]: x.data });
        expected.data.forEach((value, i) => {
          expect(probabilities?.data[i]).toBeCloseTo(value, 5);
        });
      }
    }
  });

  test('more than the head is not worse, and changes what it says it trains and nothing else', async () => {
    const head = await tuned();
    await head.fit(fresh.train.batch(16), { ...quiet, epochs: 40 });
    const least = await accuracyOf(head);
    const counts: number[] = [];
    for (const train of ['bias', 'last:1', 'last:2', 'all'] as const) {
      const tuning = await tuned({ train });
      const first = new Map([...tuning.model.weights].map(({ variable, data }) => [variable.name, data.slice()]));
      counts.push(tuning.parameters.trained);
      const history = await tuning.fit(fresh.train.shuffle(1).batch(16), { ...quiet, headEpochs: 40, epochs: 4 });
      expect(history.epoch).toEqual(Array.from({ length: 44 }, (_, i) => i));
      expect(await accuracyOf(tuning), train).toBeGreaterThanOrEqual(least - 0.01);
      tuning.model.getWeights();
      const moved = tuning.model.weights.filter(({ variable, data }) => data.some((value, i) => value !== first.get(variable.name)?.[i]));
      expect(moved.length).toBe(tuning.model.weights.length);
    }
    // Weights and biases of the backbone: 3·3·8 + 8, 3·3·8 + 8, 8·16 + 16, 3·3·16·32 + 32; beside the head's.
    expect(counts).toEqual([8 + 8 + 16 + 32 + HEAD, 4640 + HEAD, 4640 + 144 + HEAD, 4640 + 144 + 80 + 80 + HEAD]);
  });

  test('a predicate chooses weights by layer, kind, operator and shape', async () => {
    const seen: t.WeightInfo[] = [];
    const tuning = await tuned({
      train: (weight) => {
        seen.push(weight);
        return weight.op === 'depthwiseConv2d' && weight.kind === 'weights';
      },
    });
    expect(tuning.parameters.trained).toBe(72 + HEAD);
    expect(seen.map(({ op, kind, layer }) => `${layer} ${op} ${kind}`)).toEqual([
      '0 conv2d weights',
      '0 conv2d bias',
      '1 depthwiseConv2d weights',
      '1 depthwiseConv2d bias',
      '2 conv2d weights',
      '2 conv2d bias',
      '3 conv2d weights',
      '3 conv2d bias',
    ]);
    expect(seen[0]?.shape).toEqual([3, 3, 1, 8]);
  });

  test('gradients reach frozen layers on the way to trained ones: the first bias learns behind three frozen layers', async () => {
    const tuning = await tuned({ train: ({ layer, kind }) => layer === 0 && kind === 'bias', learningRate: 0.01 });
    const before = (await tuning.fit(fresh.train.batch(16), { ...quiet, headEpochs: 10, epochs: 4 })).history.loss as number[];
    expect(before.at(-1)).toBeLessThan(before[9] as number);
  });

  test('batches of a trained backbone add up gradients: as many updates as batches', async () => {
    const tuning = await tuned({ train: 'all', batchSize: 20 });
    await tuning.fit(fresh.train.batch(20), { ...quiet, headEpochs: 0, epochs: 2 });
    expect([tuning.model.batchSize, tuning.model.step]).toEqual([1, (80 / 20) * 2]);
  });

  test('repeats bit by bit, and goes on from a checkpoint as if it had not stopped', async () => {
    const options = { ...quiet, headEpochs: 3, epochs: 3 };
    const data = () => fresh.train.shuffle(2).batch(16);
    const whole = await tuned({ train: 'last:1' });
    await whole.fit(data(), options);
    for (const stop of [
      { headEpochs: 2, epochs: 0 },
      { headEpochs: 3, epochs: 1 },
    ]) {
      const first = await tuned({ train: 'last:1' });
      const wanted = stop.headEpochs + stop.epochs;
      // Stops in the middle, as a process that ends does.
      let checkpoint = new Uint8Array();
      const stopping: t.Callback = {
        onEpochEnd: (epoch) => {
          if (epoch + 1 === wanted) checkpoint = first.save() as Uint8Array<ArrayBuffer>;
        },
      };
      await first.fit(data(), { ...options, callbacks: [stopping] });
      const second = await tuned({ train: 'last:1' });
      await second.restore(checkpoint);
      expect(second.epochs).toBe(wanted);
      const history = await second.fit(data(), options);
      expect(history.epoch).toEqual(Array.from({ length: 6 - wanted }, (_, i) => i + wanted));
      expect(second.save()).toEqual(whole.save());
    }
    const other = await tuned({ train: 'all' });
    await expect(other.restore(whole.save())).rejects.toThrow(/another scheme.*all.*last:1/);
    await expect(other.restore(file)).rejects.toMatchObject({ code: 'FORMAT' });
  });

  test('features of a frozen backbone are computed once, unless augmentation wants them anew', async () => {
    const reads = async (cacheFeatures: boolean) => {
      let count = 0;
      const counted = fresh.train.map((sample) => {
        count++;
        return sample;
      });
      await (await tuned({ cacheFeatures })).fit(counted.batch(16), { ...quiet, epochs: 5 });
      return count;
    };
    // Anew: once more, for the statistics of what the head sees.
    expect([await reads(true), await reads(false)]).toEqual([80, 80 + 400]);
  });

  test('a head of its own, of any layers', async () => {
    const tuning = await tuned({ head: [t.dense({ units: 12, activation: 'relu' }), t.dropout({ rate: 0.1 })] });
    expect(tuning.parameters.trained).toBe((32 + 5) * 12 + 12 + 12 * 5 + 5);
    await tuning.fit(fresh.train.batch(16), { ...quiet, epochs: 60 });
    expect(await accuracyOf(tuning)).toBeGreaterThan(0.7);
    const [first] = await fresh.test.take(1).collect();
    const whole = tuning.toModel();
    const { probabilities } = whole.run({ [whole.inputs[0]?.name as string]: (first as { x: t.Tensor }).x.data });
    expect(Array.from(probabilities?.data ?? []).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
  });
});

describe('features', () => {
  test('that hardly differ between the items are not blown up: what is trained next to them stays finite', async () => {
    const constant = Samples.of({
      count: 8,
      at: (i: number) => ({ x: t.tensor(new Float32Array(64).fill(1 + i * 1e-6), [8, 8, 1]), y: i % 5 }),
    });
    const tuning = await tuned({ train: 'all' });
    const { loss } = (await tuning.fit(constant.batch(4), { ...quiet, headEpochs: 3, epochs: 3 })).history;
    expect(Math.max(...(loss as number[]))).toBeLessThan(3);
  });
});

describe('within a budget', () => {
  test('auto takes the largest scheme that fits, and says why', async () => {
    const all = await tuned({ train: 'auto' });
    expect([all.scheme, all.reason]).toEqual(['all', 'it is the largest scheme']);
    const head = await tuned({ train: 'head' });
    expect(head.bytes.total).toBeLessThan(all.bytes.total + 65536);
    const sizes = new Map<string, number>();
    for (const train of ['all', 'last:2', 'last:1', 'bias', 'head'] as const) sizes.set(train, (await tuned({ train })).bytes.total);
    for (let pages = 4; pages >= 2; pages--) {
      const budget = pages * 65536;
      const fits = [...sizes].find(([, bytes]) => bytes <= budget);
      if (!fits) await expect(tuned({ train: 'auto', budget })).rejects.toMatchObject({ code: 'BUDGET' });
      else {
        const chosen = await tuned({ train: 'auto', budget });
        expect(chosen.bytes.total).toBeLessThanOrEqual(budget);
        expect(sizes.get(chosen.scheme)).toBeLessThanOrEqual(budget);
        if (chosen.scheme !== 'all') expect(chosen.reason).toMatch(/the largest that fits: all with the old classes needs .*[KM]iB/);
      }
    }
  });
  test('what does not fit is an error before anything is allocated', async () => {
    await expect(tuned({ train: 'all', budget: '32KB' })).rejects.toMatchObject({ code: 'BUDGET' });
    await expect(tuned({ train: 'auto', budget: '16KB' })).rejects.toMatchObject({ code: 'BUDGET' });
  });
  test('bytes and times are said before the first step', async () => {
    const lines: string[] = [];
    const tuning = await tuned({ train: 'last:1' });
    const output = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NonNullable<t.FitOptions['output']>;
    await tuning.fit(fresh.train.batch(16), { epochs: 1, headEpochs: 1, verbose: 2, output });
    expect(lines[0]).toMatch(
      /^trains last:1 \(as asked for\): 4,830 of 5,\d+ parameters\nlinear memory [\d.]+ KiB: [\d.]+ KiB frozen, [\d.]+ KiB in training\nfrozen part: [\d.]+ ms an item, features \[4, 4, 16\] \(1,024 B an item, computed once\)\na step of 1 item: [\d.]+ ms\n$/,
    );
  });
});

describe('an 8-bit backbone', () => {
  test('stays as it is, frozen, and gets a float head', async () => {
    const model = await int8Model();
    const tuning = await t.fineTune(model, { classes, train: 'auto' });
    expect([tuning.scheme, tuning.reason]).toEqual(['head', 'the backbone computes in 8 bits and stays frozen']);
    await tuning.fit(fresh.train.batch(16), { ...quiet, epochs: 80 });
    expect(await accuracyOf(tuning)).toBeGreaterThan(0.7);
    const whole = tuning.toModel();
    expect(whole.graph.nodes.map(({ op }) => op)).toEqual(
      expect.arrayContaining(['quantizeInt8', 'conv2dInt8', 'dequantizeInt8', 'linear']),
    );
    // The old classifier is part of what the head sees, unless it is not wanted.
    expect(whole.graph.nodes.map(({ op }) => op)).toContain('linearInt8');
    const alone = (await t.fineTune(model, { classes, oldClasses: false })).toModel();
    expect(alone.graph.nodes.map(({ op }) => op)).not.toContain('linearInt8');
    for (const { x } of await fresh.test.take(5).collect()) {
      const { probabilities } = whole.run({ image: x.data });
      const expected = await tuning.predict(t.tensor(x.data, [1, ...x.shape]));
      expected.data.forEach((value, i) => {
        expect(probabilities?.data[i]).toBeCloseTo(value, 5);
      });
    }
    await expect(t.fineTune(model, { classes, train: 'all' })).rejects.toThrow(/computes in 8 bits and stays frozen.*'head'/);
  });

  test('so does one of Q/DQ pairs', async () => {
    const { onnx } = await t.quantize(await t.load(file, SIMD), old.x, { scheme: 'int8' });
    const model = await t.load(onnx, SIMD);
    const tuning = await t.fineTune(model, { classes, train: 'auto' });
    expect([tuning.scheme, tuning.reason]).toEqual(['head', 'the backbone computes in 8 bits and stays frozen']);
    await tuning.fit(fresh.train.batch(16), { ...quiet, epochs: 80 });
    expect(await accuracyOf(tuning)).toBeGreaterThan(0.7);
    const ops = tuning.toModel().graph.nodes.map(({ op }) => op);
    expect(ops).toEqual(expect.arrayContaining(['conv2dInt8', 'depthwiseConv2dInt8']));
    expect(ops).not.toContain('conv2d');
    await expect(t.fineTune(model, { classes, train: 'last:1' })).rejects.toThrow(/computes in 8 bits and stays frozen/);
  });
});

describe('what cannot be fine-tuned is an error that says so', () => {
  test('too few classes, unknown schemes, outputs and nodes', async () => {
    await expect(tuned({ classes: ['one'] })).rejects.toThrow(/1 classes.*at least 2/);
    await expect(tuned({ train: 'last:0' })).rejects.toThrow(/train: "last:0"/);
    await expect(tuned({ train: 'some' as 'all' })).rejects.toThrow(/'head', 'last:N', 'bias', 'all', 'auto'/);
    await expect(tuned({ train: () => false })).rejects.toThrow(/the predicate: no weight/);
    await expect(tuned({ output: 'no' })).rejects.toThrow(/no output "no"/);
    await expect(tuned({ features: 'no' })).rejects.toThrow(/no node "no"/);
  });
  test('a .thimble file, which holds no graph', async () => {
    const stored = await t.load((await t.load(file)).export());
    await expect(t.fineTune(stored, { classes })).rejects.toThrow(/holds no graph/);
  });
  test('data that does not fit the model', async () => {
    const tuning = await tuned();
    const wrong = Samples.of({ count: 2, at: () => ({ x: new Float32Array(63), y: 0 }) });
    await expect(tuning.fit(wrong.batch(2), quiet)).rejects.toThrow(/does not fit.*rows of f32/);
  });
});
