import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { verify } from '../../src/ir/verify.ts';
import { opOf } from '../../src/ops/registry.ts';
import { optimize, passes } from '../../src/passes/optimize.ts';
import { prune } from '../../src/passes/prune.ts';
import { flavours, runKernels, runReference } from '../ops/lowering.ts';
import { exported, graphOf } from './exported.ts';

/** |got - want| in units of 1e-4 of the larger of 1 and |want|. */
function expectNear(got: ArrayLike<number>, want: Float64Array, what: string): void {
  expect(got.length, what).toBe(want.length);
  want.forEach((value, i) => {
    const error = Math.abs((got[i] as number) - value) / Math.max(1, Math.abs(value));
    if (!(error < 1e-4)) throw new Error(`${what}: element ${i} is ${got[i]}, not ${value}`);
  });
}

const operators = ({ nodes }: Graph): string =>
  nodes
    .filter((node) => !opOf(node).view)
    .map(({ op }) => op)
    .sort()
    .join(' ');

describe.each(exported)('$name', (network) => {
  const feeds = { x: new Float64Array(sizeOf(network.input)) };
  const random = new Random(7);
  feeds.x.forEach((_, i) => {
    feeds.x[i] = Math.fround(random.uniform(-1, 1));
  });
  const want = runReference(graphOf(network), feeds);

  it('computes the same after every pass', () => {
    let graph = graphOf(network);
    for (const { name, run } of passes) {
      graph = run(graph);
      verify(graph, opOf);
      prune(graph);
      const got = runReference(graph, feeds);
      for (const output of Object.keys(want))
        expectNear(got[output] as Float64Array, want[output] as Float64Array, `${output} after ${name}`);
    }
  });

  it('keeps no operator that another can take in', () => {
    expect(operators(optimize(graphOf(network)))).toBe(network.left);
  });

  it.each(flavours)('runs on %s kernels as before', async (flavour) => {
    const got = await runKernels(optimize(graphOf(network)), { x: Float32Array.from(feeds.x) }, flavour);
    for (const output of Object.keys(want)) expectNear(got[output] as Float32Array, want[output] as Float64Array, output);
  });
});
