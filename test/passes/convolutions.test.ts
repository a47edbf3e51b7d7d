import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { type Shape, sizeOf } from '../../src/core/shape.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { verify } from '../../src/ir/verify.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { conv2dInt8 } from '../../src/ops/conv2dInt8.ts';
import { depthwiseConv2d } from '../../src/ops/depthwiseConv2d.ts';
import { depthwiseConv2dInt8 } from '../../src/ops/depthwiseConv2dInt8.ts';
import { pad } from '../../src/ops/pad.ts';
import { opOf } from '../../src/ops/registry.ts';
import { relu } from '../../src/ops/relu.ts';
import { transpose } from '../../src/ops/transpose.ts';
import { chainConvolutions } from '../../src/passes/chains.ts';
import { fuse } from '../../src/passes/fuse.ts';
import { readPlanes } from '../../src/passes/planes.ts';
import { prune } from '../../src/passes/prune.ts';
import { build } from '../../src/program/build.ts';
import { flavours, runKernels } from '../ops/lowering.ts';

const floats = (count: number, random: Random) => Float32Array.from({ length: count }, () => random.uniform(-1, 1));

/** An image of three planes through the head of a MobileNet. */
function head({ size = 98, batch = 1, shared = false, groups = 1 } = {}): Graph {
  const graph = new Graph('head');
  const random = new Random(1);
  const constant = (...shape: number[]): Value => graph.constant({ dtype: 'f32', shape, data: floats(sizeOf(shape as Shape), random) });
  const image = graph.input('image', { dtype: 'f32', shape: [batch, 3, size, size] });
  const pixels = transpose(image, { perm: [0, 2, 3, 1] });
  const first = conv2d([pixels, constant(1, 2, 27, 8), constant(16)], { kernel: [3, 3], filters: 16, padding: 'same', low: 0 });
  const wide = conv2d([first, constant(groups, 4 / groups, 16 / groups, 8)], { filters: 32, groups, high: 6 });
  const middle = depthwiseConv2d([wide, constant(3, 3, 32), constant(32)], { kernel: [3, 3], padding: 'same', strides: [2, 2] });
  const last = conv2d([middle, constant(1, 1, 32, 8)], { filters: 5 });
  graph.output('y', last);
  if (shared) {
    graph.output('wide', relu(wide));
    graph.output('pixels', relu(pixels));
  }
  return graph;
}

const rewritten = (graph: Graph): Graph => {
  const result = chainConvolutions(readPlanes(graph));
  prune(result);
  verify(result, opOf);
  return result;
};
const operators = ({ nodes }: Graph) => nodes.map(({ op }) => op);

it('an image is read as planes, and convolutions over large tensors become a chain', () => {
  const graph = rewritten(head());
  expect(operators(graph)).toEqual(['chain', 'conv2d']);
  expect(graph.nodes[0]?.attrs.stages).toMatchObject([{ op: 'planarConv2d' }, { op: 'conv2d' }, { op: 'depthwiseConv2d' }]);
});

it('a chain computes the same bits in less memory', async () => {
  const graphs = [head(), rewritten(head())];
  const image = floats(3 * 98 * 98, new Random(2));
  for (const flavour of flavours) {
    const [whole, chained] = await Promise.all(graphs.map((graph) => runKernels(graph, { image }, flavour)));
    expect(chained?.y, flavour).toEqual(whole?.y);
  }
  const [whole, chained] = graphs.map((graph) => build([graph], { name: 'head' }).memory.regions.arena) as [number, number];
  expect(chained).toBeLessThan(whole / 3);
});

it('what others read, batches, groups and small images stay as they are', () => {
  expect(operators(rewritten(head({ shared: true })))).toContain('transpose');
  expect(operators(rewritten(head({ shared: true }))).filter((op) => op === 'depthwiseConv2d')).toHaveLength(1);
  expect(operators(rewritten(head({ batch: 2 })))).not.toContain('chain');
  expect(operators(rewritten(head({ groups: 2 })))).not.toContain('chain');
  expect(operators(rewritten(head({ size: 20 })))).not.toContain('chain');
});

