import type { Attributes, Graph, Node } from '../ir/graph.ts';
import { rootOf } from '../ir/root.ts';
import { verify } from '../ir/verify.ts';
import { copy } from '../ops/copy.ts';
import { opOf } from '../ops/registry.ts';
import { LowerContext } from '../ops/step.ts';
import { prune } from '../passes/prune.ts';
import { schedule } from '../passes/schedule.ts';
import { joinSequences } from '../passes/sequences.ts';
import { type Lifetimes, lifetimes, liveBytes } from '../plan/lifetimes.ts';
import { place } from '../plan/place.ts';

type Lowering = ReadonlyMap<Node, LowerContext<Attributes>>;

/** A method lowered to kernel calls and placed in the arena, before addresses are final. */
export interface LoweredMethod {
  readonly graph: Graph;
  readonly lowered: Lowering;
  readonly lifetimes: Lifetimes;
  readonly arenaBytes: number;
  /** Whether a node has less scratch than it is fastest with. */
  readonly small: boolean;
}

/**
 * Prunes, joins recurrent layers, schedules, lowers and places one graph. Nodes that would need more than `room` bytes of arena with the scratch they are
 * fastest with have as little as they can; those that do not matter to the least arena stay fast.
 */
export function lowerMethod(given: Graph, room = Number.POSITIVE_INFINITY): LoweredMethod {
  for (const pass of [separateOutputs, prune]) {
    pass(given);
    verify(given, opOf);
  }
  const graph = joinSequences(given);
  if (graph !== given) verify(graph, opOf);
  const fast = lowerNodes(graph, false);
  const method = placed(graph, fast);
  if (method.arenaBytes <= room) return method;
  const small = lowerNodes(graph, true);
  const least = placed(graph, small);
  const most = Math.max(room, least.arenaBytes);
  const live = liveBytes(lifetimes(graph, opOf, scratchOf(fast)).buffers, graph.nodes.length);
  const tight = new Set(graph.nodes.filter((_, position) => (live[position] as number) > most));
  const mixed = new Map(graph.nodes.map((node) => [node, (tight.has(node) ? small : fast).get(node) as LowerContext<Attributes>]));
  return { ...placed(graph, mixed), small: tight.size > 0 };
}

function lowerNodes(graph: Graph, small: boolean): Lowering {
  return new Map(
    graph.nodes.map((node) => {
      const context = new LowerContext<Attributes>(node, small);
      opOf(node).lower(context);
      return [node, context];
    }),
  );
}

const scratchOf =
  (lowered: Lowering) =>
  (node: Node): number[] =>
    (lowered.get(node) as LowerContext<Attributes>).scratches.map(({ bytes }) => bytes);

/** Schedules the nodes, and places what they need. */
function placed(graph: Graph, lowered: Lowering): LoweredMethod {
  schedule(graph, scratchOf(lowered));
  verify(graph, opOf);
  const alive = lifetimes(graph, opOf, scratchOf(lowered));
  return { graph, lowered, lifetimes: alive, arenaBytes: place(alive.buffers), small: false };
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
