import { kernelBytes } from '../../src/hosts/kernels.ts';
import { type KernelName, kernels } from '../../src/kernels/list.ts';
import { records } from '../../src/kernels/records.ts';
import type { Flavour } from '../../src/runtime/flavour.ts';

type NumberArray = Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;
type NumberArrayConstructor<T extends NumberArray> = {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
};
type Fields<K extends KernelName> = { readonly [field in keyof (typeof records)[(typeof kernels)[K]]]: number };

const PAGE = 65536;
/** Between buffers, at least. */
const GUARD = 64;
/** Little endian 0xffffa5a5: a NaN as f32, so a stray read shows in the result, and a pattern no kernel writes by chance. */
const CANARY = [0xa5, 0xa5, 0xff, 0xff];

/** The flavours this host's engine accepts. Node 20 has no relaxed SIMD. */
export async function flavours(): Promise<Flavour[]> {
  const all: Flavour[] = ['scalar', 'simd', 'relaxed'];
  const accepted = await Promise.all(all.map(async (flavour) => WebAssembly.validate(await kernelBytes(flavour))));
  return all.filter((_, i) => accepted[i]);
}

export async function loadKernelModule(flavour: Flavour): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await kernelBytes(flavour));
}

/**
 * Runs single kernels in a memory of their own. Everything but the buffers holds a canary that is checked after each call: a write outside
 * the buffers fails the test. Fresh buffers hold the canary too (NaN as f32), so a kernel that reads before it writes shows.
 */
export class KernelRunner {
  readonly #memory: WebAssembly.Memory;
  readonly #exports: WebAssembly.Exports;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #canary: Uint8Array<ArrayBuffer>;
  #buffers: { start: number; end: number }[] = [];
  #top = GUARD;
  #limit = 0;

  /** @param pages memory of 64 KiB pages. */
  constructor(module: WebAssembly.Module, pages = 4) {
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#exports = new WebAssembly.Instance(module, { env: { memory: this.#memory } }).exports;
    this.#bytes = new Uint8Array(this.#memory.buffer as ArrayBuffer);
    this.#canary = new Uint8Array(pages * PAGE).map((_, i) => CANARY[i % 4] as number);
    this.reset();
  }

  static async load(flavour: Flavour, pages?: number): Promise<KernelRunner> {
    return new KernelRunner(await loadKernelModule(flavour), pages);
  }

  /** Frees all buffers. */
  reset(): void {
    this.#bytes.set(this.#canary);
    this.#buffers = [];
    this.#top = GUARD;
    this.#limit = this.#bytes.length;
  }

  /**
   * The address of a new buffer: a copy of `data`, or so many bytes of canary.
   * @param offset bytes past a 16-byte boundary.
   */
  alloc(data: NumberArray | number, offset = 0): number {
    const start = ceil16(this.#top) + offset;
    this.#top = this.#place(data, start) + GUARD;
    if (this.#top > this.#limit) throw new RangeError(`KernelRunner: ${this.#bytes.length} bytes are too few, give it more pages`);
    return start;
  }

  /** Like `alloc`, but the buffer ends where memory ends, so reading past it traps. Once per `reset`. */
  allocLast(data: NumberArray | number): number {
    if (this.#limit < this.#bytes.length) throw new Error('KernelRunner: only one buffer can be the last');
    const start = this.#bytes.length - (typeof data === 'number' ? data : data.byteLength);
    this.#limit = start - GUARD;
    this.#place(data, start);
    return start;
  }

  #place(data: NumberArray | number, start: number): number {
    const end = start + (typeof data === 'number' ? data : data.byteLength);
    if (typeof data !== 'number') this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start);
    this.#buffers.push({ start, end });
    return end;
  }

  /** Calls the kernel `name` with a record of `fields`. @throws where it wrote outside the buffers. */
  call<K extends KernelName>(name: K, fields: Fields<K>): void {
    const types = Object.entries(records[kernels[name]]);
    const given: Readonly<Record<string, number>> = fields;
    const unknown = Object.keys(given).filter((field) => !types.some(([known]) => known === field));
    if (unknown.length > 0) throw new Error(`${name}: record ${kernels[name]} has no field ${unknown.join(', ')}`);
    const kernel = this.#exports[name];
    if (typeof kernel !== 'function') throw new Error(`${name}: not exported`);

    const saved = { top: this.#top, buffers: this.#buffers.length };
    const record = this.alloc(types.length * 4);
    const view = new DataView(this.#bytes.buffer);
    types.forEach(([field, type], i) => {
      const value = given[field];
      if (value === undefined) throw new Error(`${name}: field ${field} is missing`);
      if (type === 'f32') view.setFloat32(record + i * 4, value, true);
      else view.setUint32(record + i * 4, value, true);
    });
    const before = this.#bytes.slice(record, record + types.length * 4);
    kernel(record);
    if (before.some((byte, i) => byte !== this.#bytes[record + i])) throw new Error(`${name} wrote to its record`);
    this.#checkCanary(name);

    this.#bytes.set(this.#canary.subarray(record, record + before.length), record);
    this.#buffers.length = saved.buffers;
    this.#top = saved.top;
  }

  /** A copy of `length` elements at `address`. */
  read<T extends NumberArray>(address: number, type: NumberArrayConstructor<T>, length: number): T {
    return new type(this.#bytes.slice(address, address + length * type.BYTES_PER_ELEMENT).buffer, 0, length);
  }

  #checkCanary(name: string): void {
    const gapEnds = [...this.#buffers].sort((a, b) => a.start - b.start);
    let gap = 0;
    for (const { start, end } of [...gapEnds, { start: this.#bytes.length, end: 0 }]) {
      if (!equal(this.#bytes.subarray(gap, start), this.#canary.subarray(gap, start))) {
        const at = this.#bytes.subarray(gap, start).findIndex((byte, i) => byte !== this.#canary[gap + i]);
        throw new Error(
          `${name} wrote outside its buffers, at address ${gap + at}; buffers: ${gapEnds.map((b) => `${b.start}..${b.end}`).join(' ')}`,
        );
      }
      gap = end;
    }
  }
}

const ceil16 = (address: number) => (address + 15) & ~15;
const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
