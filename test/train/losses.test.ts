import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import type { Value } from '../../src/ir/graph.ts';
import { Graph } from '../../src/ir/graph.ts';
import { verify } from '../../src/ir/verify.ts';
import { attention } from '../../src/ops/attention.ts';
import { layerNorm, rmsNorm } from '../../src/ops/groupNorm.ts';
import { prelu } from '../../src/ops/prelu.ts';
import { reduceSum } from '../../src/ops/reduceSum.ts';
import { opOf } from '../../src/ops/registry.ts';
import { softmax } from '../../src/ops/softmax.ts';
import { split } from '../../src/ops/split.ts';
import { gradients } from '../../src/passes/autodiff.ts';
import { type Loss, losses } from '../../src/train/losses.ts';
import { cast, flavours, runKernels, runReference } from '../ops/lowering.ts';

const f32 = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const draw = (n: number, low: number, high: number, seed: number) => {
  const random = new Random(seed);
  return Float64Array.from({ length: n }, () => Math.fround(random.uniform(low, high)));
};

/** Gradients of a scalar by finite differences of the references, and kernels against references. */
async function checkGradients(build: (graph: Graph) => Value, feeds: Record<string, Float64Array>, wrt: readonly string[]): Promise<void> {
  const graph = new Graph('check');
  const total = build(graph);
  graph.output('total', total);
  const inputs = graph.inputs.filter(({ name }) => wrt.includes(name));
  for (const [value, gradient] of gradients(total, inputs)) graph.output(`d${value.name}`, gradient);
  verify(graph, opOf);
  const exact = runReference(graph, feeds);
  const at = (moved: Record<string, Float64Array>) => runReference(graph, moved).total?.[0] as number;
  for (const name of wrt) {
    const data = feeds[name] as Float64Array;
    for (let i = 0; i < Math.min(8, data.length); i++) {
      const moved = (by: number) => ({ ...feeds, [name]: data.map((v, j) => (j === i ? v + by : v)) });
      const numeric = (at(moved(1e-5)) - at(moved(-1e-5))) / 2e-5;
      expect(exact[`d${name}`]?.[i], `d${name}[${i}]`).toBeCloseTo(numeric, 5);
    }
  }
  for (const flavour of flavours) {
    const data = Object.fromEntries(graph.inputs.map((value) => [value.name, cast(feeds[value.name] as Float64Array, value)]));
    const got = await runKernels(graph, data, flavour);
    for (const [name, want] of Object.entries(exact)) {
      want.forEach((value, i) => {
        expect(got[name]?.[i], `${name}[${i}] on ${flavour}`).toBeCloseTo(value, 4);
      });
    }
  }
}

describe('losses: formula and gradient', () => {
  const labelsFor: Record<string, [low: number, high: number]> = { klDivergence: [0.1, 0.9], hinge: [-1, 1] };
  const formulas: Record<string, (p: number, t: number) => number> = {
    meanSquaredError: (p, t) => (p - t) ** 2,
    meanAbsoluteError: (p, t) => Math.abs(p - t),
    huber: (p, t) => (Math.abs(p - t) <= 1 ? 0.5 * (p - t) ** 2 : Math.abs(p - t) - 0.5),
    hinge: (p, t) => Math.max(1 - p * t, 0),
    binaryCrossentropy: (p, t) => -(t * Math.log(1 / (1 + Math.exp(-p))) + (1 - t) * Math.log(1 - 1 / (1 + Math.exp(-p)))),
  };
  const names = Object.keys(losses).filter((name) => !['mse', 'mae'].includes(name)) as (keyof typeof losses)[];

  it.each(names)('%s', async (name) => {
    const loss: Loss = losses[name]();
    const range = labelsFor[name] ?? [0, 1];
    const predictions = name === 'klDivergence' ? draw(12, 0.1, 0.9, 1) : draw(12, -3, 3, 1);
    const labels = loss.labels === 'i32' ? Float64Array.of(2, 0, 1) : draw(12, range[0], range[1], 2);
    const build = (graph: Graph) => {
      const p = graph.input('p', f32(3, 4));
      const t = graph.input('t', loss.labels === 'i32' ? { dtype: 'i32', shape: [3] } : f32(3, 4));
      return reduceSum(loss.apply(p, t));
    };
    const formula = formulas[name];
    if (formula) {
      const graph = new Graph('value');
      graph.output('total', build(graph));
      const expected = predictions.reduce((sum, p, i) => sum + formula(p, labels[i] as number) / 4, 0);
      expect(runReference(graph, { p: predictions, t: labels }).total?.[0]).toBeCloseTo(expected, 9);
    }
    await checkGradients(build, { p: predictions, t: labels }, ['p']);
  });

  it('label smoothing moves the targets', () => {
    const value = (labelSmoothing: number) => {
      const graph = new Graph('smooth');
      const t = graph.input('t', { dtype: 'i32', shape: [1] });
      graph.output('loss', losses.sparseCategoricalCrossentropy({ labelSmoothing }).apply(graph.input('p', f32(1, 2)), t));
      return runReference(graph, { p: Float64Array.of(2, 0), t: Float64Array.of(0) }).loss?.[0] as number;
    };
    const [right, wrong] = [Math.log(1 + Math.exp(-2)), Math.log(1 + Math.exp(2))];
    expect(value(0)).toBeCloseTo(right, 9);
    expect(value(0.2)).toBeCloseTo(0.9 * right + 0.1 * wrong, 9);
  });

  it('a final softmax is seen through: the loss is computed from its logits', () => {
    const graph = new Graph('through');
    const logits = graph.input('p', f32(1, 3));
    const t = graph.input('t', { dtype: 'i32', shape: [1] });
    graph.output('loss', losses.sparseCategoricalCrossentropy().apply(softmax(logits), t));
    expect(runReference(graph, { p: Float64Array.of(200, 0, 0), t: Float64Array.of(1) }).loss?.[0]).toBeCloseTo(200, 6);
  });
});

describe('composed operators', () => {
  it('prelu', () =>
    checkGradients((g) => reduceSum(prelu(g.input('x', f32(2, 3)), g.input('a', f32(3)))), { x: draw(6, -2, 2, 1), a: draw(3, 0, 1, 2) }, [
      'x',
      'a',
    ]));

  it.each([false, true])('attention, with a mask: %s', (masked) =>
    checkGradients(
      (g) => {
        const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, f32(2, 3, 4))) as [Value, Value, Value];
        return reduceSum(attention(masked ? [q, k, v, g.input('mask', f32(3, 3))] : [q, k, v]));
      },
      { q: draw(24, -1, 1, 1), k: draw(24, -1, 1, 2), v: draw(24, -1, 1, 3), mask: draw(9, -2, 0, 4) },
      masked ? ['q', 'k', 'v', 'mask'] : ['q', 'k', 'v'],
    ),
  );

  it.each([
    ['layerNorm', layerNorm],
    ['rmsNorm', rmsNorm],
  ] as const)('%s', (_, norm) =>
    checkGradients(
      (g) => {
        const y = norm([g.input('x', f32(3, 5)), g.input('gamma', f32(5))]);
        const [, last] = split(y, { axis: 1, sizes: [2, 3] }) as [Value, Value];
        return reduceSum(losses.huber().apply(last, g.input('t', f32(3, 3))));
      },
      { x: draw(15, -2, 2, 1), gamma: draw(5, 0.5, 2, 2), t: draw(9, -1, 1, 3) },
      ['x', 'gamma'],
    ),
  );
});
