import { describe, expect, it } from 'vitest';
import { randomFeeds } from '../../src/cli/bench.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { optimize } from '../../src/passes/optimize.ts';
import { findOverlap } from '../../src/plan/overlap.ts';
import type { MemoryPlan } from '../../src/plan/report.ts';
import { build } from '../../src/program/build.ts';
import { loadShared, sharedFiles } from '../zoo.ts';
import { branches, dsCnn, mobileNetV2 } from './imageNetworks.ts';

const MIB = 2 ** 20;
const plan = (graph: Graph): MemoryPlan => build([optimize(graph)], { name: graph.name }).memory;

function expectLeast({ methods }: MemoryPlan): void {
  for (const { arenaBytes, lowerBoundBytes, buffers } of methods) {
    expect(arenaBytes).toBe(lowerBoundBytes);
    expect(findOverlap(buffers, arenaBytes)).toBeNull();
  }
}

/** What a plan takes, to the byte: a change that moves these numbers says so here. */
const pinned = {
  MobileNetV2: { static: 55152, const: 13951264, state: 0, io: 606112, arena: 978592 },
  'DS-CNN': { static: 992, const: 91440, state: 0, io: 2016, arena: 64160 },
};

it('MobileNetV2 takes these bytes, at most 20 MiB of linear memory', () => {
  const memory = plan(mobileNetV2());
  expect(memory.regions).toEqual(pinned.MobileNetV2);
  expect(memory.pages * 65536).toBeLessThanOrEqual(20 * MIB);
  expectLeast(memory);
});

it('DS-CNN takes these bytes, at most 256 KiB of linear memory', () => {
  const memory = plan(dsCnn());
  expect(memory.regions).toEqual(pinned['DS-CNN']);
  expect(memory.pages * 65536).toBeLessThanOrEqual(MIB / 4);
  expectLeast(memory);
});

it.each([
  [8, 4],
  [17, 12],
  [48, 24],
  [160, 16],
])('branches over %i pixels, %i filters: the arena is the liveness lower bound', (size, width) => expectLeast(plan(branches(size, width))));

/** Arenas of 8-bit models in bytes: the fastest, and the least. A change that moves one says so here. */
const arenas: readonly (readonly [string, number, number])[] = [
  ['TinyMaix__cifar10_q', 19584, 17152],
  ['TinyMaix__mnist_valid_q', 2800, 1760],
  ['ai-edge-quantizer__conv_fc_mnist_srq_a8w8', 8032, 7840],
  ['micro-wake-word-models__hey_jarvis', 14208, 14208],
  ['micro-wake-word-models__vad', 1936, 1840],
  ['tflite-micro__hello_world_int8', 32, 32],
  ['tflite-micro__micro_speech_quantized', 7440, 5616],
  ['tflite-micro__mobilenet_v2_quantized_1x3x224x224', 473824, 379600],
  ['tflite-micro__trained_lstm_int8', 896, 896],
  ['tflite-support__mobilenet_v1_0.25_224_quant', 401408, 401408],
  ['tiny__ad01_int8', 256, 256],
  ['tiny__kws_ref_model', 24896, 18864],
  ['tiny__pretrainedResnet_quant', 66464, 53168],
  ['tiny__vww_96_int8', 62320, 56240],
];

describe.skipIf(sharedFiles.length === 0)('shared models', () => {
  it.each(sharedFiles)('%s: the arena is the liveness lower bound', async (file) => {
    expectLeast((await loadShared(file)).memory);
  });

  it.each(arenas)('%s has an arena of %i bytes, and gives the same in %i', async (name, bytes, least) => {
    const file = `models/tflite/${name}/model.tflite`;
    const [fast, small] = [await loadShared(file), await loadShared(file, { budget: 'least' })];
    expect([fast.memory.regions.arena, fast.memory.small]).toEqual([bytes, false]);
    expect([small.memory.regions.arena, small.memory.small]).toEqual([least, least < bytes]);
    expectLeast(small.memory);
    const feeds = randomFeeds(fast);
    expect(small.run(feeds)).toEqual(fast.run(feeds));
  });

  it.each([
    ['mobilenetv2_1.0_224', 'MobileNetV2'],
    ['dscnn_kws', 'DS-CNN'],
  ] as const)('%s as an ONNX file takes the same bytes, and its linear memory is as planned', async (file, name) => {
    const model = await loadShared(`bench-models/${file}.onnx`);
    expect(model.memory.regions).toEqual(pinned[name]);
    expect(model.session.memory.buffer.byteLength).toBe(model.memory.pages * 65536);
    expect(() => model.session.memory.grow(1)).toThrow();
  });
});
