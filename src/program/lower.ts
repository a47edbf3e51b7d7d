import type { Attributes, Graph, Node } from '../ir/graph.ts';
import { rootOf } from '../ir/root.ts';
import { verify } from '../ir/verify.ts';
import { copy } from '../ops/copy.ts';
import { opOf } from '../ops/registry.ts';
import { LowerContext } from '../ops/step.ts';
import { prune } from '../passes/prune.ts';
import { schedule } from '../passes/schedule.ts';
import { joinSequences } from '../passes/sequences.ts';
import { type Lifetimes, lifetimes } from '../plan/lifetimes.ts';
import { place } from '../plan/place.ts';

/** A method lowered to kernel calls and placed in the arena, before addresses are final. */
export interface LoweredMethod {
  readonly graph: Graph;
  readonly lowered: ReadonlyMap<Node, LowerContext<Attributes>>;
  readonly lifetimes: Lifetimes;
  readonly arenaBytes: number;
}

/** Prunes, joins recurrent layers, schedules, lowers and places one graph. */
export function lowerMethod(given: Graph): LoweredMethod {
  for (const pass of [separateOutputs, prune]) {
    pass(given);
    verify(given, opOf);
  }
  const graph = joinSequences(given);
  if (graph !== given) verify(graph, opOf);
  const lowered = new Map<Node, LowerContext<Attributes>>();
  for (const node of graph.nodes) {
    const context = new LowerContext<Attributes>(node);
    opOf(node).lower(context);
    lowered.set(node, context);
  }
  const scratchBytes = (node: Node) => (lowered.get(node) as LowerContext<Attributes>).scratches.map(({ bytes }) => bytes);
  schedule(graph, scratchBytes);
  verify(graph, opOf);
  const alive = lifetimes(graph, opOf, scratchBytes);
  return { graph, lowered, lifetimes: alive, arenaBytes: place(alive.buffers) };
}

/** Copies the outputs that would share memory with an input, a constant, a state or another output. */
function separateOutputs(graph: Graph): void {
  const roots = new Set();
  for (const output of graph.outputs) {
    const root = rootOf(output.value, opOf);
    if (root.origin.kind !== 'node' || roots.has(root)) output.value = copy(output.value);
    roots.add(root);
  }
}
