import { type Graph, type Node, producer, type Value } from '../ir/graph.ts';
import type { LinearAttributes } from '../ops/linear.ts';
import type { RecurrentAttributes } from '../ops/recurrent.ts';
import { recurrentSequence, type SequenceCell } from '../ops/recurrentSequence.ts';
import { opOf } from '../ops/registry.ts';
import { reshape } from '../ops/reshape.ts';
import type { SliceAttributes } from '../ops/slice.ts';
import { type TransposeAttributes, transpose } from '../ops/transpose.ts';
import { prune } from './prune.ts';
import { rewrite, useCounts } from './rewrite.ts';

/** Recurrent operators. */
export const CELLS: readonly string[] = ['rnn', 'lstm', 'gru', 'gruBefore'] satisfies SequenceCell[];

/** A dense layer, and the nodes that put its rows in another order, last one first. */
interface Product {
  readonly linear: Node;
  readonly moves: readonly Node[];
}

/** Whether a node leaves the last axis of what it reads as it is. */
function movesRows({ op, attrs, inputs: [x], outputs: [y] }: Node): boolean {
  if (op === 'transpose') return (attrs as unknown as TransposeAttributes).perm.at(-1) === (x as Value).shape.length - 1;
  return op === 'reshape' && (x as Value).shape.at(-1) === (y as Value).shape.at(-1);
}

/** The dense layer that computes xw for `node` alone. */
function inputProduct(node: Node, uses: ReadonlyMap<Value, number>): Product | undefined {
  const moves: Node[] = [];
  for (let value = node.inputs[0] as Value; uses.get(value) === 1; ) {
    const before = producer(value);
    if (before?.op === 'linear') {
      const { low, high, residual } = before.attrs as unknown as LinearAttributes;
      const isPlain = low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY && !residual;
      return isPlain ? { linear: before, moves } : undefined;
    }
    if (!before || !movesRows(before)) return undefined;
    moves.push(before);
    value = before.inputs[0] as Value;
  }
  return undefined;
}

/** The input of the dense layer with its rows where those of its output go. */
function moved(x: Value, moves: readonly Node[]): Value {
  return moves.reduceRight((value, { op, attrs, outputs }) => {
    const { perm } = attrs as unknown as TransposeAttributes;
    // Where the axes of more than one row keep their order nothing moves.
    const rows = op === 'transpose' ? perm.slice(0, -1).filter((axis) => value.shape[axis] !== 1) : [];
    if (rows.some((axis, i) => axis < (rows[i - 1] ?? 0))) return transpose(value, { perm });
    return reshape(value, { shape: [...(outputs[0] as Value).shape.slice(0, -1), x.shape.at(-1) as number] });
  }, x);
}

/** Whether `reader` takes the last step of cells alone. */
function isLastStep(reader: Node, cells: Value, reverse: boolean): boolean {
  const { starts, sizes } = reader.attrs as unknown as SliceAttributes;
  const [batch, steps, units] = cells.shape as readonly [number, number, number];
  return reader.op === 'slice' && starts[1] === (reverse ? 0 : steps - 1) && sizes.join() === [batch, 1, units].join();
}

/** Whether nobody reads what `node` keeps for a backward pass, or of lstm's cells the last step alone. */
function keepsNothing(node: Node, graph: Graph, uses: ReadonlyMap<Value, number>): boolean {
  const { reverse } = node.attrs as unknown as RecurrentAttributes;
  return node.outputs.slice(1).every((value, i) => {
    const count = uses.get(value) ?? 0;
    if (count === 0 || node.op !== 'lstm' || i > 0) return count === 0;
    const readers = graph.nodes.filter(({ inputs }) => inputs.includes(value));
    return readers.length === count && readers.every((reader) => isLastStep(reader, value, reverse));
  });
}

/** Recurrent layers whose states nobody keeps, with the dense layers before them, in memory that does not depend on the number of steps. */
export function joinSequences(graph: Graph): Graph {
  if (!graph.nodes.some(({ op }) => CELLS.includes(op))) return graph;
  const uses = useCounts(graph);
  const cells = new Set<Value>();
  const joined = rewrite(graph, (node, inputs, to) => {
    // Equal nodes stay apart: what is computed again to save memory must not be kept instead.
    const same = () => to.target.named(node.name, () => opOf(node).all(inputs, node.attrs));
    if (CELLS.includes(node.op)) {
      const product = inputProduct(node, uses);
      if (!product || !keepsNothing(node, graph, uses)) return same();
      const cell = node.op as SequenceCell;
      const attrs = node.attrs as unknown as RecurrentAttributes;
      const [x, wx, given] = product.linear.inputs.map((value) => to.of(value)) as [Value, Value, Value?];
      const width = (node.inputs[0] as Value).shape[2] as number;
      const zeros = () => to.target.constant({ dtype: 'f32', shape: [width], data: new Float32Array(width) });
      const rest = inputs.slice(1);
      const behind = cell === 'gru' && rest.length === 1 ? [...rest, zeros()] : rest;
      const outputs = to.target.named(node.name, () =>
        recurrentSequence.all([moved(x, product.moves), wx, given ?? zeros(), ...behind], { ...attrs, cell }),
      );
      if (cell === 'lstm') cells.add(node.outputs[1] as Value);
      return outputs;
    }
    if (!cells.has(node.inputs[0] as Value)) return same();
    return [to.target.named(node.name, () => reshape(inputs[0] as Value, { shape: (node.outputs[0] as Value).shape }))];
  });
  prune(joined);
  return joined;
}
