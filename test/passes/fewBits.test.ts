import { expect, test } from 'vitest';
import { packPanels, panelShape } from '../../src/core/panels.ts';
import { Random } from '../../src/core/random.ts';
import { Graph } from '../../src/ir/graph.ts';
import { linear } from '../../src/ops/linear.ts';
import { fewBits } from '../../src/passes/fewBits.ts';
import { prune } from '../../src/passes/prune.ts';
import { build } from '../../src/program/build.ts';
import { flavours, runKernels, runReference } from '../ops/lowering.ts';

const [DEPTH, UNITS] = [640, 37];

/** A dense layer with relu; weights are `numbers` times a step for each column and group of rows. */
function layer(numbers: (random: Random) => number, group: number, rows = 2): Graph {
  const random = new Random(4);
  const steps = Array.from({ length: (DEPTH / group) * UNITS }, () => Math.fround(random.uniform(0.001, 0.01)));
  const data = Float32Array.from({ length: DEPTH * UNITS }, (_, i) => {
    const step = steps[Math.floor(i / UNITS / group) * UNITS + (i % UNITS)] as number;
    return numbers(random) * step;
  });
  const graph = new Graph('infer');
  const w = graph.constant({ dtype: 'f32', shape: panelShape([DEPTH, UNITS]), data: packPanels(data, [DEPTH, UNITS]) });
  const bias = graph.constant({ dtype: 'f32', shape: [UNITS], data: Float32Array.from({ length: UNITS }, () => random.uniform(-1, 1)) });
  graph.output('y', linear([graph.input('x', { dtype: 'f32', shape: [rows, DEPTH] }), w, bias], { units: UNITS, low: 0 }));
  return graph;
}

const constantBytes = (graph: Graph): number => build([graph], { name: 'test' }).program.regions.const.bytes;
const rewritten = (graph: Graph): Graph => {
  const target = fewBits(graph);
  prune(target);
  return target;
};

test.each([
  ['8 bits', (r: Random) => Math.floor(r.uniform(-128, 128)), DEPTH, { bits: 8, group: 0 }, 3.5],
  ['4 bits', (r: Random) => Math.floor(r.uniform(-8, 8)), DEPTH, { bits: 4, group: 0 }, 6],
  ['4 bits in groups', (r: Random) => Math.floor(r.uniform(-8, 8)), 32, { bits: 4, group: 32 }, 4.5],
] as const)('weights of %s stay so', async (_, numbers, group, attrs, smaller) => {
  const graph = rewritten(layer(numbers, group));
  expect(graph.nodes.map(({ op }) => op)).toEqual(['linearWeights', 'clip']);
  expect(graph.nodes[0]?.attrs).toMatchObject(attrs);
  expect(constantBytes(layer(numbers, group)) / constantBytes(rewritten(layer(numbers, group)))).toBeGreaterThan(smaller);
  const random = new Random(8);
  const x = Float32Array.from({ length: 2 * DEPTH }, () => random.uniform(-3, 3));
  const want = runReference(layer(numbers, group), { x: Float64Array.from(x) }).y as Float64Array;
  const largest = Math.max(...want);
  for (const flavour of flavours) {
    const got = (await runKernels(rewritten(layer(numbers, group)), { x }, flavour)).y as Float32Array;
    const error = got.reduce((most, value, i) => Math.max(most, Math.abs(value - (want[i] as number))), 0);
    expect(error / largest, flavour).toBeLessThan(1e-4);
  }
});

test.each([4, 5, 37])('of %i rows too', async (rows) => {
  const graph = () => layer((r) => Math.floor(r.uniform(-8, 8)), 32, rows);
  expect(rewritten(graph()).nodes.map(({ op }) => op)).toEqual(['linearWeights', 'clip']);
  const random = new Random(rows);
  const x = Float32Array.from({ length: rows * DEPTH }, () => random.uniform(-3, 3));
  const want = runReference(graph(), { x: Float64Array.from(x) }).y as Float64Array;
  const largest = Math.max(...want);
  let first: Float32Array | undefined;
  for (const flavour of flavours) {
    const got = (await runKernels(rewritten(graph()), { x }, flavour)).y as Float32Array;
    first ??= got;
    expect(got, flavour).toEqual(first);
    expect(got.reduce((most, value, i) => Math.max(most, Math.abs(value - (want[i] as number))), 0) / largest).toBeLessThan(1e-4);
  }
});

