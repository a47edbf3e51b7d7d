import { describe, expect, it } from 'vitest';
import { Explainer } from '../../src/explain/index.ts';
import * as t from '../../src/index.ts';
import { randomRows, testNetworks } from '../networks.ts';

const small = () =>
  t.sequential([
    t.input({ shape: [12, 10, 3] }),
    t.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', name: 'first' }),
    t.conv2d({ filters: 6, kernelSize: 3, name: 'second' }),
    t.batchNormalization(),
    t.activation({ activation: 'relu', name: 'last' }),
    t.flatten(),
    t.dense({ units: 5, activation: 'softmax' }),
  ]);
const images = (rows: number) => Float32Array.from({ length: rows * 360 }, (_, i) => Math.sin(i * 12.9898 + 1) % 1);

describe.each(testNetworks.filter(({ build }) => build().network.inputs.every(({ dtype }) => dtype === 'f32')))('$name', ({ build }) => {
  it('the gradient predicts what a small step does; the integral is complete within 1 %', async () => {
    const model = build();
    await model.compile();
    const x = randomRows(model, 3).x as Float32Array;
    const explainer = new Explainer(model, { batchSize: 2, flavour: 'simd' });
    const target = model.network.output.shape.reduce((a, b) => a * b, 1) - 1;
    const { values, scores } = await explainer.saliency(x, { target });
    const size = x.length / 3;
    const gradient = values.data as Float32Array;
    // A step against the gradient's direction and one along it: central difference.
    const norm = [0, 1, 2].map((row) => Math.sqrt(gradient.subarray(row * size, (row + 1) * size).reduce((sum, g) => sum + g * g, 0)));
    const step = 1e-2;
    const moved = (sign: number) =>
      explainer.scores(x.map((value, i) => value + (sign * step * (gradient[i] as number)) / (norm[Math.floor(i / size)] || 1)));
    const [up, down] = [await moved(1), await moved(-1)];
    const width = up.length / 3;
    for (let row = 0; row < 3; row++) {
      const slope = ((up[row * width + target] as number) - (down[row * width + target] as number)) / (2 * step);
      // Kinks of relu and max pooling within the step bend it.
      expect(Math.abs(slope - (norm[row] as number))).toBeLessThan(0.1 * (norm[row] as number) + 1e-3);
    }
    const integral = await explainer.integratedGradients(x, { target });
    for (let row = 0; row < 3; row++) {
      const sum = (integral.values.data as Float32Array).subarray(row * size, (row + 1) * size).reduce((a, b) => a + b, 0);
      const difference = (scores[row] as number) - (integral.baselineScores[row] as number);
      expect(Math.abs(sum - difference)).toBeLessThan(0.01 * Math.abs(difference) + 1e-5);
    }
  });
});

it('integrated gradients of a plane are exact, from any baseline', async () => {
  const model = t.sequential([t.input({ shape: [3] }), t.dense({ units: 2 })]);
  model.setWeights([Float32Array.of(2, 5, 0, 0, 0, 0, 0, 0, -1, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0), Float32Array.of(7, 8)]);
  const { values, gradients, baselineScores } = await new Explainer(model).integratedGradients(Float32Array.of(1, 2, 3), {
    target: 0,
    baseline: [0, 1, 5],
  });
  expect([...values.data]).toEqual([2, -1, -8]);
  expect([...baselineScores]).toEqual([0 * 2 - 1 + 20 + 7]);
  expect([...gradients]).toEqual([16]);
});

it('explains logits unless asked for outputs, and follows the weights of the model', async () => {
  const model = small();
  const x = images(2);
  // Fused multiply-add rounds batches of 1 and of 32 otherwise.
  await model.compile({ flavour: 'simd' });
  const explainer = new Explainer(model, { flavour: 'simd' });
  const outputs = new Explainer(model, { score: 'output', flavour: 'simd' });
  const [logits, probabilities] = [await explainer.scores(x), await outputs.scores(x)];
  expect([...probabilities]).toEqual([...(await model.predict(x)).data]);
  for (let row = 0; row < 2; row++) {
    const powers = [...logits.subarray(row * 5, row * 5 + 5)].map(Math.exp);
    const total = powers.reduce((a, b) => a + b, 0);
    powers.forEach((power, i) => void expect(power / total).toBeCloseTo(probabilities[row * 5 + i] as number, 5));
  }
  const before = await explainer.saliency(x);
  await model.compile({ loss: 'sparseCategoricalCrossentropy' });
  await model.fit(x, Int32Array.of(0, 1), { verbose: 0, epochs: 3 });
  const after = await explainer.saliency(x);
  expect(after.values.data).not.toEqual(before.values.data);
  expect(after.values.data).toEqual((await new Explainer(model, { flavour: 'simd' }).saliency(x)).values.data);
});

it('a seed gives the same noise, another one other noise; batches make no difference', async () => {
  const model = small();
  const x = images(2);
  const run = async (seed: number, batchSize: number) =>
    (await new Explainer(model, { batchSize, flavour: 'simd' }).smoothGrad(x, { seed, samples: 6 })).values.data;
  const expected = await run(3, 1);
  expect(await run(3, 1)).toEqual(expected);
  (await run(3, 5)).forEach((value, i) => void expect(value).toBeCloseTo(expected[i] as number, 6));
  expect(await run(4, 1)).not.toEqual(expected);
  const noiseless = await new Explainer(model, { flavour: 'simd' }).smoothGrad(x, { noise: 0, samples: 3 });
  (await new Explainer(model, { flavour: 'simd' }).saliency(x)).values.data.forEach((value, i) => {
    expect(noiseless.values.data[i]).toBeCloseTo(value, 6);
  });
});

