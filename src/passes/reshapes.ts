import { type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { reshape } from '../ops/reshape.ts';
import { broadcasts, ELEMENTWISE } from './layout.ts';
import { type Rewriting, rewrite } from './rewrite.ts';

/**
 * Moves reshapes behind element-wise operators, where they meet other reshapes and vanish, and reshapes constants at once: so an operator
 * finds the product or the activation that it can join. One-dimensional convolutions are imported between reshapes.
 */
export function sinkReshapes(source: Graph): Graph {
  return rewrite(source, (node, inputs, to) => {
    const moved = node.op === 'reshape' ? [reshaped(inputs[0] as Value, (node.outputs[0] as Value).shape)] : behind(node, inputs, to);
    return moved;
  });
}

/** What `value` is a reshape of; itself where it is none. */
const baseOf = (value: Value): Value => {
  const node = producer(value);
  return node?.op === 'reshape' ? (node.inputs[0] as Value) : value;
};

function reshaped(value: Value, shape: Shape): Value {
  const base = baseOf(value);
  if (sameShape(base.shape, shape)) return base;
  if (base.origin.kind !== 'const') return reshape(base, { shape });
  return value.graph.constant({ dtype: base.dtype, shape, data: base.origin.data }, base.name);
}

/** An element-wise operator of reshaped operands as the reshape of the operator of what they were. */
function behind(node: Node, inputs: readonly Value[], to: Rewriting): readonly Value[] | undefined {
  if (!ELEMENTWISE.has(node.op) && !broadcasts(node)) return undefined;
  const [y] = node.outputs as [Value];
  const lead = inputs.find((input) => baseOf(input) !== input && sameShape(input.shape, y.shape));
  if (!lead) return undefined;
  const { shape } = baseOf(lead);
  const operands = inputs.map((input) => operandFor(input, y.shape, shape));
  if (!operands.every((operand) => operand !== undefined)) return undefined;
  return [reshaped(to.apply(node, operands)[0] as Value, y.shape)];
}

/** `input`, which broadcasts to `from`, as an operand that does the same for the elements in the shape `to`. */
function operandFor(input: Value, from: Shape, to: Shape): Value | undefined {
  if (sameShape(input.shape, from)) return sameShape(baseOf(input).shape, to) ? baseOf(input) : undefined;
  if (sizeOf(input.shape) === 1) return reshaped(input, []);
  const columns = input.shape.at(-1);
  const isRow = sizeOf(input.shape) === columns && columns === from.at(-1) && columns === to.at(-1);
  return isRow ? reshaped(input, [columns]) : undefined;
}
