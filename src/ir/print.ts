import type { Attributes, Graph, Value } from './graph.ts';

const typed = (value: Value) => `%${value.id} ${value.dtype}[${value.shape.join(',')}]`;

function operand(value: Value): string {
  const { origin } = value;
  if (origin.kind === 'state') return `$${value.name}`;
  if (origin.kind === 'const') return origin.data.length === 1 ? String(origin.data[0]) : `#${value.name}[${value.shape.join(',')}]`;
  return `%${value.id}`;
}

function attributes(attrs: Attributes): string {
  const entries = Object.entries(attrs).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return entries.length ? ` {${entries.join(' ')}}` : '';
}

/**
 * The graph as text, a node a line:
 * `%4 f32[32,10] = linear(%0, $dense/kernel, $dense/bias) {units=10}  // dense/linear`. `$` marks state, `#` a constant.
 */
export function print(graph: Graph): string {
  const lines = [`graph ${graph.name}(${graph.inputs.map((v) => `${typed(v)} "${v.name}"`).join(', ')}) {`];
  for (const node of graph.nodes) {
    const left = node.outputs.length ? `${node.outputs.map(typed).join(', ')} = ` : '';
    lines.push(`  ${left}${node.op}(${node.inputs.map(operand).join(', ')})${attributes(node.attrs)}  // ${node.name}`);
  }
  lines.push(`  return ${graph.outputs.map(({ name, value }) => `${name}: ${operand(value)}`).join(', ')}`, '}');
  return lines.join('\n');
}
