import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { csv } from '../../src/data/index.ts';
import * as t from '../../src/index.ts';

/** 42 landmarks of a hand a row, the gesture first. */
const path = fileURLToPath(new URL('../../../shared/data/hand-gesture/keypoint.csv', import.meta.url));

const isPresent = existsSync(path);
if (!isPresent) console.log('the hand gestures are not tested: ../shared/data/hand-gesture is absent');

test.skipIf(!isPresent)('hand gestures are learned from nothing within 128 KiB and 5 seconds', async () => {
  const { samples, classes } = await csv(path, { label: 0, header: false });
  const rows = await samples.collect();
  const order = rows.map((_, i) => i);
  const held = (i: number) => i % 5 === 0;
  const part = (keep: (i: number) => boolean) => {
    const chosen = order.filter(keep).map((i) => rows[i] as (typeof rows)[number]);
    const x = new Float32Array(chosen.length * 42);
    chosen.forEach((row, i) => {
      x.set(row.x, i * 42);
    });
    return { x, y: Int32Array.from(chosen, ({ y }) => y as number) };
  };
  const [train, testing] = [part((i) => !held(i)), part(held)];
  const model = t.sequential([t.input({ shape: [42] }), t.dense({ units: 48, activation: 'relu' }), t.dense({ units: classes.length })]);
  await model.compile({
    optimizer: t.adam({ learningRate: 0.005 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    batchSize: 64,
    budget: '128KB',
    flavour: 'simd',
  });
  const before = process.cpuUsage();
  await model.fit(train.x, train.y, { epochs: 20, verbose: 0 });
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(5);
  expect(model.memory.pages).toBeLessThanOrEqual(2);
  expect((await model.evaluate(testing.x, testing.y)).accuracy).toBeGreaterThanOrEqual(0.97);
});
