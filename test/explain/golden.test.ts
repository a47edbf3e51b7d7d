import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadDigits } from '../../src/data/digits.ts';
import { Explainer } from '../../src/explain/index.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { load } from '../../src/index.ts';
import { flavours } from '../ops/lowering.ts';
import { goldenCases, setWeights } from '../train/goldenModels.ts';

/** What PyTorch and Captum say of the golden networks (`golden/attributions.py`). */
const folder = new URL('./golden/', import.meta.url);
const expected = readSafetensors(readFileSync(new URL('attributions.safetensors', folder)));
const wanted = (name: string) => (expected.tensors.get(name)?.data ?? []) as Float32Array;
const ROWS = 6;
const pixels = async () => (await loadDigits()).images.slice(0, ROWS * 64);

/** Largest difference, relative to the largest magnitude wanted. */
function relativeError(got: ArrayLike<number>, want: Float32Array): number {
  expect(got.length).toBe(want.length);
  const largest = want.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-6);
  return want.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (got[i] as number))), 0) / largest;
}

it.each(goldenCases)(
  "saliency of $file is PyTorch's input gradient, on every flavour; its integrated gradients are Captum's",
  async (golden) => {
    const model = golden.build();
    setWeights(
      model,
      golden,
      readSafetensors(readFileSync(new URL(`../train/golden/${golden.file}.safetensors`, import.meta.url))),
      'final',
    );
    const x = await pixels();
    for (const flavour of flavours) {
      for (const batchSize of [1, 4]) {
        const { values, targets } = await new Explainer(model, { flavour, batchSize }).saliency(x);
        expect([...targets]).toEqual([...wanted(`${golden.file}.target`)]);
        expect(relativeError(values.data, wanted(`${golden.file}.gradient`)), `${flavour}, batch of ${batchSize}`).toBeLessThan(1e-4);
      }
    }
    const explainer = new Explainer(model, { batchSize: 16 });
    const { values, errors, scores, baselineScores } = await explainer.integratedGradients(x, { tolerance: 1e-3, maxGradients: 4096 });
    expect(relativeError(values.data, wanted(`${golden.file}.integrated`)), 'integrated gradients').toBeLessThan(0.01);
    errors.forEach((error, row) => {
      let sum = 0;
      for (let i = 0; i < 64; i++) sum += values.data[row * 64 + i] as number;
      const difference = (scores[row] as number) - (baselineScores[row] as number);
      expect(Math.abs(sum - difference)).toBeLessThan(0.01 * Math.abs(difference));
      expect(error).toBeCloseTo(sum - difference, 4);
    });
  },
);

it.each(goldenCases.filter(({ file }) => file.startsWith('cnn')))("Grad-CAM of $file is Captum's LayerGradCam", async (golden) => {
  const model = golden.build();
  setWeights(model, golden, readSafetensors(readFileSync(new URL(`../train/golden/${golden.file}.safetensors`, import.meta.url))), 'final');
  const { map, values } = await new Explainer(model, { batchSize: 2 }).gradCam(await pixels());
  expect(map.shape).toEqual([ROWS, 2, 2]);
  expect(values.shape).toEqual([ROWS, 8, 8]);
  expect(relativeError(map.data, wanted(`${golden.file}.gradCam`))).toBeLessThan(1e-4);
  const named = await new Explainer(model).gradCam(await pixels(), { layer: 'conv2' });
  expect(relativeError(named.map.data, wanted(`${golden.file}.gradCam`))).toBeLessThan(1e-4);
});

it.each(['cnn', 'encoder'])("an imported %s.onnx has PyTorch's input gradient too", async (kind) => {
  const model = await load(new Uint8Array(readFileSync(new URL(`${kind}.onnx`, folder))));
  const x = await pixels();
  const explainer = new Explainer(model);
  const { values, targets } = await explainer.saliency(x);
  expect([...targets]).toEqual([...wanted(`${kind}-adam.target`)]);
  expect(relativeError(values.data, wanted(`${kind}-adam.gradient`))).toBeLessThan(1e-4);
  if (kind === 'cnn') {
    const { map } = await explainer.gradCam(x);
    expect(relativeError(map.data, wanted(`${kind}-adam.gradCam`))).toBeLessThan(1e-4);
  }
});