it('Grad-CAM looks at the last convolution with its activation, or at the layer it is told', async () => {
  const model = small();
  const x = images(2);
  const explainer = new Explainer(model);
  expect(explainer.layers).toEqual(['first', 'second', 'batchNormalization', 'last', 'flatten', 'dense']);
  const { map, values } = await explainer.gradCam(x);
  expect(map.shape).toEqual([2, 8, 6]);
  expect(values.shape).toEqual([2, 12, 10]);
  expect((await explainer.gradCam(x, { layer: 'last' })).map.data).toEqual(map.data);
  expect((await explainer.gradCam(x, { layer: 'first' })).map.shape).toEqual([2, 10, 8]);
  await expect(explainer.gradCam(x, { layer: 'dense' })).rejects.toThrow(/gives no map/);
  await expect(explainer.gradCam(x, { layer: 'none' })).rejects.toThrow(/first, second/);
});

it('a budget that does not fit is an error before anything runs; memory is known by method', async () => {
  const model = small();
  const explainer = new Explainer(model, { budget: 'least' });
  await explainer.saliency(images(1));
  const memory = await explainer.memory();
  expect(Object.keys(memory).sort()).toEqual(['explain.gradient', 'explain.scores']);
  const bytes = memory['explain.gradient']?.totalBytes as number;
  await expect(new Explainer(model, { budget: bytes - 1 }).saliency(images(1))).rejects.toMatchObject({ code: 'BUDGET' });
  await new Explainer(model, { budget: bytes }).saliency(images(1));
});

it('occlusion covers every pixel, of lines of features as of images, and counts what falls', async () => {
  const model = t.sequential([t.input({ shape: [7] }), t.dense({ units: 1 })]);
  const weights = Float32Array.of(1, -2, 3, 0, 5, -6, 7);
  model.setWeights([Float32Array.from({ length: 7 * 8 }, (_, i) => (i % 8 ? 0 : (weights[i / 8] as number))), new Float32Array(1)]);
  const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7);
  const { values } = await new Explainer(model).occlusion(x, { size: [1, 1], stride: 1, fill: 0 });
  values.data.forEach((value, i) => void expect(value).toBeCloseTo((weights[i] as number) * (x[i] as number), 4));
  const pairs = await new Explainer(model).occlusion(x, { size: [1, 3], stride: [1, 2], fill: 0 });
  // Patches at 0, 2 and 4: element 2 lies in two of them.
  const contribution = [...weights].map((w, i) => w * (x[i] as number));
  const patch = (at: number) => contribution.slice(at, at + 3).reduce((a, b) => a + b, 0);
  expect(pairs.values.data[2]).toBeCloseTo((patch(0) + patch(2)) / 2, 4);
  expect(pairs.values.data[6]).toBeCloseTo(patch(4), 4);
});

describe('what does not fit is said', () => {
  const explainer = new Explainer(small());
  it.each([
    ['a target outside the scores', () => explainer.saliency(images(1), { target: 5 }), /0 to 4/],
    ['as many targets as rows', () => explainer.saliency(images(2), { target: [1] }), /2 rows/],
    ['rows of another size', () => explainer.saliency(new Float32Array(7)), /rows of \[12, 10, 3\]/],
    ['whole numbers for floats', () => explainer.saliency(new Int32Array(360)), /f32/],
    ['no rows', () => explainer.saliency(new Float32Array(0)), /no rows/],
    ['an unknown input', () => explainer.saliency({ other: images(1) }), /no input "other"/],
    ['a baseline of another size', () => explainer.integratedGradients(images(1), { baseline: [1, 2] }), /360 numbers/],
    ['no samples', () => explainer.smoothGrad(images(1), { samples: 0 }), /samples is 0/],
    ['a patch larger than the image', () => explainer.occlusion(images(1), { size: 40 }), /1 to 12 × 10/],
  ])('%s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });

  it('an output or input that is none', () => {
    expect(() => new Explainer(small(), { output: 'none' })).toThrow(/predictions/);
    expect(() => new Explainer(small(), { input: 'none' })).toThrow(/input "none"/);
  });

  it('tokens have no gradient', async () => {
    const tokens = t.input({ shape: [4], dtype: 'i32' });
    const model = t.model({
      inputs: [tokens],
      output: t.dense({ units: 2 })(t.flatten()(t.embedding({ inputDim: 9, outputDim: 3 })(tokens))),
    });
    const x = Int32Array.of(1, 2, 3, 4);
    await expect(new Explainer(model).saliency(x)).rejects.toThrow(/whole numbers.*occlusion/);
    const { values } = await new Explainer(model).occlusion(x, { size: [1, 1], stride: 1, fill: 0 });
    expect(values.data.some((value) => value !== 0)).toBe(true);
  });

  it('a .thimble file without such methods', async () => {
    const stored = await t.load(small().export());
    await expect(new Explainer(stored).saliency(images(1))).rejects.toThrow(/no method "explain.gradient"/);
  });
});
