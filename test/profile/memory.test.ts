import { describe, expect, it } from 'vitest';
import * as t from '../../src/index.ts';
import { profileMemory } from '../../src/profile/memory.ts';
import { planOf } from '../../src/profile/plan.ts';
import { profileMethod } from '../../src/profile/profile.ts';
import { trainingVariants } from '../../src/profile/whatIf.ts';
import { testNetworks } from '../networks.ts';

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

describe.each(testNetworks)('the memory of $name', ({ build, compile }) => {
  it('is accounted for to the byte, by region, by kind, by layer and over time; what is planned is what is there', async () => {
    const model = build();
    await model.compile(compile);
    const { built, session } = model;
    for (const [name, lowered] of Object.entries(built.methods)) {
      const profile = profileMemory(built.program, planOf(lowered));
      expect(sum(Object.values(profile.kinds)), name).toBe(profile.totalBytes);
      for (const [kind, bytes] of Object.entries(profile.kinds)) expect(bytes, `${name} ${kind}`).toBeGreaterThanOrEqual(0);
      expect(profile.memoryBytes).toBe(session.memory.buffer.byteLength);
      expect(profile.peak.bytes).toBe(sum(profile.peak.buffers.map(({ bytes }) => bytes)));
      expect(profile.peak.bytes).toBe(profile.lowerBoundBytes);
      expect(profile.peak.bytes).toBe(Math.max(...profile.steps.map(({ liveBytes }) => liveBytes)));
      for (const kind of ['weights', 'statistics', 'optimizer', 'activations', 'gradients', 'scratch'] as const) {
        expect(sum(profile.layers.map(({ bytes }) => bytes[kind] ?? 0)), `${name} ${kind}`).toBe(profile.kinds[kind]);
      }
      for (const { offset, bytes } of profile.buffers) expect(offset + bytes).toBeLessThanOrEqual(profile.arenaBytes);
      expect(sum(profile.layers.map(({ macs }) => macs))).toBe(sum(profile.steps.map(({ macs }) => macs)));
    }
  });
});

async function digits(batchSize: number, optimizer: t.CompileOptions['optimizer'] = 'adam') {
  const network = testNetworks.find(({ name }) => name === 'digits') as (typeof testNetworks)[0];
  const model = network.build();
  await model.compile({ loss: 'sparseCategoricalCrossentropy', optimizer, batchSize });
  return model;
}

it('layers have the names that the model has, in training too', async () => {
  const model = await digits(32);
  const { built } = model;
  const { layers, buffers } = profileMemory(built.program, planOf(built.methods.train as never));
  const names = new Set(model.layers.map(({ layerName }) => layerName));
  expect(layers.map(({ layer }) => layer).filter((layer) => !names.has(layer))).toEqual(['loss']);
  const gradients = new Set(buffers.filter(({ kind }) => kind === 'gradients').map(({ layer }) => layer));
  gradients.delete('loss');
  expect(gradients.size).toBeGreaterThan(2);
  expect([...gradients].filter((layer) => !names.has(layer))).toEqual([]);
});

describe('what if', () => {
  it('says the bytes that compile then plans', async () => {
    const model = await digits(32);
    const variants = new Map((await trainingVariants(model)).map((variant) => [variant.change, variant]));
    expect(variants.get('batch 32')?.totalBytes).toBe(model.memory.totalBytes);
    for (const batch of [1, 8]) expect(variants.get(`batch ${batch}`)?.totalBytes).toBe((await digits(batch)).memory.totalBytes);
    expect(variants.get('sgd without momentum')?.totalBytes).toBe((await digits(32, 'sgd')).memory.totalBytes);
    const head = model.layers.at(-1)?.layerName as string;
    model.setTrainable(({ layerName }) => layerName === head);
    await model.compile({ loss: 'sparseCategoricalCrossentropy', optimizer: 'adam', batchSize: 32 });
    expect(variants.get(`only "${head}" trains`)?.totalBytes).toBe(model.memory.totalBytes);
    const biases = variants.get('only biases and scales train');
    expect(biases?.stateBytes).toBeLessThan(variants.get('batch 32')?.stateBytes as number);
  });

  it('leaves the model as it was, and says why where a change cannot be', async () => {
    const model = t.sequential([t.input({ shape: [4] }), t.dense({ units: 3, useBias: false }), t.dense({ units: 2, useBias: false })]);
    await expect(trainingVariants(model)).rejects.toThrow(/no loss/);
    await model.compile({ loss: 'mse', optimizer: 'adam' });
    model.setTrainable(({ layerName }) => layerName !== 'dense');
    const before = model.layers.map(({ trainable }) => trainable);
    const weights = model.getWeights();
    const variants = await trainingVariants(model);
    expect(model.layers.map(({ trainable }) => trainable)).toEqual(before);
    expect(model.getWeights()).toEqual(weights);
    expect(variants.find(({ change }) => change === 'only biases and scales train')?.reason).toMatch(/no trained layer has any/);
  });
});

it('times every node of a training step that calls a kernel', async () => {
  const { built, session } = await digits(4);
  const lowered = built.methods.train as t.Model['built']['methods'][string];
  const times = profileMethod(session, planOf(lowered), { runs: 3 });
  const timed = new Set(times.map(({ node }) => node));
  expect(lowered.graph.nodes.filter((node) => (lowered.lowered.get(node)?.steps.length ?? 0) > 0 && !timed.has(node.name))).toEqual([]);
  expect(times.every(({ ms }) => ms >= 0)).toBe(true);
});
