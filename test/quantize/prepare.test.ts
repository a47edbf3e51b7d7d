import { describe, expect, it } from 'vitest';
import { frozenGraph } from '../../src/export/frozen.ts';
import { exportGraph } from '../../src/formats/onnx/exporter.ts';
import * as t from '../../src/index.ts';
import { equalize, splitResiduals } from '../../src/quantize/prepare.ts';

/** A network whose channels differ by up to a hundred times between the layers, by factors that cancel. */
function skewed(): t.Model {
  const model = t.sequential(
    [
      t.input({ shape: [8, 8, 3] }),
      t.conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
      t.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'relu' }),
      t.maxPooling2d(),
      t.conv2d({ filters: 6, kernelSize: 1, activation: 'relu' }),
      t.globalAveragePooling2d(),
      t.dense({ units: 4 }),
    ],
    { seed: 4 },
  );
  const factor = (c: number) => 10 ** ((c % 5) - 2);
  const weights = model.getWeights();
  // conv2d: channels of the output; depthwise: they stay; the next convolution: channels of the input.
  const [w0, b0, , b1, w2] = weights as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  const scale = (data: Float32Array, channelOf: (i: number) => number, power: number) =>
    data.set(data.map((value, i) => value * factor(channelOf(i)) ** power));
  b0.fill(0.05);
  b1.fill(0.1);
  scale(w0, (i) => i % 8, 1);
  scale(b0, (c) => c, 1);
  scale(b1, (c) => c, 1);
  // In panels of 8 columns (6 of them used) the row is the input channel.
  scale(w2, (i) => Math.floor(i / 8), -1);
  model.setWeights(weights);
  return model;
}

const rows = (count: number) => Float32Array.from({ length: count * 192 }, (_, i) => Math.sin(i * 12.9898) * Math.cos(i * 0.37));

describe('cross-layer equalisation', () => {
  it('leaves what the network computes as it was', async () => {
    const model = skewed();
    const { graph } = frozenGraph(model, 1);
    const balanced = await t.load(exportGraph(equalize(graph)));
    const x = rows(1);
    const want = (await model.predict(x)).data;
    balanced.run({ input: x }).predictions?.data.forEach((value, i) => {
      expect(Math.abs(value - (want[i] as number))).toBeLessThan(1e-4 * (1 + Math.abs(want[i] as number)));
    });
  });

  it('saves a network whose channels differ by orders of magnitude', async () => {
    const model = skewed();
    const noise = async (equalization: boolean) =>
      (await t.quantize(model, rows(32), { equalization, ranges: 'min-max' })).report.outputs[0]?.sqnr as number;
    const [without, withIt] = [await noise(false), await noise(true)];
    expect(withIt).toBeGreaterThan(without + 6);
    expect(withIt).toBeGreaterThan(25);
  });

  it('channels that are little else than their bias keep their size', async () => {
    const model = t.sequential(
      [t.input({ shape: [8, 8, 3] }), t.conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }), t.conv2d({ filters: 8, kernelSize: 1 })],
      { seed: 4 },
    );
    const weights = model.getWeights();
    const [w, bias] = weights as [Float32Array, Float32Array];
    w.set(w.map((value, i) => (i % 8 < 3 ? value * 1e-7 : value)));
    bias.fill(0.4);
    model.setWeights(weights);
    const noise = async (equalization: boolean) => (await t.quantize(model, rows(32), { equalization })).report.outputs[0]?.sqnr as number;
    expect(await noise(true)).toBeGreaterThan((await noise(false)) - 1);
  });
});

it('a residual becomes a sum with a range of its own', () => {
  const x = t.input({ shape: [4, 4, 3] });
  const a = t.conv2d({ filters: 3, kernelSize: 1, activation: 'relu' })(x);
  const b = t.conv2d({ filters: 3, kernelSize: 1 })(a);
  const model = t.model({ inputs: [x], output: t.activation({ activation: 'relu' })(t.add()([b, a])) });
  const { graph } = frozenGraph(model, 1);
  expect(graph.nodes.map(({ op }) => op)).toEqual(['conv2d', 'conv2d']);
  expect(splitResiduals(graph).nodes.map(({ op }) => op)).toEqual(['conv2d', 'conv2d', 'add', 'relu']);
});

it.each(['int8', 'int8-weights', 'int4-weights'] as const)(
  'bias correction takes back what rounding to %s adds on average',
  async (scheme) => {
    // Inputs that are far from 0 on average: rounding errors of the weights do not cancel.
    const model = t.sequential([t.input({ shape: [64] }), t.dense({ units: 10 })], { seed: 3 });
    const x = Float32Array.from({ length: 64 * 64 }, (_, i) => 5 + Math.sin(i));
    const shift = async (biasCorrection: boolean) => {
      const { model: quantized } = await t.quantize(model, x, { biasCorrection, ranges: 'min-max', scheme });
      const want = (await model.predict(x)).data;
      const means = new Float64Array(10);
      for (let row = 0; row < 64; row++) {
        const got = (quantized.run({ input: x.slice(row * 64, (row + 1) * 64) }).predictions as t.Tensor).data;
        got.forEach((value, c) => {
          means[c] = (means[c] as number) + (value - (want[row * 10 + c] as number)) / 64;
        });
      }
      return means.reduce((sum, mean) => sum + mean ** 2, 0);
    };
    expect(await shift(true)).toBeLessThan((await shift(false)) * 0.5);
  },
);
