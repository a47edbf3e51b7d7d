import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeImage, preprocess, preprocessing } from '../../src/data/index.ts';
import { Explainer } from '../../src/explain/index.ts';
import { load } from '../../src/index.ts';

const shared = new URL('../../../shared/', import.meta.url);
const models = new URL('models/tflite/', shared);
const photo = new URL('data/cats-dogs/dog/dog.1.jpg', shared);
const present = existsSync(models) && existsSync(photo);
if (!present) console.log('skipped: ../shared has no MobileNet and no photographs here');

const read = (url: URL) => new Uint8Array(readFileSync(url));
const size = { width: 224, height: 224 };
/** Labels of ImageNet, after the background, that are dogs. */
const isDog = (index: number) => index >= 152 && index <= 269;

it.skipIf(!present)('Grad-CAM of a TFLite MobileNet lies on the dog it sees', async () => {
  const explainer = new Explainer(await load(read(new URL('tflite-support__mobilenet_v1_0.25_224_1_default_1/model.tflite', models))));
  const x = preprocess(await decodeImage(read(photo)), preprocessing(size));
  const { map, targets } = await explainer.gradCam(x);
  expect(isDog(targets[0] as number)).toBe(true);
  expect(map.shape).toEqual([1, 7, 7]);
  // The dog stands left of the middle; behind its back the floor is empty.
  const columns = Array.from({ length: 7 }, (_, column) =>
    Array.from({ length: 7 }, (__, row) => map.data[row * 7 + column] as number).reduce((a, b) => a + b),
  );
  expect(Math.max(...columns.slice(1, 5))).toBe(Math.max(...columns));
  expect(columns[6]).toBeLessThan(0.5 * Math.max(...columns));
});

it.skipIf(!present)('a MobileNet of whole numbers, in and out, is explained by occlusion; its gradients are refused', async () => {
  const explainer = new Explainer(await load(read(new URL('tflite-support__mobilenet_v1_0.25_224_quant/model.tflite', models))));
  const x = preprocess(await decodeImage(read(photo)), preprocessing({ ...size, dtype: 'u8', mean: 0, deviation: 1 }));
  const { values, targets } = await explainer.occlusion(x, { size: 56, stride: 56 });
  expect(isDog(targets[0] as number)).toBe(true);
  expect(Math.max(...values.data)).toBeGreaterThan(0);
  await expect(explainer.saliency(x)).rejects.toThrow(/occlusion/);
});
