import { expect, it } from 'vitest';
import { parseBytes } from '../../src/core/bytes.ts';
import { ThimbleError } from '../../src/core/errors.ts';
import * as t from '../../src/index.ts';
import { randomRows, testNetworks } from '../networks.ts';

const failure = async (promise: Promise<unknown>): Promise<ThimbleError> => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ThimbleError);
  return error as ThimbleError;
};

it('a budget that does not fit names the peak, its largest buffers and what would fit, and leaves the model as it was', async () => {
  const { build, compile } = testNetworks[1] as (typeof testNetworks)[1];
  const model = build();
  await model.compile({ ...compile, budget: 'least' });
  const { totalBytes } = model.memory;
  const { x, y } = randomRows(model, 8);
  const before = await model.evaluate(x, y);
  const error = await failure(model.compile({ ...compile, budget: totalBytes - 1 }));
  expect(error.code).toBe('BUDGET');
  const peak = model.memory.methods.reduce((a, b) => (b.arenaBytes > a.arenaBytes ? b : a));
  expect(error.message).toContain(peak.nodes[peak.live.indexOf(peak.lowerBoundBytes)]);
  expect(error.message).toMatch(/1 more than the budget/);
  expect(error.message).toContain(`a budget of ${totalBytes} bytes fits`);
  expect(await model.evaluate(x, y)).toEqual(before);
  await model.compile({ ...compile, budget: totalBytes });
  expect(model.memory.totalBytes).toBe(totalBytes);
});

it.each(testNetworks)('$name: a budget does not change what training makes', async ({ build, compile }) => {
  const trained = async (budget?: string) => {
    const model = build();
    await model.compile({ ...compile, ...(budget !== undefined && { budget }) });
    const { x, y } = randomRows(model, 8);
    await model.fit(x, y, { epochs: 2, verbose: 0 });
    return model;
  };
  const [fast, least] = [await trained(), await trained('least')];
  expect(least.memory.totalBytes).toBeLessThanOrEqual(fast.memory.totalBytes);
  expect(least.getWeights()).toEqual(fast.getWeights());
});

it('8-bit layers take less scratch where a budget is tight, only those that must, and give the same', async () => {
  const model = t.sequential([
    t.input({ shape: [16, 16, 16] }),
    t.conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
    t.depthwiseConv2d({ kernelSize: 3, padding: 'same' }),
    t.conv2d({ filters: 32, kernelSize: 3, strides: 4 }),
    t.flatten(),
    t.dense({ units: 10 }),
  ]);
  const { x } = randomRows(model, 8);
  const { onnx } = await t.quantize(model, x, { scheme: 'int8' });
  const [fast, least] = [await t.load(onnx), await t.load(onnx, { budget: 'least' })];
  const [most, fewest] = [fast.memory.totalBytes, least.memory.totalBytes];
  expect(fewest).toBeLessThan(0.8 * most);
  const between = await t.load(onnx, { budget: Math.floor((most + fewest) / 2) });
  expect([fast.memory.small, between.memory.small, least.memory.small]).toEqual([false, true, true]);
  expect(between.memory.totalBytes).toBeGreaterThanOrEqual(fewest);
  expect(between.memory.totalBytes).toBeLessThanOrEqual((most + fewest) / 2);
  const scratches = ({ memory }: t.InferenceModel) =>
    memory.methods.flatMap(({ buffers }) => buffers.filter(({ label }) => label.includes(' scratch ')).map(({ bytes }) => bytes));
  // The last convolution is far from the peak.
  expect(scratches(least).some((bytes) => scratches(fast).includes(bytes))).toBe(true);
  const feeds = { [fast.inputs[0]?.name as string]: x.subarray(0, 16 * 16 * 16) };
  for (const other of [between, least]) expect(other.run(feeds)).toEqual(fast.run(feeds));
  const error = await failure(t.load(onnx, { budget: fewest - 1 }));
  expect(error.hint).toContain(`a budget of ${fewest} bytes fits`);
});

it('reads sizes as people write them', () => {
  expect([parseBytes('64KB'), parseBytes('1.5 MiB'), parseBytes(1000), parseBytes('10 b')]).toEqual([65536, 1572864, 1000, 10]);
  for (const bad of ['', 'many', '-1KB', '5 TBs', 0]) expect(() => parseBytes(bad)).toThrow(ThimbleError);
});
