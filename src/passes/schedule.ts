import { byteLength } from '../core/tensor.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { rootOf } from '../ir/root.ts';
import { opOf } from '../ops/registry.ts';
import { lifetimes, lowerBound } from '../plan/lifetimes.ts';

/**
 * Orders the nodes for the least peak of live bytes. Two candidates: the order in which the graph was built, with updates of state moved up
 * to the moment their operands are complete; and a greedy order that always takes the ready node which grows memory least.
 * An update of state waits for all other readers of that state.
 */
export function schedule(graph: Graph, scratchBytes: (node: Node) => readonly number[]): void {
  const built = graph.nodes;
  const peak = (order: Node[]) => {
    graph.nodes = order;
    return lowerBound(lifetimes(graph, opOf, scratchBytes).buffers);
  };
  const updates = new Set(built.filter((node) => (opOf(node).mutates?.length ?? 0) > 0));
  const early = order(graph, built, (ready) => (updates.size && ready.find((node) => updates.has(node))) || (ready[0] as Node));
  const lean = order(graph, built, leastGrowth(built, scratchBytes));
  graph.nodes = peak(lean) < peak(early) ? lean : early;
}

type Pick = (ready: readonly Node[], remaining: ReadonlyMap<Value, number>) => Node;

/** Lists `built` in a valid order; `pick` chooses among the ready nodes, which it gets in built order. */
function order(graph: Graph, built: readonly Node[], pick: Pick): Node[] {
  const index = new Map(built.map((node, i) => [node, i]));
  const waiting = new Map<Node, number>();
  const followers = new Map<Node, Node[]>();
  const remaining = new Map<Value, number>();
  const follows = (node: Node, earlier: Node) => {
    if (node === earlier) return;
    waiting.set(node, (waiting.get(node) ?? 0) + 1);
    listed(followers, earlier, node);
  };
  const readers = new Map<Value, Node[]>();
  for (const node of built) {
    for (const value of new Set(node.inputs)) {
      remaining.set(value, (remaining.get(value) ?? 0) + 1);
      for (const seen of new Set([value, stateBehind(value)])) listed(readers, seen, node);
      if (value.origin.kind === 'node') follows(node, value.origin.node);
    }
  }
  for (const { value } of graph.outputs) remaining.set(value, Number.POSITIVE_INFINITY);
  for (const node of built) {
    for (const i of opOf(node).mutates ?? []) for (const reader of readers.get(node.inputs[i] as Value) ?? []) follows(node, reader);
  }
  const ready = built.filter((node) => !waiting.get(node));
  const result: Node[] = [];
  while (ready.length) {
    const node = pick(ready, remaining);
    ready.splice(ready.indexOf(node), 1);
    result.push(node);
    for (const value of new Set(node.inputs)) remaining.set(value, (remaining.get(value) as number) - 1);
    for (const next of followers.get(node) ?? []) {
      const left = (waiting.get(next) as number) - 1;
      waiting.set(next, left);
      if (left === 0) ready.splice(insertion(ready, next, index), 0, next);
    }
  }
  if (result.length !== built.length) throw new Error(`graph "${graph.name}" has a cycle, or an update that one of its readers depends on`);
  return result;
}

function listed<K>(lists: Map<K, Node[]>, key: K, node: Node): void {
  const list = lists.get(key);
  if (list) list.push(node);
  else lists.set(key, [node]);
}

/** The state that `value` is a view of; itself where it is none. */
function stateBehind(value: Value): Value {
  const root = rootOf(value, opOf);
  return root.origin.kind === 'state' ? root : value;
}

function insertion(ready: readonly Node[], node: Node, index: ReadonlyMap<Node, number>): number {
  const at = ready.findIndex((other) => (index.get(other) as number) > (index.get(node) as number));
  return at < 0 ? ready.length : at;
}

/** Picks the node with the smallest change of live bytes: outputs written minus operands that die. */
function leastGrowth(built: readonly Node[], scratchBytes: (node: Node) => readonly number[]): Pick {
  const scratch = new Map(built.map((node) => [node, scratchBytes(node).reduce((sum, bytes) => sum + bytes, 0)]));
  const growth = (node: Node, remaining: ReadonlyMap<Value, number>) => {
    if (opOf(node).view) return Number.NEGATIVE_INFINITY;
    let bytes = node.outputs.reduce((sum, value) => sum + byteLength(value), 0);
    for (const value of new Set(node.inputs)) {
      if (value.origin.kind === 'node' && remaining.get(value) === 1) bytes -= byteLength(value);
    }
    return bytes;
  };
  return (ready, remaining) => {
    let best = ready[0] as Node;
    let least = Number.POSITIVE_INFINITY;
    for (const node of ready) {
      const bytes = growth(node, remaining);
      if (bytes < least || (bytes === least && (scratch.get(node) as number) < (scratch.get(best) as number))) {
        best = node;
        least = bytes;
      }
    }
    return best;
  };
}
