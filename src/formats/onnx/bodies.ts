import type { AttributeProto, GraphProto, NodeProto } from './proto.ts';

/** The nodes that `outputs` depend on, in file order. */
export function neededNodes(nodes: readonly NodeProto[], outputs: readonly string[]): NodeProto[] {
  const needed = new Set(outputs);
  const kept: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => name !== '' && needed.has(name))) continue;
    kept.push(node);
    for (const name of node.inputs) needed.add(name);
    for (const { graph } of node.attributes.values()) if (graph) for (const name of namesUsed(graph)) needed.add(name);
  }
  return kept.reverse();
}

function namesUsed(graph: GraphProto): string[] {
  return [
    ...graph.outputs.map(({ name }) => name),
    ...graph.nodes.flatMap(({ inputs, attributes }) => [
      ...inputs,
      ...[...attributes.values()].flatMap((attribute) => (attribute.graph ? namesUsed(attribute.graph) : [])),
    ]),
  ];
}

/** The body of a function with the attributes of a call: `actual` gives those that the body only names. */
export function withAttributes(nodes: readonly NodeProto[], actual: (name: string) => AttributeProto | undefined): NodeProto[] {
  const bound = (attribute: AttributeProto): AttributeProto | undefined => {
    if (attribute.reference) return actual(attribute.reference);
    const { graph } = attribute;
    return graph ? { ...attribute, graph: { ...graph, nodes: withAttributes(graph.nodes, actual) } } : attribute;
  };
  return nodes.map((node) => {
    const attributes = [...node.attributes].flatMap(([name, attribute]) => {
      const own = bound(attribute);
      return own ? [[name, own] as const] : [];
    });
    return { ...node, attributes: new Map(attributes) };
  });
}