/** Layers of 8 bits, with 442 KB between them. */
function headInt8(): Graph {
  const graph = new Graph('head');
  const random = new Random(4);
  const constant = (shape: Shape, taps: number) => {
    const data = Int8Array.from({ length: sizeOf(shape) }, (_, i) => (i % 4 < taps ? Math.floor(random.uniform(-128, 128)) : 0));
    return graph.constant({ dtype: 'i8', shape, data });
  };
  const bias = graph.constant({ dtype: 'i32', shape: [48], data: new Int32Array(48).fill(70) });
  const scale = graph.constant({ dtype: 'f32', shape: [1], data: Float32Array.of(0.001) });
  const x = graph.input('x', { dtype: 'i8', shape: [1, 96, 96, 8] });
  const wide = conv2dInt8([x, constant([1, 6, 2, 32], 4), bias, scale], { filters: 48, kernel: [1, 1], rounding: 'float' });
  const attrs = { kernel: [3, 3], strides: [2, 2], padding: 'same', rounding: 'float' } as const;
  graph.output('y', depthwiseConv2dInt8([wide, constant([6, 3, 1, 32], 3), bias, scale], attrs));
  return graph;
}

it('so do layers of 8 bits', async () => {
  const graphs = [headInt8(), rewritten(headInt8())];
  expect(operators(graphs[1] as Graph)).toEqual(['chain']);
  const x = Int8Array.from({ length: 96 * 96 * 8 }, (_, i) => ((i * 37) % 251) - 128);
  for (const flavour of flavours) {
    const [whole, chained] = await Promise.all(graphs.map((graph) => runKernels(graph, { x }, flavour)));
    expect(chained?.y, flavour).toEqual(whole?.y);
  }
  const [whole, chained] = graphs.map((graph) => build([graph], { name: 'head' }).memory.regions.arena) as [number, number];
  expect(chained).toBeLessThan(whole / 2);
});

/** An 8-bit image of zero point -7, padded with `value`, through a depthwise convolution. */
function paddedInt8(value: number): Graph {
  const graph = new Graph('padded');
  const random = new Random(3);
  const whole = (count: number, range: number) => Array.from({ length: count }, () => Math.floor(random.uniform(-range, range)));
  const x = graph.input('x', { dtype: 'i8', shape: [1, 5, 6, 8] });
  const zeros: [number, number] = [0, 0];
  const w = graph.constant({ dtype: 'i8', shape: [1, 3, 1, 32], data: Int8Array.from(whole(96, 128), (n, i) => (i % 4 === 3 ? 0 : n)) });
  const bias = graph.constant({ dtype: 'i32', shape: [8], data: Int32Array.from(whole(8, 1000)) });
  const scale = graph.constant({ dtype: 'f32', shape: [1], data: Float32Array.of(0.002) });
  const padded = pad(x, { pads: [zeros, [1, 0], [2, 1], zeros], value });
  graph.output('y', depthwiseConv2dInt8([padded, w, bias, scale], { kernel: [3, 3], xZero: -7, rounding: 'float' }));
  return graph;
}

it('padding with the zero point becomes part of an 8-bit convolution', async () => {
  const fused = (value: number) => {
    const graph = fuse(paddedInt8(value));
    prune(graph);
    return graph;
  };
  expect(operators(fused(-7))).toEqual(['depthwiseConv2dInt8']);
  expect(operators(fused(0))).toEqual(['pad', 'depthwiseConv2dInt8']);
  const x = Int8Array.from({ length: 240 }, (_, i) => ((i * 37) % 256) - 128);
  expect((await runKernels(fused(-7), { x }, 'simd')).y).toEqual((await runKernels(paddedInt8(-7), { x }, 'simd')).y);
});
