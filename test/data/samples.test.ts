import { describe, expect, test } from 'vitest';
import { arrays, mixup, Samples } from '../../src/data/index.ts';
import * as t from '../../src/index.ts';

const listed = (count: number, labels?: Int32Array) => Samples.of({ count, labels, at: (i) => i });
const streamed = (count: number) => Samples.from(() => Array.from({ length: count }, (_, i) => i));
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe.each([
  ['a list', listed],
  ['a stream', streamed],
] as const)('samples of %s', (_, make) => {
  test('are iterated anew each epoch', async () => {
    const samples = make(5);
    expect([await samples.collect(), await samples.collect()]).toEqual([upTo(5), upTo(5)]);
  });
  test('map, filter and take', async () => {
    const samples = make(10)
      .map((n, { index, epoch }) => n * 100 + index * 10 + epoch)
      .filter((n) => n > 200)
      .take(3);
    expect([await samples.collect(), await samples.collect()]).toEqual([
      [220, 330, 440],
      [221, 331, 441],
    ]);
    expect(await make(3).take(0).collect()).toEqual([]);
  });
  test('shuffle: every sample once, an order of its own for every seed and epoch, the same again', async () => {
    const run = async (seed: number) => {
      const samples = make(50).shuffle(seed, { buffer: 20 });
      return [await samples.collect(), await samples.collect()];
    };
    const [first, second] = (await run(1)) as [number[], number[]];
    expect(await run(1)).toEqual([first, second]);
    expect([sorted(first), sorted(second)]).toEqual([upTo(50), upTo(50)]);
    expect(second).not.toEqual(first);
    expect((await run(2))[0]).not.toEqual(first);
    expect(first).not.toEqual(upTo(50));
    expect(
      await make(50)
        .shuffle(1, { buffer: 20 })
        .map((n) => n)
        .cache()
        .collect(),
    ).toEqual(first);
    expect(await make(50).shuffle(1, { buffer: 20 }).take(7).collect()).toEqual(first.slice(0, 7));
    const samples = make(50).shuffle(1, { buffer: 20 });
    const again: number[] = [];
    for await (const n of samples.epoch(1)) again.push(n);
    expect(again).toEqual(second);
  });
  test('cache reads each sample once', async () => {
    let reads = 0;
    const samples = make(6)
      .map((n) => {
        reads++;
        return n;
      })
      .cache();
    expect([await samples.collect(), await samples.shuffle(1).collect().then(sorted), await samples.collect()]).toEqual([
      upTo(6),
      upTo(6),
      upTo(6),
    ]);
    expect(reads).toBe(6);
  });
  test('read no further than they are asked for', async () => {
    let reads = 0;
    const samples = make(1000).map((n) => {
      reads++;
      return { x: Float32Array.of(n), y: n };
    });
    for await (const _batch of samples.batch(4)) break;
    expect(reads).toBe(4);
  });
  test('batch keeps order, and the rest of it', async () => {
    const samples = make(7).map((n) => ({ x: Float32Array.of(n, -n), y: n }));
    const batches = await samples.batch(3).collect();
    expect(batches.map(({ y }) => [...y.data])).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    expect(batches[1]?.x).toEqual({ dtype: 'f32', shape: [3, 2], data: Float32Array.of(3, -3, 4, -4, 5, -5) });
    expect((await samples.batch(3, { dropLast: true }).collect()).length).toBe(2);
  });
});

describe('split', () => {
  const labels = Int32Array.from({ length: 90 }, (_, i) => (i % 10 === 0 ? 2 : i % 3 === 0 ? 1 : 0));
  test('is stratified where classes are known, and the same for the same seed', async () => {
    const { first, last } = listed(90, labels).split(1 / 3, { seed: 4 });
    const [train, test] = [await first.collect(), await last.collect()];
    expect(sorted([...train, ...test])).toEqual(upTo(90));
    const count = (rows: readonly number[], label: number) => rows.filter((row) => labels[row] === label).length;
    for (const label of [0, 1, 2]) expect(count(test, label)).toBe(Math.round(count(upTo(90), label) / 3));
    expect(
      await listed(90, labels)
        .split(1 / 3, { seed: 4 })
        .last.collect(),
    ).toEqual(test);
    expect(
      await listed(90, labels)
        .split(1 / 3, { seed: 5 })
        .last.collect(),
    ).not.toEqual(test);
    expect([...(last.labels as Int32Array)]).toEqual(test.map((row) => labels[row]));
  });
  test('without classes', async () => {
    const { first, last } = listed(10).split(0.3);
    expect([first.count, last.count]).toEqual([7, 3]);
    expect(sorted([...(await first.collect()), ...(await last.collect())])).toEqual(upTo(10));
  });
  test('streams and shares that are none are errors', () => {
    expect(() => streamed(4).split(0.5)).toThrow(/split needs samples.*by number.*before filter/);
    expect(() => listed(4).shuffle(1).split(0.5)).toThrow(/split needs samples.*before filter, shuffle/);
    expect(() => listed(4).split(1)).toThrow(/share 1/);
    expect(() => listed(4).select([4])).toThrow(/no sample 4/);
    expect(() =>
      listed(4)
        .map((n) => [Float32Array.of(n), n] as const)
        .batch(0),
    ).toThrow(/batch of 0/);
  });
});

test('what does not go into one batch is an error', async () => {
  const mixed = Samples.of({ count: 2, at: (i) => ({ x: new Float32Array(i + 1), y: 0 }) });
  await expect(mixed.batch(2).collect()).rejects.toThrow(/differ in "x".*f32 \[1\] in all.*f32 \[2\]/);
  const without = Samples.of({ count: 1, at: () => ({ x: new Float32Array(1) }) }) as unknown as Samples<{ x: Float32Array; y: number }>;
  await expect(without.batch(2).collect()).rejects.toThrow(/no x or no y/);
});

