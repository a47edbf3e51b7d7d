import { ThimbleError } from '../core/errors.ts';
import type { Graph, Node } from '../ir/graph.ts';
import { storedWeights } from './weights.ts';

/** The name a user knows a node by: that of its layer, or of the node in the file it came from. */
export function layerName({ name, op }: Node): string {
  const parts = name.split('/');
  return parts.length > 1 && parts.at(-1) === op ? parts.slice(0, -1).join('/') : name;
}

/** Whether `name` is meant by one of `patterns`: names, or with `*` for any characters; `block1/*` are all layers of block1. */
function isMeant(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`).test(name);
  });
}

/** Names that are listed in an error. */
const LISTED = 12;

/** Those of `names` that are like `pattern`, or else the first ones. */
function listed(names: readonly string[], pattern: string): string {
  const part = pattern.replaceAll('*', '').toLowerCase();
  const like = names.filter((name) => part && name.toLowerCase().includes(part));
  const first = (like.length ? like : names).slice(0, LISTED);
  const rest = names.length - first.length;
  return `${first.join(', ')}${rest ? ` or one of ${rest} others` : ''}; * stands for any characters`;
}

/**
 * The nodes that stay in float because `patterns` name them.
 * @throws INPUT for a pattern that no node with weights and no other node has.
 */
export function keptNodes(graph: Graph, patterns: readonly string[]): Set<Node> {
  for (const pattern of patterns) {
    if (graph.nodes.some((node) => isMeant(layerName(node), [pattern]))) continue;
    const names = [...new Set(graph.nodes.filter((node) => storedWeights(node)).map(layerName))];
    throw new ThimbleError('INPUT', `no layer "${pattern}" to keep in float`, { expected: listed(names, pattern) });
  }
  return new Set(graph.nodes.filter((node) => isMeant(layerName(node), patterns)));
}