test.each([1, 5])('one large number of %i rows costs those far from it no precision', async (rows) => {
  const graph = (): Graph => {
    let drawn = 0;
    return layer((r) => (drawn++ < UNITS ? 0 : Math.floor(r.uniform(-128, 128))), DEPTH, rows);
  };
  const random = new Random(12);
  const x = Float32Array.from({ length: rows * DEPTH }, (_, i) => (i % DEPTH === 0 ? 1e3 : i % DEPTH < 64 ? 0 : random.uniform(-1, 1)));
  const want = runReference(graph(), { x: Float64Array.from(x) }).y as Float64Array;
  const largest = Math.max(...want);
  for (const flavour of flavours) {
    const got = (await runKernels(rewritten(graph()), { x }, flavour)).y as Float32Array;
    expect(got.reduce((most, value, i) => Math.max(most, Math.abs(value - (want[i] as number))), 0) / largest, flavour).toBeLessThan(1e-4);
  }
});

test('the last group of rows may be short', async () => {
  const [depth, units, group] = [257, 20, 32];
  const random = new Random(9);
  const steps = Array.from({ length: Math.ceil(depth / group) * units }, () => Math.fround(random.uniform(0.001, 0.01)));
  const data = Float32Array.from({ length: depth * units }, (_, i) => {
    const step = steps[Math.floor(i / units / group) * units + (i % units)] as number;
    return Math.floor(random.uniform(-8, 8)) * step;
  });
  const build = (): Graph => {
    const graph = new Graph('infer');
    const w = graph.constant({ dtype: 'f32', shape: panelShape([depth, units]), data: packPanels(data, [depth, units]) });
    graph.output('y', linear([graph.input('x', { dtype: 'f32', shape: [3, depth] }), w], { units }));
    return graph;
  };
  const graph = rewritten(build());
  expect(graph.nodes.map(({ op }) => op)).toEqual(['pad', 'linearWeights']);
  expect(constantBytes(build()) / constantBytes(graph)).toBeGreaterThan(4);
  const x = Float32Array.from({ length: 3 * depth }, () => random.uniform(-3, 3));
  const want = runReference(build(), { x: Float64Array.from(x) }).y as Float64Array;
  for (const flavour of flavours) {
    const got = (await runKernels(rewritten(build()), { x }, flavour)).y as Float32Array;
    got.forEach((value, i) => void expect(Math.abs(value - (want[i] as number))).toBeLessThan(1e-3));
  }
});

test('a residual is added to the product', async () => {
  const weights = packPanels(
    Float32Array.from({ length: DEPTH * UNITS }, (_, i) => ((i % 255) - 127) / 128),
    [DEPTH, UNITS],
  );
  const build = (): Graph => {
    const graph = new Graph('infer');
    const w = graph.constant({ dtype: 'f32', shape: panelShape([DEPTH, UNITS]), data: weights });
    const inputs = [graph.input('x', { dtype: 'f32', shape: [1, DEPTH] }), w, graph.input('r', { dtype: 'f32', shape: [1, UNITS] })];
    graph.output('y', linear(inputs, { units: UNITS, residual: true, high: 2 }));
    return graph;
  };
  expect(rewritten(build()).nodes.map(({ op }) => op)).toEqual(['linearWeights', 'add', 'clip']);
  const feeds = {
    x: Float32Array.from({ length: DEPTH }, (_, i) => Math.sin(i)),
    r: Float32Array.from({ length: UNITS }, (_, i) => i / 9),
  };
  const want = runReference(build(), { x: Float64Array.from(feeds.x), r: Float64Array.from(feeds.r) }).y as Float64Array;
  const got = (await runKernels(rewritten(build()), feeds, 'simd')).y as Float32Array;
  got.forEach((value, i) => void expect(value).toBeCloseTo(want[i] as number, 3));
});

test('other weights and sparse matrices stay in f32', () => {
  const stays = (graph: Graph) => expect(rewritten(graph).nodes.map(({ op }) => op)).toEqual(['linear']);
  stays(layer((r) => r.uniform(-1, 1), DEPTH));
  stays(layer((r) => (r.uniform() < 0.6 ? 0 : 1), DEPTH));
});
