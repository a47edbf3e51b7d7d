import { expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import * as ops from '../../src/ops/index.ts';
import { ARITHMETICS, type Arithmetic } from '../../src/ops/requantize.ts';
import { prune } from '../../src/passes/prune.ts';
import { joinTables } from '../../src/passes/tables.ts';
import { runReference } from '../ops/lowering.ts';

const SHAPE = [3, 5, 20];

/** A graph of random 8-bit operators on one input, or on two. */
function randomGraph(seed: number, inputs: number): Graph {
  const graph = new Graph('infer');
  const random = new Random(seed);
  const whole = (low: number, high: number) => Math.floor(random.uniform(low, high));
  const byte = (shape: readonly number[], length: number): Value =>
    graph.constant({ dtype: 'i8', shape, data: Int8Array.from({ length }, () => whole(-128, 128)) });
  const values = Array.from({ length: inputs }, (_, i) => graph.input(`x${i}`, { dtype: 'i8', shape: SHAPE }));
  const one = () => values[whole(0, values.length)] as Value;
  for (let i = 0; i < 8; i++) {
    const attrs = { aZero: whole(-128, 128), bZero: whole(-128, 128), yZero: whole(-128, 128), rounding: 'float' as const, low: -120 };
    const scales = {
      aScale: random.uniform(0.1, 1.5),
      bScale: random.uniform(0.1, 1.5),
      subtract: i % 2 === 0,
      arithmetic: ARITHMETICS[i % 3] as Arithmetic,
    };
    const other = i % 3 === 0 ? byte(i % 2 ? [] : [1], 1) : one();
    const made = [
      () => ops.lookup([one(), byte([256], 256)]),
      () => ops.addInt8([one(), other], { ...attrs, ...scales }),
      () => ops.mulInt8([other, one()], { ...attrs, arithmetic: ARITHMETICS[i % 3] as Arithmetic, aScale: random.uniform(0.001, 0.02) }),
    ][whole(0, 3)] as () => Value;
    values.push(made());
  }
  graph.output('y', values.at(-1) as Value);
  graph.output('z', values.at(-3) as Value);
  return graph;
}

const results = (graph: Graph) => {
  const random = new Random(3);
  const data = () => Float64Array.from({ length: 300 }, () => Math.floor(random.uniform(-128, 128)));
  return runReference(graph, Object.fromEntries(graph.inputs.map(({ name }) => [name, data()])));
};

const joined = (graph: Graph): Graph => {
  const made = joinTables(graph);
  prune(made);
  return made;
};

test.each(Array.from({ length: 40 }, (_, i) => i))('operators on one 8-bit number are one table with the same bits (%i)', (seed) => {
  const graph = randomGraph(seed, 1);
  const made = joined(graph);
  const distinct = new Set(graph.outputs.map(({ value }) => value));
  expect(made.nodes.map(({ op }) => op)).toEqual(Array.from(distinct, () => 'lookup'));
  expect(results(made)).toEqual(results(graph));
});

test.each(Array.from({ length: 40 }, (_, i) => i))('what two numbers decide stays an operator of both (%i)', (seed) => {
  const graph = randomGraph(seed + 100, 2);
  expect(results(joined(graph))).toEqual(results(graph));
});

test('a vector beside a matrix is no number', () => {
  const graph = new Graph('infer');
  const x = graph.input('x', { dtype: 'i8', shape: SHAPE });
  const vector = graph.constant({ dtype: 'i8', shape: [20], data: new Int8Array(20).map((_, i) => i) });
  const attrs = { rounding: 'float' as const, aScale: 1, bScale: 1 };
  const small = graph.input('s', { dtype: 'i8', shape: [1] });
  graph.output('y', ops.addInt8([x, vector], attrs));
  graph.output(
    'z',
    ops.mulInt8([small, ops.lookup([small, graph.constant({ dtype: 'i8', shape: [256], data: new Int8Array(256) })])], {
      rounding: 'float',
      aScale: 0.1,
    }),
  );
  graph.output('w', ops.addInt8([small, x], attrs));
  expect(joined(graph).nodes.map(({ op }) => op)).toEqual(['addInt8', 'lookup', 'addInt8']);
});
