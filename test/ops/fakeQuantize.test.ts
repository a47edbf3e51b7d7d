import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/ir/graph.ts';
import { fakeQuantize, mul, reduceSum } from '../../src/ops/index.ts';
import { gradients } from '../../src/passes/autodiff.ts';
import { flavours, runKernels } from './lowering.ts';

const vector = (...data: number[]) => ({ dtype: 'f32' as const, shape: [data.length], data: Float32Array.from(data) });

/** y, and dx for a loss of Σ y · factor. */
function graphOf(x: readonly number[], scale: number, zero: number, factors: readonly number[]): Graph {
  const graph = new Graph('step');
  const input = graph.input('x', { dtype: 'f32', shape: [x.length] });
  const y = fakeQuantize([input, graph.constant(vector(scale)), graph.constant(vector(zero))]);
  graph.output('y', y);
  graph.output('dx', gradients(reduceSum(mul([y, graph.constant(vector(...factors))])), [input]).get(input) as typeof y);
  return graph;
}

describe.each(flavours)('fakeQuantize on %s kernels', (flavour) => {
  it('rounds halves to even and saturates at the limits of int8', async () => {
    const x = [0, 0.25, 0.5, 0.75, -0.25, -0.75, 1.1, 1000, -1000, 58.5, -69.5];
    const { y } = await runKernels(graphOf(x, 0.5, 11, x), { x: Float32Array.from(x) }, flavour);
    // Numbers are x / 0.5 + 11 in -128..127: values from -69.5 to 58.
    expect(Array.from(y as Float32Array)).toEqual([0, 0, 0.5, 1, 0, -1, 1, 58, -69.5, 58, -69.5]);
  });

  it('hands the gradient straight through within the range, and stops it outside', async () => {
    const x = [0, 0.3, -0.3, 58, 58.2, 58.3, 59, 1000, -69.5, -69.7, -69.8, -1000];
    const factors = x.map((_, i) => i + 1);
    const { dx } = await runKernels(graphOf(x, 0.5, 11, factors), { x: Float32Array.from(x) }, flavour);
    // 58.2 and -69.7 round to the last number there is; 58.3 and -69.8 to one more.
    expect(Array.from(dx as Float32Array)).toEqual([1, 2, 3, 4, 5, 0, 0, 0, 9, 10, 0, 0]);
  });
});

it('steps and zero points get no gradient', () => {
  const graph = new Graph('step');
  const [x, scale, zero] = ['x', 'scale', 'zero'].map((name) => graph.input(name, { dtype: 'f32', shape: [1] })) as [never, never, never];
  const found = gradients(reduceSum(fakeQuantize([x, scale, zero])), [x, scale, zero]);
  expect([...found.keys()]).toEqual([x]);
});
