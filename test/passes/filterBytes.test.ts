import { expect, test } from 'vitest';
import { packPanels, panelShape } from '../../src/core/panels.ts';
import { Random } from '../../src/core/random.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { convTranspose2d } from '../../src/ops/convTranspose2d.ts';
import { depthwiseConv2d } from '../../src/ops/depthwiseConv2d.ts';
import { filterBytes } from '../../src/passes/filterBytes.ts';
import { prune } from '../../src/passes/prune.ts';
import { build } from '../../src/program/build.ts';
import { flavours, runKernels } from '../ops/lowering.ts';

/** Row-major weights, `columns` in a row: whole numbers times a step for each column, or any floats. */
function weights(count: number, columns: number, whole: boolean): Float32Array {
  const random = new Random(count);
  const steps = Array.from({ length: columns }, () => Math.fround(random.uniform(0.001, 0.01)));
  return Float32Array.from({ length: count }, (_, i) =>
    whole ? Math.round(random.uniform(-127, 127)) * (steps[i % columns] as number) : random.uniform(-1, 1),
  );
}

/** Three kinds of convolutions, of 20 channels that fill no whole panels, one after the other. */
function convolutions(whole: boolean): Graph {
  const graph = new Graph('infer');
  const panels = (logical: readonly number[], groups: number): Value =>
    graph.constant({
      dtype: 'f32',
      shape: panelShape(logical, groups),
      data: packPanels(
        weights(
          logical.reduce((a, b) => a * b, 1),
          logical.at(-1) as number,
          whole,
        ),
        logical,
        groups,
      ),
    });
  let x = graph.input('x', { dtype: 'f32', shape: [1, 7, 6, 20] });
  const window = { kernel: [3, 3], padding: 'same' } as const;
  x = conv2d([x, panels([3, 3, 20, 20], 1)], { ...window, filters: 20 });
  x = conv2d([x, panels([3, 3, 10, 20], 2)], { ...window, filters: 20, groups: 2 });
  const rows = weights(15 * 20 * 7, 140, whole);
  x = depthwiseConv2d([x, graph.constant({ dtype: 'f32', shape: [3, 5, 140], data: rows })], {
    kernel: [3, 5],
    padding: 'same',
    multiplier: 7,
  });
  x = convTranspose2d([x, panels([2, 2, 5, 140], 1)], {
    kernel: [2, 2],
    strides: [2, 2],
    dilations: [1, 1],
    padding: 'valid',
    groups: 1,
    filters: 5,
  });
  graph.output('y', x);
  return graph;
}

function inBytes(graph: Graph): Graph {
  const target = filterBytes(graph);
  prune(target);
  return target;
}

test.each(flavours)('filters of whole numbers are held in bytes, and give the same on %s kernels', async (flavour) => {
  const graph = inBytes(convolutions(true));
  expect(graph.nodes.filter(({ op }) => op === 'dequantizeColumns')).toHaveLength(4);
  const bytes = (of: Graph) => build([of], { name: 'test' }).program.regions.const.bytes;
  expect(bytes(convolutions(true)) / bytes(graph)).toBeGreaterThan(3.5);
  const random = new Random(3);
  const x = Float32Array.from({ length: 7 * 6 * 20 }, () => random.uniform(-2, 2));
  const want = (await runKernels(convolutions(true), { x }, flavour)).y as Float32Array;
  const got = (await runKernels(graph, { x }, flavour)).y as Float32Array;
  const largest = want.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  got.forEach((value, i) => void expect(Math.abs(value - (want[i] as number)) / largest).toBeLessThan(1e-5));
});

test('other floats stay', () => {
  expect(inBytes(convolutions(false)).nodes.map(({ op }) => op)).not.toContain('dequantizeColumns');
});

test('a filter whose floats would take more memory than bytes save stays in floats', () => {
  const graph = new Graph('infer');
  const data = packPanels(weights(9 * 32 * 32, 32, true), [3, 3, 32, 32]);
  const w = graph.constant({ dtype: 'f32', shape: panelShape([3, 3, 32, 32]), data });
  graph.output('y', conv2d([graph.input('x', { dtype: 'f32', shape: [1, 4, 4, 32] }), w], { kernel: [3, 3], filters: 32 }));
  expect(inBytes(graph).nodes.map(({ op }) => op)).toEqual(['conv2d']);
});
