import { formatShape, sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from './graph.ts';

/** What the verifier must know of an operator; `ops/` satisfies it. */
export interface OpFacts {
  readonly mutates?: readonly number[];
}

/**
 * Checks the invariants every pass must keep, and throws an Error naming the first that is broken:
 * values belong to the graph, are written once and before they are read; constants have their data; outputs have distinct names;
 * a state value is updated at most once, and only after its last reader.
 */
export function verify(graph: Graph, facts: (node: Node) => OpFacts): void {
  const fail = (message: string): never => {
    throw new Error(`graph "${graph.name}" is broken: ${message}`);
  };
  const written = new Set<Value>(graph.inputs);
  const updatedBy = new Map<Value, Node>();
  const use = (value: Value, where: string) => {
    if (value.graph !== graph) fail(`${where} uses "${value.name}" of graph "${value.graph.name}"`);
    if (value.origin.kind === 'const' && value.origin.data.length !== sizeOf(value.shape)) {
      fail(`constant "${value.name}" has ${value.origin.data.length} elements for ${formatShape(value.shape)}`);
    }
    const needsWriter = value.origin.kind === 'node' || value.origin.kind === 'input';
    if (needsWriter && !written.has(value)) fail(`${where} reads "${value.name}" before it is written`);
    const updater = updatedBy.get(value);
    if (updater) fail(`${where} uses state "${value.name}" after "${updater.name}" updated it`);
  };
  for (const node of graph.nodes) {
    for (const value of node.inputs) use(value, `"${node.name}"`);
    for (const index of facts(node).mutates ?? []) {
      const value = node.inputs[index];
      if (value?.origin.kind !== 'state') fail(`"${node.name}" updates input ${index}, which is not state`);
      else updatedBy.set(value, node);
    }
    node.outputs.forEach((value, index) => {
      const { origin } = value;
      if (origin.kind !== 'node' || origin.node !== node || origin.index !== index)
        fail(`"${value.name}" does not know its producer "${node.name}"`);
      if (written.has(value)) fail(`"${value.name}" is written twice`);
      if (value.shape.some((n) => !Number.isInteger(n) || n < 0)) fail(`"${value.name}" has shape ${formatShape(value.shape)}`);
      written.add(value);
    });
  }
  const names = new Set<string>();
  for (const { name, value } of graph.outputs) {
    if (names.has(name)) fail(`two outputs are named "${name}"`);
    names.add(name);
    if (value.origin.kind !== 'state') use(value, `output "${name}"`);
  }
}