test('inputs by name, targets and weights are stacked', async () => {
  const at = (i: number) => ({ x: { a: Float32Array.of(i), b: Int32Array.of(i, i) }, y: Float32Array.of(i, i + 1), sampleWeight: i });
  const [batch] = await Samples.of({ count: 2, at }).batch(2).collect();
  expect(batch).toEqual({
    x: { a: t.tensor(Float32Array.of(0, 1), [2, 1]), b: t.tensor(Int32Array.of(0, 0, 1, 1), [2, 2]) },
    y: t.tensor(Float32Array.of(0, 1, 1, 2), [2, 2]),
    sampleWeight: Float32Array.of(0, 1),
  });
});

test('a tensor without a dtype is one of its array', async () => {
  const at = (i: number) => ({ x: { shape: [1, 2], data: Float32Array.of(i, -i) }, y: i });
  const [batch] = await Samples.of({ count: 2, at }).batch(2).collect();
  expect(batch?.x).toEqual(t.tensor(Float32Array.of(0, -0, 1, -1), [2, 1, 2]));
});

describe('mixup', () => {
  const batch = {
    x: t.tensor(
      Float32Array.from({ length: 40 }, (_, i) => i % 10),
      [4, 10],
    ),
    y: t.tensor(Int32Array.of(0, 1, 2, 1)),
  };
  test('mixes rows and labels by the same shares', () => {
    const rows = { x: t.tensor(Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0, 1]), [3, 3]), y: t.tensor(Int32Array.of(0, 1, 2)) };
    for (let index = 0; index < 20; index++) {
      const { x, y } = mixup({ classes: 3, alpha: 0.4 })(rows, { epoch: 0, index });
      expect(y.shape).toEqual([3, 3]);
      for (let i = 0; i < 9; i++) expect((x as t.Tensor).data[i]).toBeCloseTo(y.data[i] as number, 5);
    }
  });
  test('shares follow Beta(alpha, alpha): mean 1/2, variance 1 / (8 alpha + 4)', () => {
    const two = { x: t.tensor(Float32Array.of(1, 0), [2, 1]), y: t.tensor(Int32Array.of(0, 1)) };
    for (const alpha of [0.2, 1, 3]) {
      const mix = mixup({ classes: 2, alpha, seed: 3 });
      const shares: number[] = [];
      for (let index = 0; shares.length < 4000; index++) {
        const value = ((mix(two, { epoch: 0, index }).x as t.Tensor).data[0] as number) || 0;
        // Half of the permutations of two leave the row to itself.
        if (value !== 1 || mix(two, { epoch: 0, index }).y.data[1] !== 0) shares.push(value);
        if (index > 20000) break;
      }
      const mean = shares.reduce((a, b) => a + b, 0) / shares.length;
      const variance = shares.reduce((a, b) => a + (b - mean) ** 2, 0) / shares.length;
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
      expect(Math.abs(variance * (8 * alpha + 4) - 1)).toBeLessThan(0.08);
    }
  });
  test('repeats by seed and position, and wants class indexes', () => {
    const mix = mixup({ classes: 3, seed: 2 });
    expect(mix(batch, { epoch: 1, index: 0 })).toEqual(mix(batch, { epoch: 1, index: 0 }));
    expect(mix(batch, { epoch: 1, index: 0 })).not.toEqual(mix(batch, { epoch: 2, index: 0 }));
    expect(() => mix({ ...batch, y: batch.x }, { epoch: 0, index: 0 })).toThrow(/wants class indexes/);
  });
});

describe('a model takes samples in batches', () => {
  const rows = 60;
  const y = Int32Array.from({ length: rows }, (_, i) => i % 3);
  const x = Float32Array.from({ length: rows * 2 }, (_, i) => Math.sin(i * 7) * 0.3 + (y[i >> 1] as number) * (i % 2 ? 1 : -1));
  const data = arrays(t.tensor(x, [rows, 2]), y);
  const build = async () => {
    const model = t.sequential([t.input({ shape: [2] }), t.dense({ units: 8, activation: 'relu' }), t.dense({ units: 3 })]);
    await model.compile({
      optimizer: t.adam({ learningRate: 0.02 }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      batchSize: 16,
    });
    return model;
  };
  test('fit learns, evaluate and predict give what they give for arrays', async () => {
    const model = await build();
    const history = await model.fit(data.shuffle(1).batch(16), { epochs: 30, verbose: 0, validationData: data.batch(7) });
    const expected = await model.evaluate(x, y);
    const result = await model.evaluate(data.batch(7));
    expect(result.accuracy).toBe(expected.accuracy);
    expect(result.loss).toBeCloseTo(expected.loss as number, 6);
    expect(result.accuracy).toBeGreaterThan(0.95);
    expect(history.history.val_loss?.at(-1)).toBeCloseTo(expected.loss as number, 6);
    expect(await model.predict(data.batch(7))).toEqual(await model.predict(x));
  });
  test('a resumed run sees the batches it would have seen', async () => {
    const whole = await build();
    await whole.fit(data.shuffle(5).batch(16), { epochs: 4, verbose: 0 });
    const half = await build();
    await half.fit(data.shuffle(5).batch(16), { epochs: 2, verbose: 0 });
    const resumed = await t.loadModel(t.save(half));
    await resumed.fit(data.shuffle(5).batch(16), { initialEpoch: 2, epochs: 4, verbose: 0 });
    expect(t.save(resumed)).toEqual(t.save(whole));
  });
  test('arrays that do not fit together are an error', () => {
    expect(() => arrays(t.tensor(x, [rows, 2]), y.subarray(1))).toThrow(/60 rows of x and 59 of y/);
  });
});
