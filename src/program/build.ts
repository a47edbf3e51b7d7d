import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { kernels } from '../kernels/list.ts';
import { records } from '../kernels/records.ts';
import type { Address, Step } from '../ops/step.ts';
import { type Budget, checkBudget, mostBytes } from '../plan/budget.ts';
import type { Lifetimes } from '../plan/lifetimes.ts';
import { type MemoryPlan, methodMemory } from '../plan/report.ts';
import { type Method, type Program, pagesOf, type Slot, type StateSlot } from './format.ts';
import { addressOf, type Layout, layOut, recordBytes } from './layout.ts';
import { type LoweredMethod, lowerMethod } from './lower.ts';

export interface BuildOptions {
  readonly name: string;
  readonly budget?: Budget | undefined;
}

/** Bytes of the largest linear memory with 32-bit addresses. */
const ADDRESSABLE = 2 ** 32 - 2 ** 16;

/** A program with what a person wants to know of its memory. */
export interface Built {
  readonly program: Program;
  readonly memory: MemoryPlan;
  readonly methods: Readonly<Record<string, LoweredMethod>>;
}

/** Methods with a place for everything. */
interface Placed {
  readonly lowered: readonly LoweredMethod[];
  readonly layout: Layout;
}

/** @param room bytes of arena above which layers have less scratch. */
function placed(graphs: readonly Graph[], room?: number): Placed {
  const lowered = graphs.map((graph) => lowerMethod(graph, room));
  // Records hold final addresses, and the static region comes first, so their bytes must be known before any address is.
  return { lowered, layout: layOut(lowered, staticBytesOf(lowered)) };
}

/** As fast as fits into `most` bytes, or else as small as can be. */
function fitting(graphs: readonly Graph[], most: number): Placed {
  const fast = placed(graphs);
  const over = fast.layout.totalBytes - most;
  if (over <= 0) return fast;
  const room = fast.layout.regions.arena.bytes - over;
  if (room > 0) {
    const tight = placed(graphs, room);
    if (tight.layout.totalBytes <= most) return tight;
  }
  const least = placed(graphs, 0);
  // Bands of chains have records, which may outweigh what they save. Placing orders the nodes, so the fast way is placed again.
  return least.layout.totalBytes < fast.layout.totalBytes ? least : placed(graphs);
}

/**
 * Plans and encodes `graphs` as the methods of one program; the graph's name is the method's.
 * @throws BUDGET before anything is instantiated, where the exact bytes exceed `budget`.
 */
export function build(graphs: readonly Graph[], { name, budget }: BuildOptions): Built {
  const { lowered, layout } = fitting(graphs, mostBytes(budget));
  const records = new RecordTable();
  const kernelNames = [...new Set(lowered.flatMap((method) => allSteps(method).map(({ step }) => step.kernel)))].sort();
  const methods = Object.fromEntries(
    lowered.map((method) => [method.graph.name, encodeMethod(method, layout, kernelNames, records)] as const),
  );
  const { regions, totalBytes } = layout;
  if (!(totalBytes <= ADDRESSABLE)) {
    throw new ThimbleError('SHAPE', `"${name}" needs ${totalBytes} bytes`, {
      expected: `at most ${ADDRESSABLE}, what 32-bit addresses reach`,
    });
  }
  const image = new Uint8Array(regions.io.address);
  image.set(records.bytes(), regions.static.address);
  for (const [data, address] of layout.constants) image.set(bytesOf(data), address);
  for (const [variable, address] of layout.variables) image.set(bytesOf(variable.initial()), address);
  const program = { name, regions, totalBytes, kernels: kernelNames, methods, state: stateSlots(layout), image };
  const memory = memoryPlan(program, lowered);
  if (budget !== 'least') checkBudget(memory, mostBytes(budget));
  return { program, memory, methods: Object.fromEntries(lowered.map((method) => [method.graph.name, method])) };
}

function memoryPlan(program: Program, methods: readonly LoweredMethod[]): MemoryPlan {
  const { static: records, const: constants, state, io, arena } = program.regions;
  return {
    name: program.name,
    totalBytes: program.totalBytes,
    pages: pagesOf(program),
    small: methods.some(({ small }) => small),
    regions: { static: records.bytes, const: constants.bytes, state: state.bytes, io: io.bytes, arena: arena.bytes },
    methods: methods.map(({ graph, lifetimes, arenaBytes }) => methodMemory(graph, lifetimes, arenaBytes)),
  };
}

const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The kernel calls of a method in order, each with its node. */
export function allSteps({ graph, lowered }: LoweredMethod): { node: Node; step: Step }[] {
  return graph.nodes.flatMap((node) => (lowered.get(node)?.steps ?? []).map((step) => ({ node, step })));
}

const staticBytesOf = (methods: readonly LoweredMethod[]): number =>
  methods.flatMap(allSteps).reduce((sum, { step }) => sum + recordBytes(step.kernel), 0);

/** Records side by side. */
class RecordTable {
  readonly #words: number[] = [];

  /** Appends a record's words and returns its byte offset. */
  add(words: readonly number[]): number {
    const offset = this.#words.length * 4;
    this.#words.push(...words);
    return offset;
  }

  bytes(): Uint8Array {
    return new Uint8Array(Uint32Array.from(this.#words).buffer);
  }
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

function encodeMethod(method: LoweredMethod, layout: Layout, kernelNames: readonly string[], table: RecordTable): Method {
  const { graph, lifetimes } = method;
  const calls = allSteps(method).flatMap(({ node, step }) => {
    const words = Object.entries(records[kernels[step.kernel]]).map(([field, type]) => {
      const given = step.fields[field] as Address | number;
      if (typeof given !== 'number') return resolve(given, node, lifetimes, layout);
      if (type !== 'f32') return given >>> 0;
      float[0] = given;
      return floatBits[0] as number;
    });
    return [kernelNames.indexOf(step.kernel), layout.regions.static.address + table.add(words)];
  });
  const slot = (kind: 'input' | 'output', name: string, value: Value): Slot => ({
    name,
    dtype: value.dtype,
    shape: value.shape,
    address: layout.io[kind].get(name) as number,
  });
  return {
    inputs: graph.inputs.map((value) => slot('input', value.name, value)),
    outputs: graph.outputs.map(({ name, value }) => slot('output', name, value)),
    calls,
  };
}

function resolve({ base, offset }: Address, node: Node, lifetimes: Lifetimes, layout: Layout): number {
  if ('scratch' in base) {
    const buffer = lifetimes.scratch.get(node)?.[base.scratch];
    return layout.regions.arena.address + (buffer as { offset: number }).offset + offset;
  }
  const storage = lifetimes.storage.get(base);
  if (!storage) throw new Error(`"${base.name}" has no storage`);
  return addressOf(layout, storage) + offset;
}

const stateSlots = (layout: Layout): StateSlot[] =>
  [...layout.variables].map(([{ name, dtype, shape, role, layout: kind, logicalShape }, address]) => ({
    name,
    dtype,
    shape,
    address,
    role,
    layout: kind,
    logicalShape,
  }));
