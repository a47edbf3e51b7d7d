import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { Histogram } from '../../src/explain/histogram.ts';
import { type ActivationStatistics, activationView, Explainer, filterView } from '../../src/explain/index.ts';
import * as t from '../../src/index.ts';

/** A layer whose pre-activations are its input, shifted by `bias`. */
function identity(activation: 'relu' | 'sigmoid' | 'tanh' | 'relu6' | 'gelu', bias: readonly number[]): t.Model {
  const units = bias.length;
  const model = t.sequential([t.input({ shape: [units] }), t.dense({ units, activation, name: 'bent' }), t.dense({ units: 1 })]);
  const weights = model.getWeights();
  const kernel = (weights[0] as Float32Array).fill(0);
  // Packed: column c of row r is element 8r + c of the first panel.
  for (let i = 0; i < units; i++) kernel[8 * i + i] = 1;
  model.setWeights([kernel, Float32Array.from(bias), ...weights.slice(2)]);
  return model;
}

const rows = (count: number, units: number, seed = 1) => {
  const random = new Random(seed);
  return Float32Array.from({ length: count * units }, () => random.uniform(-1, 1));
};

it('counts dead units: those whose every value is where nothing is learned', async () => {
  const x = rows(50, 4);
  const [found, ...others] = await new Explainer(identity('relu', [0, -2, 2, -1]), { batchSize: 8 }).activationStatistics(x);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ layer: 'bent', activation: 'relu', dead: [1, 3] });
  const off = [...x].filter((value, i) => i % 4 === 0 && value <= 0).length / 50;
  expect(found?.unitFlat).toEqual([expect.closeTo(off, 10), 1, 0, 1]);
  expect(found?.flat).toBeCloseTo((off + 2) / 4, 10);
  expect(found?.mean).toBeCloseTo(x.reduce((a, b) => a + b, 0) / 200 - 0.25, 5);
});

it('counts saturation of functions that flatten on both sides, and of one that never does', async () => {
  const biases = [0, 6, -6];
  const [sigmoid] = await new Explainer(identity('sigmoid', biases)).activationStatistics(rows(40, 3));
  expect(sigmoid?.unitFlat).toEqual([0, 1, 1]);
  const [tanh] = await new Explainer(identity('tanh', biases)).activationStatistics(rows(40, 3));
  expect(tanh?.dead).toEqual([1, 2]);
  const [relu6] = await new Explainer(identity('relu6', [3, 9, -3])).activationStatistics(rows(40, 3));
  expect(relu6).toMatchObject({ activation: 'clip', dead: [1, 2] });
  const [gelu] = await new Explainer(identity('gelu', [2, 2, -7])).activationStatistics(rows(40, 3));
  expect(gelu?.unitFlat).toEqual([0, 0, 1]);
});

it('the histogram counts every value once, whatever comes first, and the curve is the function', async () => {
  const x = rows(64, 3, 9).map((value, i) => value * 10 ** (i % 7));
  const [found] = (await new Explainer(identity('relu', [0, 0, 0])).activationStatistics(x)) as [ActivationStatistics];
  const { from, to, counts } = found.histogram;
  expect(counts.reduce((a, b) => a + b, 0)).toBe(192);
  expect(from).toBeLessThanOrEqual(found.min);
  expect(to).toBeGreaterThan(found.max);
  for (const { x: at, y } of found.curve) expect(y).toBe(Math.max(0, at));
  const reversed = new Histogram();
  const straight = new Histogram();
  straight.add(x);
  reversed.add([...x].reverse());
  expect(reversed.result()).toEqual(straight.result());
  const width = (to - from) / counts.length;
  counts.forEach((count, bin) => {
    const inside = [...x].filter((value) => value >= from + bin * width && value < from + (bin + 1) * width).length;
    expect(count).toBe(inside);
  });
});

it('shows what layers give, and the filters of convolutions, of trained and of imported models', async () => {
  const model = t.sequential([
    t.input({ shape: [6, 5, 3] }),
    t.conv2d({ filters: 10, kernelSize: 3, padding: 'same', activation: 'relu', name: 'a' }),
    t.depthwiseConv2d({ kernelSize: 3, name: 'b' }),
    t.flatten(),
    t.dense({ units: 4, name: 'c' }),
  ]);
  const x = rows(3, 90);
  const explainer = new Explainer(model, { batchSize: 2 });
  const { a, b, c } = await explainer.activations(x, ['a', 'b', 'c']);
  expect([a?.shape, b?.shape, c?.shape]).toEqual([
    [3, 6, 5, 10],
    [3, 4, 3, 10],
    [3, 4],
  ]);
  (await model.predict(x)).data.forEach((value, i) => void expect(c?.data[i]).toBeCloseTo(value, 5));
  const filters = explainer.filters('a');
  expect(filters.shape).toEqual([3, 3, 3, 10]);
  const imported = new Explainer(await t.load(t.exportOnnx(model, { batchSize: 1 })));
  const name = imported.convolutions[0] as string;
  expect(imported.filters(name).data).toEqual(filters.data);
  expect(explainer.convolutions).toEqual(['a', 'b']);
  expect(explainer.filters('b').shape).toEqual([3, 3, 1, 10]);
  expect(() => explainer.filters('c')).toThrow(/no convolution.*a, b/);
  await expect(explainer.activations(x, ['none'])).rejects.toThrow(/no layer "none"/);
  await expect(explainer.activationStatistics(x, ['c'])).rejects.toThrow(/no activation function/);

  const view = activationView(a as t.Tensor, 1);
  expect([view.width, view.height]).toEqual([4 * 6 - 1, 3 * 7 - 1]);
  expect(filterView(filters)).toMatchObject({ width: 15, height: 11, channels: 3 });
  expect(filterView(explainer.filters('b'))).toMatchObject({ width: 15, height: 11 });
  expect(() => activationView(a as t.Tensor, 3)).toThrow(/row 3/);
});
