import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  fitted,
  imageFolder,
  type LabelledImage,
  normalized,
  type Preprocessing,
  preprocessing,
  type Samples,
} from '../../src/data/index.ts';
import * as t from '../../src/index.ts';

const shared = fileURLToPath(new URL('../../../shared/', import.meta.url));
const isPresent = existsSync(`${shared}data/cats-dogs`);
if (!isPresent) console.log('transfer learning is not tested on photographs: ../shared is absent');

const SEEDS = [1, 2, 3, 4, 5];
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe.skipIf(!isPresent)('cats and dogs: 50 photographs a class to learn from, 25 for the test, five seeds', () => {
  const size = { width: 224, height: 224, fit: 'cover' } as const;
  const float = preprocessing(size);
  const bytes = preprocessing({ ...size, dtype: 'u8', mean: 0, deviation: 1 });
  let photographs: Samples<Pick<LabelledImage, 'x' | 'y'>>;
  beforeAll(async () => {
    const { samples } = await imageFolder(`${shared}data/cats-dogs`, { channels: 3 });
    photographs = samples.map(({ x, y }) => ({ x: fitted(x, float), y })).cache();
  });

  async function accuracies(
    name: string,
    spec: Preprocessing,
    options: Partial<t.FineTuneOptions>,
    fit: t.FineTuneFitOptions,
    seeds = SEEDS,
  ) {
    const file = readFileSync(`${shared}models/tflite/tflite-support__mobilenet_v1_0.25_224_${name}/model.tflite`);
    const model = await t.load(new Uint8Array(file), { flavour: 'simd' });
    const results: number[] = [];
    let most = 0;
    const samples = photographs.map(({ x, y }) => ({ x: normalized(x, spec), y }));
    for (const seed of seeds) {
      const { first, last } = samples.split(1 / 3, { seed });
      expect([first.count, last.count]).toEqual([100, 50]);
      const tuning = await t.fineTune(model, { classes: ['cat', 'dog'], seed, ...options });
      await tuning.fit(first.shuffle(seed).batch(16), { verbose: 0, ...fit });
      results.push((await tuning.evaluate(last.batch(16))).accuracy as number);
      most = Math.max(most, tuning.bytes.total);
    }
    return { mean: mean(results), results, most };
  }

  test('the head alone: 92 % in float, in 4 MiB; the 8-bit network within two points; more than the head is not worse', async () => {
    await photographs.collect();
    const before = process.cpuUsage();
    const head = await accuracies('1_default_1', float, { budget: '4MB' }, { epochs: 100 });
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6 / SEEDS.length).toBeLessThan(30);
    expect(head.most).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(head.mean).toBeGreaterThanOrEqual(0.92);
    const int8 = await accuracies('quant', bytes, { budget: '4MB' }, { epochs: 100 });
    expect(int8.most).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(int8.mean).toBeGreaterThanOrEqual(head.mean - 0.02);
    for (const [train, seeds] of [
      ['last:4', SEEDS.slice(0, 3)],
      ['bias', SEEDS.slice(0, 1)],
      ['all', SEEDS.slice(0, 1)],
    ] as const) {
      const more = await accuracies('1_default_1', float, { train }, { headEpochs: 100, epochs: 3 }, seeds);
      expect(more.mean, train).toBeGreaterThanOrEqual(mean(head.results.slice(0, seeds.length)));
    }
    // What the old classifier knows is worth its bytes.
    const without = await accuracies('1_default_1', float, { oldClasses: false }, { epochs: 100 });
    expect(head.mean - without.mean).toBeGreaterThan(0.02);
    expect(head.most - without.most).toBeGreaterThan(2 ** 20);
  }, 300_000);
});
