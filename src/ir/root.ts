import type { Node, Value } from './graph.ts';

/** What must be known of an operator to see through it; `ops/` satisfies it. */
export interface ViewFacts {
  /** Whether output 0 lies where input 0 does. */
  readonly view?: true;
}

/** What a value is a view of, views of views included: itself where it is none. */
export function rootOf(value: Value, facts: (node: Node) => ViewFacts): Value {
  let root = value;
  while (root.origin.kind === 'node' && facts(root.origin.node).view) root = root.origin.node.inputs[0] as Value;
  return root;
}
