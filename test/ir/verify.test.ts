import { expect, it } from 'vitest';
import { Graph } from '../../src/ir/graph.ts';
import { print } from '../../src/ir/print.ts';
import { verify } from '../../src/ir/verify.ts';
import { add } from '../../src/ops/add.ts';
import { accumulate } from '../../src/ops/optimizers.ts';
import { opOf } from '../../src/ops/registry.ts';
import { relu } from '../../src/ops/relu.ts';
import { hold } from '../../src/train/state.ts';

const f32 = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;

function example(): Graph {
  const graph = new Graph('example');
  const x = graph.input('x', f32(2, 3));
  const w = graph.state(hold({ name: 'w', role: 'parameter', shape: [2, 3] }).variable);
  const y = relu(add([x, w]));
  accumulate.node([w, y]);
  graph.output('y', y);
  return graph;
}

it('accepts a sound graph and prints it', () => {
  const graph = example();
  verify(graph, opOf);
  expect(print(graph)).toMatchInlineSnapshot(`
    "graph example(%0 f32[2,3] "x") {
      %2 f32[2,3] = add(%0, $w)  // add_0
      %3 f32[2,3] = relu(%2)  // relu_1
      accumulate($w, %3)  // accumulate_2
      return y: %3
    }"
  `);
});

it('finds a value that is read before it is written', () => {
  const graph = example();
  graph.nodes.reverse();
  expect(() => verify(graph, opOf)).toThrow(/before it is written|after .* updated/);
});

it('finds a state that is read after its update', () => {
  const graph = example();
  const [addition, activation, update] = graph.nodes as [never, never, never];
  graph.nodes = [addition, activation, update];
  const late = graph.append('relu', [graph.state([...graph.variables][0] as never)], {}, [f32(2, 3)]);
  expect(late.outputs).toHaveLength(1);
  expect(() => verify(graph, opOf)).toThrow(/uses state "w" after/);
});

it('finds values of another graph, double writes, wrong constants and double outputs', () => {
  const other = new Graph('other').input('x', f32(2));
  const foreign = new Graph('foreign');
  foreign.append('relu', [other], {}, [f32(2)]);
  expect(() => verify(foreign, opOf)).toThrow(/of graph "other"/);
  const twice = example();
  twice.nodes.push(twice.nodes[0] as never);
  expect(() => verify(twice, opOf)).toThrow(/after .* updated|written twice/);
  const constant = new Graph('constant');
  relu(constant.constant({ dtype: 'f32', shape: [3], data: new Float32Array(2) }));
  expect(() => verify(constant, opOf)).toThrow(/2 elements/);
  const outputs = example();
  outputs.output('y', outputs.inputs[0] as never);
  expect(() => verify(outputs, opOf)).toThrow(/two outputs/);
  const update = new Graph('update');
  accumulate.node([update.input('x', f32(2)), update.input('y', f32(2))]);
  expect(() => verify(update, opOf)).toThrow(/not state/);
});
