import { beforeAll, expect, it } from 'vitest';
import { Explainer } from '../../src/explain/index.ts';
import { load, type Model, quantize } from '../../src/index.ts';
import { planted, pointsAtPatch, SIDE, shareInPatch, trained } from './planted.ts';

const ROWS = 30;
const data = planted(2 * ROWS, 77);
/** Images with a patch only. */
const corners = data.corners.filter((_, i) => data.y[i] === 1);
const x = Float32Array.from({ length: ROWS * SIDE * SIDE }, (_, i) => {
  const row = Math.floor(i / (SIDE * SIDE)) * 2 + 1;
  return data.x[row * SIDE * SIDE + (i % (SIDE * SIDE))] as number;
});
const hits = (map: ArrayLike<number>, slack: number) => corners.filter((corner, row) => pointsAtPatch(map, row, corner, slack)).length;
const meanShare = (values: ArrayLike<number>) => corners.reduce((sum, corner, row) => sum + shareInPatch(values, row, corner), 0) / ROWS;
/** What a map that knows nothing has in the patch. */
const CHANCE = 16 / 256;

let model: Model;
beforeAll(async () => {
  model = await trained();
  const { accuracy } = await model.evaluate(data.x, data.y);
  expect(accuracy).toBeGreaterThan(0.97);
});

it('Grad-CAM finds the planted patch', async () => {
  const { values, targets } = await new Explainer(model, { batchSize: 8 }).gradCam(x, { target: 1 });
  expect([...targets]).toEqual(Array(ROWS).fill(1));
  expect(hits(values.data, 1)).toBeGreaterThanOrEqual(0.95 * ROWS);
});

it('occlusion finds the planted patch, in a .thimble file too', async () => {
  const options = { target: 1, size: 4, stride: 1, fill: 0.3 };
  const { values, scores } = await new Explainer(model, { batchSize: 32 }).occlusion(x, options);
  expect(values.shape).toEqual([ROWS, SIDE, SIDE]);
  expect(hits(values.data, 0)).toBeGreaterThanOrEqual(0.95 * ROWS);
  const stored = await load(model.export({ batchSize: 4 }), { flavour: 'simd' });
  const again = await new Explainer(stored).occlusion(x.subarray(0, 5 * SIDE * SIDE), options);
  again.scores.forEach((score, row) => void expect(score).toBeCloseTo(scores[row] as number, 4));
  again.values.data.forEach((value, i) => void expect(value).toBeCloseTo(values.data[i] as number, 3));
});

it('gradients and their integral concentrate on the planted patch', async () => {
  const explainer = new Explainer(model, { batchSize: 8 });
  expect(meanShare((await explainer.saliency(x, { target: 1 })).values.data)).toBeGreaterThan(3 * CHANCE);
  expect(meanShare((await explainer.smoothGrad(x, { target: 1, samples: 8 })).values.data)).toBeGreaterThan(3 * CHANCE);
  expect(meanShare((await explainer.integratedGradients(x, { target: 1 })).values.data)).toBeGreaterThan(4 * CHANCE);
});

it('a quantized model is explained through its float view, as the model it was made of', async () => {
  const { model: quantized } = await quantize(model, planted(64, 5).x);
  const [own, view] = [new Explainer(model), new Explainer(quantized)];
  expect(quantized.graph.nodes.some(({ op }) => op === 'conv2dInt8')).toBe(true);
  const scores = await view.scores(x);
  const [near, exact] = [scores, await own.scores(x)];
  const largest = Math.max(...exact.map(Math.abs));
  near.forEach((score, i) => void expect(Math.abs(score - (exact[i] as number))).toBeLessThan(0.05 * largest));
  const { values } = await view.gradCam(x, { target: 1 });
  expect(hits(values.data, 1)).toBeGreaterThanOrEqual(0.95 * ROWS);
  const [a, b] = [(await own.saliency(x, { target: 1 })).values.data, (await view.saliency(x, { target: 1 })).values.data];
  const dot = (p: ArrayLike<number>, q: ArrayLike<number>) => Array.from(p).reduce((sum, value, i) => sum + value * (q[i] as number), 0);
  expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.95);
  // Occlusion runs the 8-bit program itself, which is all that its file holds.
  const stored = new Explainer(await load(quantized.export()));
  await expect(stored.saliency(x)).rejects.toThrow(/layers of 8 bits have no gradients/);
  const hidden = await stored.occlusion(x.subarray(0, 2 * SIDE * SIDE), {
    target: 1,
    size: 4,
    stride: 2,
    fill: 0.3,
  });
  expect(corners.slice(0, 2).every((corner, row) => pointsAtPatch(hidden.values.data, row, corner, 1))).toBe(true);
});
