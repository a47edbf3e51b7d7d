import { describe, expect, it } from 'vitest';
import { packPanels, panelShape } from '../../src/core/panels.ts';
import { Random } from '../../src/core/random.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { gru, gruBefore, linear, lstm, rnn, slice, transpose } from '../../src/ops/index.ts';
import { joinSequences } from '../../src/passes/sequences.ts';
import { build } from '../../src/program/build.ts';
import { flavours, runKernels } from '../ops/lowering.ts';

const [DEPTH, UNITS] = [5, 9];
const cells = {
  rnn: { op: rnn, gates: 1, states: 1 },
  lstm: { op: lstm, gates: 4, states: 2 },
  gru: { op: gru, gates: 3, states: 1 },
  gruBefore: { op: gruBefore, gates: 3, states: 1 },
} as const;
type Cell = keyof typeof cells;

interface Layer {
  readonly batch: number;
  readonly steps: number;
  readonly reverse: boolean;
  readonly state: boolean;
}

/** A recurrent layer over [steps, batch, DEPTH] with its last step, of lstm the last cells too. `read` may read what the layer keeps, or xw. */
function layer(
  cell: Cell,
  { batch, steps, reverse, state }: Layer,
  read: (outputs: readonly Value[], xw: Value) => void = () => {},
): Graph {
  const { op, gates, states } = cells[cell];
  const random = new Random(11);
  const graph = new Graph('infer');
  const numbers = (...shape: number[]) => Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.uniform(-1, 1));
  const constant = (...shape: number[]) => graph.constant({ dtype: 'f32', shape, data: numbers(...shape) });
  const packed = (rows: number, columns: number) => {
    const data = packPanels(numbers(rows, columns), [rows, columns]);
    return graph.constant({ dtype: 'f32', shape: panelShape([rows, columns]), data });
  };
  const x = graph.input('x', { dtype: 'f32', shape: [steps, batch, DEPTH] });
  const xw = transpose(linear([x, packed(DEPTH, gates * UNITS), constant(gates * UNITS)], { units: gates * UNITS }), { perm: [1, 0, 2] });
  const weights = cell === 'gruBefore' ? [packed(UNITS, 2 * UNITS), packed(UNITS, UNITS)] : [packed(UNITS, gates * UNITS)];
  const bias = cell === 'gru' ? [constant(gates * UNITS)] : [];
  const first = Array.from({ length: state ? states : 0 }, () => constant(batch, UNITS));
  const outputs = op.all([xw, ...weights, ...bias, ...first], { units: UNITS, reverse });
  const last = (value: Value) => slice(value, { starts: [0, reverse ? 0 : steps - 1, 0], sizes: [batch, 1, UNITS] });
  graph.output('h', outputs[0] as Value);
  if (cell === 'lstm') graph.output('c', last(outputs[1] as Value));
  read(outputs, xw);
  return graph;
}

const operators = ({ nodes }: Graph): string[] => nodes.map(({ op }) => op);
const arenaBytes = (graph: Graph): number => build([graph], { name: 'test' }).memory.regions.arena;

describe.each(Object.keys(cells) as Cell[])('%s', (cell) => {
  it.each([
    { batch: 1, steps: 1, reverse: false, state: false },
    { batch: 1, steps: 20, reverse: true, state: true },
    { batch: 3, steps: 13, reverse: false, state: true },
    { batch: 8, steps: 7, reverse: true, state: false },
  ])('gives the same bits joined with its dense layer: %o', async (size) => {
    const x = Float32Array.from({ length: size.steps * size.batch * DEPTH }, (_, i) => Math.sin(i));
    const joined = joinSequences(layer(cell, size));
    expect(operators(joined)).toContain('recurrentSequence');
    expect(operators(joined)).not.toContain('linear');
    for (const flavour of flavours) {
      const got = await runKernels(layer(cell, size), { x }, flavour);
      const want = await runKernels(
        layer(cell, size, (_, xw) => xw.graph.output('xw', xw)),
        { x },
        flavour,
      );
      expect(got.h).toEqual(want.h);
      expect(got.c).toEqual(want.c);
    }
  });

  it('takes an arena that does not grow with the steps', () => {
    const [few, many] = [50, 500].map((steps) => arenaBytes(layer(cell, { batch: 1, steps, reverse: false, state: true }))) as [
      number,
      number,
    ];
    expect(many - few).toBe(0);
  });
});

it('keeps a layer apart whose gates are read, or the cells of another step', () => {
  const size = { batch: 2, steps: 4, reverse: false, state: false };
  const gates = layer('lstm', size, ([, , value]) => (value as Value).graph.output('gates', value as Value));
  const cellsOfFirst = layer('lstm', size, ([, value]) => {
    (value as Value).graph.output('first', slice(value as Value, { starts: [0, 0, 0], sizes: [2, 1, UNITS] }));
  });
  for (const graph of [gates, cellsOfFirst]) expect(operators(joinSequences(graph))).toContain('lstm');
});
