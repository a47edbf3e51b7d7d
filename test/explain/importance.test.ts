import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packPanels } from '../../src/core/panels.ts';
import { Random } from '../../src/core/random.ts';
import { permutationImportance } from '../../src/explain/index.ts';
import * as t from '../../src/index.ts';

interface Case {
  readonly x: number[];
  readonly y: number[];
  readonly features: number;
  readonly baseline: number;
  readonly repeats: number;
  readonly mean: number[];
  readonly deviation: number[];
  /** A matrix [inputs, units] and a bias for each layer. */
  readonly weights: number[][];
  readonly units: number[];
}

/** What scikit-learn says of functions that it fitted (`golden/importance.py`). */
const golden = JSON.parse(readFileSync(new URL('./golden/importance.json', import.meta.url), 'utf8')) as Record<'wine' | 'diabetes', Case>;

/** The same function as dense layers. */
function modelOf({ features, units, weights }: Case): t.Model {
  const model = t.sequential([
    t.input({ shape: [features] }),
    ...units.map((count, i) => t.dense({ units: count, activation: i < units.length - 1 ? 'relu' : 'linear' })),
  ]);
  const extents = [features, ...units];
  model.setWeights(
    weights.map((values, i) => {
      const layer = i >> 1;
      const data = Float32Array.from(values);
      return i % 2 ? data : packPanels(data, [extents[layer] as number, extents[layer + 1] as number]);
    }),
  );
  return model;
}

describe.each(['wine', 'diabetes'] as const)('%s', (name) => {
  const given = golden[name];
  const x = t.tensor(Float32Array.from(given.x), [given.y.length, given.features]);
  const y = name === 'wine' ? Int32Array.from(given.y) : Float32Array.from(given.y);

  it("importance is scikit-learn's, within the noise of the shuffles", async () => {
    const repeats = 100;
    const found = await permutationImportance(modelOf(given), x, y, { repeats, seed: 5 });
    found.forEach(({ baseline, mean, deviation }, feature) => {
      expect(baseline).toBeCloseTo(given.baseline, 4);
      const noise = Math.sqrt(deviation ** 2 / repeats + (given.deviation[feature] as number) ** 2 / given.repeats);
      expect(Math.abs(mean - (given.mean[feature] as number)), `feature ${feature}`).toBeLessThan(4 * noise + 1e-4);
      expect(Math.abs(deviation - (given.deviation[feature] as number))).toBeLessThan(0.35 * (given.deviation[feature] as number) + 1e-3);
    });
    // The tolerance would tell features apart that scikit-learn does.
    expect(Math.max(...given.mean)).toBeGreaterThan(0.05);
  });

  it('repeats by seed, and takes a loaded model or a function as it takes a trained one', async () => {
    const model = modelOf(given);
    const run = async (predictor: Parameters<typeof permutationImportance>[0], seed: number) =>
      (await permutationImportance(predictor, x, y, { seed, repeats: 3 })).map(({ drops }) => [...drops]);
    const expected = await run(model, 2);
    expect(await run(model, 2)).toEqual(expected);
    expect(await run(model, 3)).not.toEqual(expected);
    expect(await run((rows) => model.predict(rows), 2)).toEqual(expected);
    const shaped = await permutationImportance((rows: t.Tensor) => model.predict(rows), { shape: x.shape, data: x.data }, y, {
      seed: 2,
      repeats: 3,
    });
    expect(shaped.map(({ drops }) => [...drops])).toEqual(expected);
    const loaded = await t.load(t.exportOnnx(model, { batchSize: 7 }));
    (await run(loaded, 2)).forEach((drops, feature) => {
      drops.forEach((drop, i) => void expect(drop).toBeCloseTo((expected[feature] as number[])[i] as number, 4));
    });
  });
});

it('the mean error of all shuffles of a column is that of all pairs of rows', async () => {
  const random = new Random(3);
  const rows = 40;
  const x = t.tensor(
    Float32Array.from({ length: rows * 2 }, () => random.uniform(-1, 1)),
    [rows, 2],
  );
  const f = (a: number, b: number) => a * b + 2 * a;
  const predict = ({ data }: t.Tensor) =>
    t.tensor(Float32Array.from({ length: rows }, (_, i) => f(data[2 * i] as number, data[2 * i + 1] as number)));
  const y = Float32Array.from(predict(x).data);
  let pairs = 0;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < rows; j++)
      pairs += Math.abs(f(x.data[2 * j] as number, x.data[2 * i + 1] as number) - (y[i] as number)) / rows ** 2;
  const [first] = await permutationImportance(predict, x, y, { score: 'mae', repeats: 2000 });
  expect(first?.baseline).toBeCloseTo(0, 6);
  expect(Math.abs((first?.mean as number) - pairs)).toBeLessThan((4 * (first?.deviation as number)) / Math.sqrt(2000));
});

it('says what does not fit', async () => {
  const x = t.tensor(new Float32Array(6), [3, 2]);
  const predict = () => t.tensor(new Float32Array(3));
  await expect(permutationImportance(predict, x, new Float32Array(2))).rejects.toThrow(/2 labels/);
  await expect(permutationImportance(predict, x, new Float32Array(3), { repeats: 0 })).rejects.toThrow(/repeats is 0/);
  await expect(permutationImportance(predict, x, new Float32Array(3), { score: 'none' as 'mse' })).rejects.toThrow(/accuracy, r2/);
});
