import type { Graph, Value } from '../ir/graph.ts';
import { opOf } from '../ops/registry.ts';

/** Removes the nodes that neither an output nor an update of state needs. */
export function prune(graph: Graph): void {
  const needed = new Set<Value>(graph.outputs.map(({ value }) => value));
  graph.nodes = graph.nodes
    .reverse()
    .filter((node) => {
      const keep = (opOf(node).mutates?.length ?? 0) > 0 || node.outputs.some((value) => needed.has(value));
      if (keep) for (const value of node.inputs) needed.add(value);
      return keep;
    })
    .reverse();
}
