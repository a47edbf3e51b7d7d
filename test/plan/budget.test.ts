import { expect, it } from 'vitest';
import { parseBytes } from '../../src/core/bytes.ts';
import { ThimbleError } from '../../src/core/errors.ts';
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
  await model.compile(compile);
  const { totalBytes } = model.memory;
  const { x, y } = randomRows(model, 8);
  const before = await model.evaluate(x, y);
  const error = await failure(model.compile({ ...compile, budget: totalBytes - 1 }));
  expect(error.code).toBe('BUDGET');
  const peak = model.memory.methods.reduce((a, b) => (b.arenaBytes > a.arenaBytes ? b : a));
  expect(error.message).toContain(peak.nodes[peak.live.indexOf(peak.lowerBoundBytes)]);
  expect(error.message).toMatch(/1 more than the budget/);
  expect(error.message).toMatch(/fits as it is/);
  expect(await model.evaluate(x, y)).toEqual(before);
  await model.compile({ ...compile, budget: totalBytes });
  expect(model.memory.totalBytes).toBe(totalBytes);
});

it('reads sizes as people write them', () => {
  expect([parseBytes('64KB'), parseBytes('1.5 MiB'), parseBytes(1000), parseBytes('10 b')]).toEqual([65536, 1572864, 1000, 10]);
  for (const bad of ['', 'many', '-1KB', '5 TBs', 0]) expect(() => parseBytes(bad)).toThrow(ThimbleError);
});
