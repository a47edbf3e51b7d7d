import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/ir/graph.ts';
import { topK } from '../../src/ops/topK.ts';
import { unique } from '../../src/ops/unique.ts';
import { flavours, runKernels } from './lowering.ts';

const odd = Float32Array.of(0, Number.NaN, -0, Number.NEGATIVE_INFINITY, 3, -Number.NaN, Number.POSITIVE_INFINITY, 3, -1e-45);

describe.each(flavours)('the order of odd numbers on %s', (flavour) => {
  it('is NaN, infinity, numbers, and 0 beside -0', async () => {
    for (const [largest, expected] of [
      [true, [1, 5, 6, 4, 7, 0, 2, 8, 3]],
      [false, [3, 8, 0, 2, 4, 7, 6, 1, 5]],
    ] as const) {
      const graph = new Graph('order');
      const x = graph.input('x', { dtype: 'f32', shape: [odd.length] });
      graph.output('rows', topK.all(x, { k: odd.length, largest })[1] as typeof x);
      expect([...((await runKernels(graph, { x: odd }, flavour)).rows as Int32Array)]).toEqual(expected);
    }
  });

  it('makes equal what is equal', async () => {
    const graph = new Graph('unique');
    const x = graph.input('x', { dtype: 'f32', shape: [odd.length, 1] });
    const [, first, inverse, counts, count] = unique.all(x) as [typeof x, typeof x, typeof x, typeof x, typeof x];
    for (const [name, value] of Object.entries({ first, inverse, counts, count })) graph.output(name, value);
    const found = await runKernels(graph, { x: odd }, flavour);
    expect([...(found.first as Int32Array)]).toEqual([3, 8, 0, 4, 6, 1, 0, 0, 0]);
    expect([...(found.inverse as Int32Array)]).toEqual([2, 5, 2, 0, 3, 5, 4, 3, 1]);
    expect([...(found.counts as Int32Array)]).toEqual([1, 1, 2, 2, 1, 2, 0, 0, 0]);
    expect(found.count?.[0]).toBe(6);
  });
});
