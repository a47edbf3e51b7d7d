import { alignUp } from '../core/bytes.ts';
import type { TypedArray } from '../core/dtype.ts';
import { byteLength, type TensorType } from '../core/tensor.ts';
import type { Variable } from '../ir/variable.ts';
import { kernels } from '../kernels/list.ts';
import { records } from '../kernels/records.ts';
import type { Storage } from '../plan/lifetimes.ts';
import { RESERVED_BYTES, type Region, type RegionName, regionNames } from './format.ts';
import type { LoweredMethod } from './lower.ts';

/** Bytes of kernel `name`'s record. */
export const recordBytes = (name: keyof typeof kernels): number => Object.keys(records[kernels[name]]).length * 4;

/** Where everything that outlives a node lies: offsets inside the regions first, then the regions side by side. */
export interface Layout {
  readonly regions: Readonly<Record<RegionName, Region>>;
  readonly totalBytes: number;
  readonly constants: ReadonlyMap<TypedArray, number>;
  readonly variables: ReadonlyMap<Variable, number>;
  readonly io: Readonly<Record<'input' | 'output', ReadonlyMap<string, number>>>;
}

/** Lays out the five regions of a program. Methods share constants, state, io slots of one name (an input and an output of one method have their own), and the arena. */
export function layOut(methods: readonly LoweredMethod[], staticBytes: number): Layout {
  const constants = new Offsets<TypedArray>();
  const equal = new EqualConstants();
  const variables = new Offsets<Variable>();
  const slots = new IoSlots(methods);
  for (const { graph } of methods) {
    for (const node of graph.nodes) {
      for (const { origin } of node.inputs) {
        if (origin.kind === 'const') constants.add(equal.first(origin.data), origin.data.byteLength);
      }
    }
    for (const variable of graph.variables) variables.add(variable, byteLength(variable));
    for (const value of graph.inputs) slots.add('input', value.name, value);
    for (const { name, value } of graph.outputs) slots.add('output', name, value);
  }
  const io = slots.offsets();

  const sizes: Record<RegionName, number> = {
    static: alignUp(staticBytes),
    const: constants.bytes,
    state: variables.bytes,
    io: io.bytes,
    arena: Math.max(0, ...methods.map((method) => method.arenaBytes)),
  };
  let address = RESERVED_BYTES;
  const regions = {} as Record<RegionName, Region>;
  for (const name of regionNames) {
    regions[name] = { address, bytes: sizes[name] };
    address += sizes[name];
  }
  return {
    regions,
    totalBytes: address,
    constants: equal.all(constants.from(regions.const.address)),
    variables: variables.from(regions.state.address),
    io: slots.addresses(io.from(regions.io.address)),
  };
}

interface IoSlot {
  bytes: number;
}

/** Inputs and outputs by name, each as large as the largest of that name. */
class IoSlots {
  readonly #slots = new Set<IoSlot>();
  readonly #named = { input: new Map<string, IoSlot>(), output: new Map<string, IoSlot>() };
  /** Names that one method has for an input and for an output: results are written while inputs are still read. */
  readonly #apart: ReadonlySet<string>;

  constructor(methods: readonly LoweredMethod[]) {
    const both = ({ graph: { inputs, outputs } }: LoweredMethod) =>
      inputs.filter((input) => outputs.some(({ name }) => name === input.name));
    this.#apart = new Set(methods.flatMap(both).map(({ name }) => name));
  }

  add(kind: 'input' | 'output', name: string, type: TensorType): void {
    const other = this.#apart.has(name) ? undefined : this.#named[kind === 'input' ? 'output' : 'input'].get(name);
    const slot = this.#named[kind].get(name) ?? other ?? { bytes: 0 };
    slot.bytes = Math.max(slot.bytes, byteLength(type));
    this.#named[kind].set(name, slot);
    this.#slots.add(slot);
  }

  offsets(): Offsets<IoSlot> {
    const offsets = new Offsets<IoSlot>();
    for (const slot of this.#slots) offsets.add(slot, slot.bytes);
    return offsets;
  }

  addresses(of: ReadonlyMap<IoSlot, number>): Layout['io'] {
    const addresses = (named: ReadonlyMap<string, IoSlot>) => new Map([...named].map(([name, slot]) => [name, of.get(slot) as number]));
    return { input: addresses(this.#named.input), output: addresses(this.#named.output) };
  }
}

/** Constants of the same bytes, which lie in one place: loops that are unrolled have theirs anew in each round. */
class EqualConstants {
  readonly #firsts = new Map<TypedArray, TypedArray>();
  readonly #byLength = new Map<number, TypedArray[]>();

  /** The first of those that equal `data`. */
  first(data: TypedArray): TypedArray {
    const known = this.#firsts.get(data);
    if (known) return known;
    const candidates = this.#byLength.get(data.byteLength) ?? [];
    this.#byLength.set(data.byteLength, candidates);
    const first = candidates.find((other) => sameBytes(other, data)) ?? data;
    if (first === data) candidates.push(data);
    this.#firsts.set(data, first);
    return first;
  }

  /** Addresses of all, from those of the first ones. */
  all(addresses: ReadonlyMap<TypedArray, number>): Map<TypedArray, number> {
    return new Map([...this.#firsts].map(([data, first]) => [data, addresses.get(first) as number]));
  }
}

function sameBytes(a: TypedArray, b: TypedArray): boolean {
  const [x, y] = [a, b].map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)) as [
    Uint8Array,
    Uint8Array,
  ];
  return x.every((byte, i) => byte === y[i]);
}

/** Hands out aligned offsets, one per key. */
class Offsets<K> {
  bytes = 0;
  readonly #offsets = new Map<K, number>();

  add(key: K, bytes: number): void {
    if (this.#offsets.has(key)) return;
    this.#offsets.set(key, this.bytes);
    this.bytes += alignUp(bytes);
  }

  from(address: number): Map<K, number> {
    return new Map([...this.#offsets].map(([key, offset]) => [key, address + offset]));
  }
}

/** Byte address of a value's storage. */
export function addressOf(layout: Layout, storage: Storage): number {
  switch (storage.kind) {
    case 'arena':
      return layout.regions.arena.address + storage.buffer.offset;
    case 'input':
    case 'output':
      return layout.io[storage.kind].get(storage.name) as number;
    case 'const':
      return layout.constants.get((storage.value.origin as { data: TypedArray }).data) as number;
    case 'state':
      return layout.variables.get((storage.value.origin as { variable: Variable }).variable) as number;
  }
}
