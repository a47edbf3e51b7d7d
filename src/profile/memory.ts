import { byteLength } from '../core/tensor.ts';
import type { Node } from '../ir/graph.ts';
import { opOf } from '../ops/registry.ts';
import type { MemoryPlan, MethodMemory } from '../plan/report.ts';
import { methodMemory } from '../plan/report.ts';
import { PAGE_BYTES, type Program, pagesOf } from '../program/format.ts';
import type { LoweredMethod } from '../program/lower.ts';

/** What bytes are for. The kinds of a profile add up to its total. */
export type Kind =
  | 'weights'
  | 'statistics'
  | 'optimizer'
  | 'counters'
  | 'streams'
  | 'constants'
  | 'records'
  | 'inputs and outputs'
  | 'activations'
  | 'gradients'
  | 'scratch'
  | 'free at the peak'
  | 'alignment';

/** A piece of the arena: where it lies, when it is alive, whose it is. */
export interface ProfiledBuffer {
  readonly label: string;
  readonly layer: string;
  readonly kind: 'activations' | 'gradients' | 'scratch';
  readonly bytes: number;
  readonly offset: number;
  /** Steps of the first write and the last use. */
  readonly first: number;
  readonly last: number;
}

/** One node of the method, in order. */
export interface ProfiledStep {
  readonly node: string;
  readonly op: string;
  readonly layer: string;
  /** Arena bytes alive while it runs. */
  readonly liveBytes: number;
  /** Bytes of its inputs and outputs, each once. */
  readonly movedBytes: number;
  readonly macs: number;
}

/** What belongs to a layer; of the arena, what is alive at the peak. */
export interface LayerBytes {
  readonly layer: string;
  readonly bytes: Readonly<Partial<Record<Kind, number>>>;
  readonly macs: number;
}

export interface MemoryProfile {
  readonly name: string;
  readonly method: string;
  readonly totalBytes: number;
  /** Bytes of the linear memory: whole pages. */
  readonly memoryBytes: number;
  readonly regions: MemoryPlan['regions'];
  readonly kinds: Readonly<Record<Kind, number>>;
  readonly layers: readonly LayerBytes[];
  readonly steps: readonly ProfiledStep[];
  readonly buffers: readonly ProfiledBuffer[];
  readonly arenaBytes: number;
  readonly lowerBoundBytes: number;
  readonly peak: { readonly step: number; readonly node: string; readonly bytes: number; readonly buffers: readonly ProfiledBuffer[] };
}

/** Layer of nodes that belong to none: the loss and what reduces it. */
const LOSS = 'loss';

/** Where every byte of `program` goes while the method of `lowered` runs. */
export function profileMemory(program: Program, lowered: LoweredMethod): MemoryProfile {
  const { graph, lifetimes, arenaBytes } = lowered;
  const plan: MethodMemory = methodMemory(graph, lifetimes, arenaBytes);
  const layerOf = (node: Node) => layerOfNode(node);
  const layers = new Map(graph.nodes.map((node) => [node.name, layerOf(node)]));
  const buffers = plan.buffers
    .filter(({ bytes }) => bytes > 0)
    .map((buffer): ProfiledBuffer => {
      const { label, bytes, offset, first, last } = buffer;
      const owner = label.replace(/ scratch \d+$/, '').replace(/:\d+$/, '');
      const kind = owner !== label && / scratch \d+$/.test(label) ? 'scratch' : label.includes('/grad/') ? 'gradients' : 'activations';
      return { label, layer: layers.get(owner) ?? layerOfName(owner), kind, bytes, offset, first, last };
    });
  const steps = graph.nodes.map((node, i): ProfiledStep => {
    const op = opOf(node);
    const moved = new Set([...node.inputs, ...node.outputs]);
    return {
      node: node.name,
      op: node.op,
      layer: layerOf(node),
      liveBytes: plan.live[i] as number,
      movedBytes: op.view ? 0 : [...moved].reduce((sum, value) => sum + byteLength(value), 0),
      macs: op.macs?.(node.inputs, node.attrs, node.outputs) ?? 0,
    };
  });
  const most = Math.max(0, ...plan.live);
  const peakStep = Math.max(0, plan.live.indexOf(most));
  const alive = buffers.filter(({ first, last }) => first <= peakStep && peakStep <= last).sort((a, b) => b.bytes - a.bytes);
  const { regions } = program;
  return {
    name: program.name,
    method: graph.name,
    totalBytes: program.totalBytes,
    memoryBytes: Math.max(1, pagesOf(program)) * PAGE_BYTES,
    regions: {
      static: regions.static.bytes,
      const: regions.const.bytes,
      state: regions.state.bytes,
      io: regions.io.bytes,
      arena: regions.arena.bytes,
    },
    kinds: kindsOf(program, alive),
    layers: layersOf(program, lowered, steps, alive),
    steps,
    buffers,
    arenaBytes,
    lowerBoundBytes: plan.lowerBoundBytes,
    peak: { step: peakStep, node: steps[peakStep]?.node ?? '', bytes: most, buffers: alive },
  };
}

