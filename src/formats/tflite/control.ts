import type { Value } from '../../ir/graph.ts';
import { isConstant } from '../../ops/evaluate.ts';
import { where } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { type Binding, isOperand } from './operand.ts';
import { callOptions, compositeOptions, ifOptions, whileOptions } from './options.ts';

const bindings = (n: NodeContext, from: number): Binding[] => n.node.inputs.slice(from).map((_, i) => n.binding(from + i));

/** A constant condition takes one branch; otherwise both are computed and one is kept. */
function branch(n: NodeContext): Result {
  const { thenSubgraphIndex, elseSubgraphIndex } = n.options(ifOptions);
  const given = bindings(n, 1);
  const condition = n.i32(0);
  if (isConstant(condition)) return n.importer.subgraph(n.number(0) !== 0 ? thenSubgraphIndex : elseSubgraphIndex, given);
  const { variables } = n.importer;
  const [yes, no] = [thenSubgraphIndex, elseSubgraphIndex].map((index) => variables.without(() => n.importer.subgraph(index, given))) as [
    Binding[],
    Binding[],
  ];
  return yes.map((one, i) => {
    const other = no[i];
    if (!other || !isOperand(one) || !isOperand(other)) return n.refuse('branches that give handles or complex numbers');
    if (one.value.shape.join() !== other.value.shape.join()) return n.refuse('branches whose results differ in shape');
    return { ...one, value: n.wide([one.value, other.value], ([a, b]) => where([reshapedTo(condition, []), a as Value, b as Value])) };
  });
}

/** A loop whose condition is known at import is unrolled. */
function loop(n: NodeContext): Result {
  const { condSubgraphIndex, bodySubgraphIndex } = n.options(whileOptions);
  let state = bindings(n, 0);
  for (;;) {
    const [condition] = n.importer.subgraph(condSubgraphIndex, state);
    if (!condition || !isOperand(condition)) return n.refuse('a condition that is no tensor');
    const { value } = condition;
    if (!isConstant(value)) throw n.importer.needsConstant(value, 'the condition of a loop');
    if (value.origin.kind !== 'const' || value.origin.data[0] === 0) return state;
    state = n.importer.subgraph(bodySubgraphIndex, state);
  }
}

/** Subgraphs. */
export const control: Rows = {
  IF: branch,
  WHILE: loop,
  // Its name says what a faster kernel may do instead.
  STABLEHLO_COMPOSITE: (n) => n.importer.subgraph(n.options(compositeOptions).decompositionSubgraphIndex, bindings(n, 0)),
  CALL: (n) => n.importer.subgraph(n.options(callOptions).subgraph, bindings(n, 0)),
};
