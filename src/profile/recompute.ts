import { byteLength } from '../core/tensor.ts';
import { Graph, type Node, producer, type Value } from '../ir/graph.ts';
import { opOf } from '../ops/registry.ts';
import { lifetimes, lowerBound } from '../plan/lifetimes.ts';
import { recordBytes } from '../program/layout.ts';
import type { LoweredMethod } from '../program/lower.ts';

/** What recomputing activations would cost and save: an estimate, for no pass does it. */
export interface Recomputation {
  /** Parts of the forward pass; of all but the last only what later parts read is kept. */
  readonly segments: number;
  /** Most bytes alive at once, which placements reach. */
  readonly arenaBytes: number;
  /** Bytes of the records of the additional kernel calls. */
  readonly recordBytes: number;
  readonly extraMacs: number;
  readonly macs: number;
}

/**
 * The best of such schedules for a training step: its forward pass is cut into parts of about the same bytes, activations within a part are dropped and
 * computed again right before the backward pass needs the first of them (Chen et al. 2016, arXiv 1604.06174). Undefined where none needs less than now.
 */
export function recomputation(method: LoweredMethod): Recomputation | undefined {
  const { graph, lowered } = method;
  const count = partsOf(graph).forward.length;
  const macs = macsOf(graph.nodes);
  const now = lowerBound(method.lifetimes.buffers);
  let best: Recomputation | undefined;
  for (let segments = 2; segments <= Math.min(count, Math.ceil(3 * Math.sqrt(count))); segments++) {
    const { target, originals } = checkpointed(graph, segments);
    const scratch = (node: Node) => lowered.get(originals.get(node) as Node)?.scratches.map(({ bytes }) => bytes) ?? [];
    const arenaBytes = lowerBound(lifetimes(target, opOf, scratch).buffers);
    if (arenaBytes >= (best?.arenaBytes ?? now)) continue;
    const extra = recordBytesOf(target.nodes, method, originals) - recordBytesOf(graph.nodes, method);
    best = { segments, arenaBytes, recordBytes: extra, extraMacs: macsOf(target.nodes) - macs, macs };
  }
  return best;
}

const macsOf = (nodes: readonly Node[]): number =>
  nodes.reduce((sum, node) => sum + (opOf(node).macs?.(node.inputs, node.attrs, node.outputs) ?? 0), 0);

const recordBytesOf = (nodes: readonly Node[], { lowered }: LoweredMethod, originals?: ReadonlyMap<Node, Node>): number =>
  nodes.flatMap((node) => lowered.get(originals?.get(node) ?? node)?.steps ?? []).reduce((sum, { kernel }) => sum + recordBytes(kernel), 0);

/** The nodes that lead to the loss and the predictions, in order, and all others: the backward pass, updates, statistics. */
function partsOf({ nodes, outputs }: Graph): { forward: readonly Node[]; rest: readonly Node[] } {
  const found = new Set<Node>();
  const open = outputs.map(({ value }) => producer(value));
  while (open.length) {
    const node = open.pop();
    if (!node || found.has(node)) continue;
    found.add(node);
    open.push(...node.inputs.map(producer));
  }
  return { forward: nodes.filter((node) => found.has(node)), rest: nodes.filter((node) => !found.has(node)) };
}

/** `graph` with the forward pass in so many segments, and what each of its nodes is a copy of. The order of its nodes is the schedule. */
export function checkpointed(graph: Graph, segments: number): { readonly target: Graph; readonly originals: ReadonlyMap<Node, Node> } {
  const { forward, rest } = partsOf(graph);
  const segmentOf = segmentsOf(forward, segments);
  const kept = keptValues(graph, forward, segmentOf);
  const target = new Graph(graph.name);
  const originals = new Map<Node, Node>();
  const map = new Map<Value, Value>(graph.inputs.map((input) => [input, target.input(input.name, input)]));
  const mapped = (value: Value): Value => {
    const { origin } = value;
    let known = map.get(value);
    if (!known && origin.kind === 'const') known = target.constant({ ...value, data: origin.data }, value.name);
    if (!known && origin.kind === 'state') known = target.state(origin.variable);
    if (!known) throw new Error(`"${value.name}" is read before it is written`);
    map.set(value, known);
    return known;
  };
  const emit = (node: Node) => {
    const copy = target.named(node.name, () => target.append(node.op, node.inputs.map(mapped), node.attrs, node.outputs));
    originals.set(copy, node);
    node.outputs.forEach((output, i) => void map.set(output, copy.outputs[i] as Value));
  };
  for (const node of forward) emit(node);

  const dropped = (value: Value): number | undefined => {
    const segment = value.origin.kind === 'node' ? segmentOf.get(value.origin.node) : undefined;
    return segment === undefined || kept.has(value) ? undefined : segment;
  };
  const wanted = new Set(rest.flatMap(({ inputs }) => inputs).filter((value) => dropped(value) !== undefined));
  const done = new Set<number>();
  for (const node of rest) {
    for (const value of node.inputs) {
      const segment = dropped(value);
      if (segment === undefined || done.has(segment)) continue;
      done.add(segment);
      const needed = neededIn(segment, wanted, dropped);
      for (const earlier of forward) if (needed.has(earlier)) emit(earlier);
    }
    emit(node);
  }
  for (const { name, value } of graph.outputs) target.output(name, mapped(value));
  return { target, originals };
}

/** Segment of each forward node that can be computed again: those that change state cannot. */
function segmentsOf(forward: readonly Node[], segments: number): Map<Node, number> {
  const bytes = forward.map(({ outputs }) => outputs.reduce((sum, output) => sum + byteLength(output), 0));
  const total = bytes.reduce((sum, n) => sum + n, 0);
  let before = 0;
  const found = new Map<Node, number>();
  forward.forEach((node, i) => {
    const middle = before + (bytes[i] as number) / 2;
    before += bytes[i] as number;
    if (!opOf(node).mutates?.length) found.set(node, Math.min(segments - 1, Math.floor((middle / Math.max(1, total)) * segments)));
  });
  return found;
}

/** What is not dropped: values of the last segment, those that other segments read, and outputs of the graph. */
function keptValues({ outputs }: Graph, forward: readonly Node[], segmentOf: ReadonlyMap<Node, number>): Set<Value> {
  const last = Math.max(...segmentOf.values());
  const kept = new Set<Value>();
  for (const node of forward) {
    if (segmentOf.get(node) === last) for (const output of node.outputs) kept.add(output);
    for (const value of node.inputs)
      if (value.origin.kind === 'node' && segmentOf.get(value.origin.node) !== segmentOf.get(node)) kept.add(value);
  }
  for (const { value } of outputs) kept.add(value);
  return kept;
}

/** The nodes of `segment` that lead to its wanted values. */
function neededIn(segment: number, wanted: ReadonlySet<Value>, dropped: (value: Value) => number | undefined): Set<Node> {
  const needed = new Set<Node>();
  const open = [...wanted].filter((value) => dropped(value) === segment);
  for (let value = open.pop(); value; value = open.pop()) {
    if (value.origin.kind !== 'node' || needed.has(value.origin.node)) continue;
    needed.add(value.origin.node);
    open.push(...value.origin.node.inputs.filter((input) => dropped(input) === segment));
  }
  return needed;
}