const kindOfRole = {
  parameter: 'weights',
  statistic: 'statistics',
  moment: 'optimizer',
  counter: 'counters',
  stream: 'streams',
} as const satisfies Record<Program['state'][number]['role'], Kind>;

function kindsOf(program: Program, alive: readonly ProfiledBuffer[]): Record<Kind, number> {
  const { regions, state, totalBytes } = program;
  const ofRole = (kind: Kind) => state.filter(({ role }) => kindOfRole[role] === kind).reduce((sum, slot) => sum + byteLength(slot), 0);
  const ofArena = (kind: Kind) => alive.filter((buffer) => buffer.kind === kind).reduce((sum, { bytes }) => sum + bytes, 0);
  const kinds: Record<Kind, number> = {
    weights: ofRole('weights'),
    statistics: ofRole('statistics'),
    optimizer: ofRole('optimizer'),
    counters: ofRole('counters'),
    streams: ofRole('streams'),
    constants: regions.const.bytes,
    records: regions.static.bytes,
    'inputs and outputs': regions.io.bytes,
    activations: ofArena('activations'),
    gradients: ofArena('gradients'),
    scratch: ofArena('scratch'),
    'free at the peak': regions.arena.bytes - alive.reduce((sum, { bytes }) => sum + bytes, 0),
    alignment: 0,
  };
  kinds.alignment = totalBytes - Object.values(kinds).reduce((sum, bytes) => sum + bytes, 0);
  return kinds;
}

function layersOf(
  program: Program,
  { graph }: LoweredMethod,
  steps: readonly ProfiledStep[],
  alive: readonly ProfiledBuffer[],
): LayerBytes[] {
  const layers = new Map<string, { bytes: Partial<Record<Kind, number>>; macs: number }>();
  const of = (layer: string) => {
    let found = layers.get(layer);
    if (!found) {
      found = { bytes: {}, macs: 0 };
      layers.set(layer, found);
    }
    return found;
  };
  const add = (layer: string, kind: Kind, bytes: number) => {
    const entry = of(layer);
    entry.bytes[kind] = (entry.bytes[kind] ?? 0) + bytes;
  };
  for (const { layer, macs } of steps) of(layer).macs += macs;
  for (const slot of program.state) {
    if (slot.role !== 'counter') add(layerOfVariable(slot.name, slot.role), kindOfRole[slot.role], byteLength(slot));
  }
  const seen = new Set<unknown>();
  for (const node of graph.nodes) {
    for (const { origin } of node.inputs) {
      if (origin.kind !== 'const' || seen.has(origin.data)) continue;
      seen.add(origin.data);
      add(layerOfNode(node), 'constants', origin.data.byteLength);
    }
  }
  for (const { layer, kind, bytes } of alive) add(layer, kind, bytes);
  return [...layers].map(([layer, entry]) => ({ layer, ...entry }));
}

/** `dense/kernel` belongs to `dense`; a moment, `dense/kernel/momentum`, too. */
const layerOfVariable = (name: string, role: string): string =>
  name
    .split('/')
    .slice(0, role === 'moment' ? -2 : -1)
    .join('/') || name;

function layerOfNode(node: Node): string {
  const mutated = opOf(node).mutates?.length ? node.inputs.find(({ origin }) => origin.kind === 'state') : undefined;
  if (mutated?.origin.kind === 'state') {
    const { name, role } = mutated.origin.variable;
    return role === 'counter' ? LOSS : layerOfVariable(name, role);
  }
  return layerOfName(node.name);
}

/** Names are `layer/op`, and behind them the operators of its gradient; what has no layer belongs to the loss. */
function layerOfName(name: string): string {
  const forward = name.split('/grad/')[0] as string;
  const at = forward.lastIndexOf('/');
  return at > 0 ? forward.slice(0, at) : LOSS;
}
