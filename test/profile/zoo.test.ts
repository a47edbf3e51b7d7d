import { describe, expect, it } from 'vitest';
import { randomFeeds } from '../../src/cli/bench.ts';
import * as t from '../../src/index.ts';
import { executePoisoned } from '../../src/profile/poison.ts';
import { PAGE_BYTES } from '../../src/program/format.ts';
import { loadShared, ownFiles, sharedFiles } from '../zoo.ts';

const SIMD = { flavour: 'simd' } as const;
const BEYOND = 0xa5;

/**
 * The memory is of the planned size, is not written to behind the plan's end, and holds what the plan says: a run on an arena that is poisoned outside
 * every tensor's planned life gives the same bits.
 */
function expectAsPlanned(model: t.InferenceModel): void {
  const { session, program, memory, methods } = model;
  const { buffer } = session.memory;
  expect(buffer.byteLength).toBe(Math.max(1, memory.pages) * PAGE_BYTES);
  expect(() => session.memory.grow(1)).toThrow();
  const { name } = model.lowered.graph;
  const profile = t.profileMemory(program, t.planOf(model.lowered));
  expect([profile.totalBytes, profile.memoryBytes]).toEqual([memory.totalBytes, buffer.byteLength]);
  expect(Object.values(profile.kinds).reduce((sum, bytes) => sum + bytes, 0)).toBe(memory.totalBytes);

  const behind = new Uint8Array(buffer, memory.totalBytes).fill(BEYOND);
  const feeds = randomFeeds(model);
  const outputs = () => program.methods[name]?.outputs.map((slot) => session.view(slot).slice());
  const state = session.stateBytes.slice();
  session.run(name, feeds);
  const expected = [outputs(), session.stateBytes.slice()];
  session.stateBytes.set(state);
  executePoisoned({ program, memory, methods }, session, name);
  expect([outputs(), session.stateBytes.slice()]).toEqual(expected);
  expect(behind.every((byte) => byte === BEYOND)).toBe(true);
  expect(session.memory.buffer).toBe(buffer);
}

describe.each([
  ['as fast as can be', SIMD],
  ['in the least memory', { ...SIMD, budget: 'least' }],
] as const)('planned is actual, %s', (_, options) => {
  it.each(ownFiles)('%s', async (_name, bytes) => {
    expectAsPlanned(await t.load(bytes(), options));
  });

  it.skipIf(sharedFiles.length === 0).each(sharedFiles)('%s', async (file) => {
    expectAsPlanned(await loadShared(file, options));
  });
});
