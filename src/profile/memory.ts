import { byteLength } from '../core/tensor.ts';
import { liveBytes, lowerBound } from '../plan/lifetimes.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { PAGE_BYTES, type Program, pagesOf } from '../program/format.ts';
import { layerOfVariable, type MethodPlan, type ProfiledBuffer } from './plan.ts';

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

/** Where every byte of `program` goes while the method of `plan` runs. */
export function profileMemory(program: Program, plan: MethodPlan): MemoryProfile {
  const { nodes, buffers } = plan;
  const live = liveBytes(buffers, nodes.length);
  const steps = nodes.map(
    ({ name, op, layer, movedBytes, macs }, i): ProfiledStep => ({
      node: name,
      op,
      layer,
      liveBytes: live[i] as number,
      movedBytes,
      macs,
    }),
  );
  const most = Math.max(0, ...live);
  const peakStep = Math.max(0, live.indexOf(most));
  const alive = buffers.filter(({ first, last }) => first <= peakStep && peakStep <= last).sort((a, b) => b.bytes - a.bytes);
  const { regions } = program;
  return {
    name: program.name,
    method: plan.name,
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
    layers: layersOf(program, plan, steps, alive),
    steps,
    buffers,
    arenaBytes: Math.max(0, ...buffers.map(({ offset, bytes }) => offset + bytes)),
    lowerBoundBytes: lowerBound(buffers),
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
  { constants }: MethodPlan,
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
  const known = new Set(steps.map(({ layer }) => layer));
  for (const slot of program.state) {
    if (slot.role !== 'counter') add(layerOfVariable(slot.name, slot.role, known), kindOfRole[slot.role], byteLength(slot));
  }
  for (const [layer, bytes] of Object.entries(constants)) add(layer, 'constants', bytes);
  for (const { layer, kind, bytes } of alive) add(layer, kind, bytes);
  return [...layers].map(([layer, entry]) => ({ layer, ...entry }));
}
