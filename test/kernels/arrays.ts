import type { KernelName, kernels } from '../../src/kernels/list.ts';
import type { records } from '../../src/kernels/records.ts';
import type { Flavour } from '../../src/runtime/flavour.ts';
import { flavours, KernelRunner } from './harness.ts';

export type Buffer = Float32Array | Int32Array | Uint32Array | Int8Array | Uint8Array;

type Fields<K extends KernelName> = (typeof records)[(typeof kernels)[K]];

/** The fields of kernel K's record, with an array (or 0 for "absent") for each address. One array in two fields is one buffer. */
export type Arguments<K extends KernelName> = { readonly [F in keyof Fields<K>]: Fields<K>[F] extends 'ptr' ? Buffer | 0 : number };

/** Runs kernels on arrays, on several flavours. Scalar and simd must give the same bits; relaxed may round its f32 results otherwise. */
export class Kernels {
  readonly #runners: readonly (readonly [Flavour, KernelRunner])[];

  private constructor(runners: readonly (readonly [Flavour, KernelRunner])[]) {
    this.#runners = runners;
  }

  /**
   * @param pages memory of 64 KiB pages.
   * @param only these flavours; else all that this host has.
   */
  static async load(pages?: number, only?: readonly Flavour[]): Promise<Kernels> {
    const chosen = only ?? (await flavours());
    return new Kernels(await Promise.all(chosen.map(async (flavour) => [flavour, await KernelRunner.load(flavour, pages)] as const)));
  }

  /** Calls `kernel` and writes what the first flavour leaves in its buffers back into the arrays. @throws where another flavour differs. */
  call<K extends KernelName>(kernel: K, args: Arguments<K>): void {
    const fields: Readonly<Record<string, Buffer | number>> = args;
    const arrays = new Set(Object.values(fields).filter((value) => typeof value !== 'number'));
    let first: Map<Buffer, Buffer> | undefined;
    for (const [flavour, runner] of this.#runners) {
      runner.reset();
      const addresses = new Map([...arrays].map((array) => [array, runner.alloc(array)]));
      const record = Object.entries(fields).map(([field, value]) => [field, typeof value === 'number' ? value : addresses.get(value)]);
      runner.call(kernel, Object.fromEntries(record));
      const results = new Map([...addresses].map(([array, address]) => [array, read(runner, address, array)]));
      first ??= results;
      for (const [field, value] of Object.entries(fields)) {
        if (typeof value !== 'number') expectSame(`${kernel}: ${field}`, flavour, first.get(value) as Buffer, results.get(value) as Buffer);
      }
    }
    for (const [array, result] of first ?? []) array.set(result);
  }
}

function read(runner: KernelRunner, address: number, like: Buffer): Buffer {
  if (like instanceof Float32Array) return runner.read(address, Float32Array, like.length);
  if (like instanceof Int32Array) return runner.read(address, Int32Array, like.length);
  if (like instanceof Int8Array) return runner.read(address, Int8Array, like.length);
  if (like instanceof Uint8Array) return runner.read(address, Uint8Array, like.length);
  return runner.read(address, Uint32Array, like.length);
}

/**
 * Any NaN equals any NaN: WebAssembly leaves their payload open. Relaxed f32 numbers differ by rounding at most: a few steps of the result's
 * size, or of the 1 that sums inside a kernel are of the size of.
 */
function expectSame(what: string, flavour: Flavour, want: Buffer, got: Buffer): void {
  const rounds = flavour === 'relaxed' && want instanceof Float32Array;
  const same = (a: number, b: number) => Object.is(a, b) || (rounds && Math.abs(a - b) <= 1e-6 * (1 + Math.abs(b)));
  const i = Array.prototype.findIndex.call(want, (value, at) => !same(value, got[at] as number));
  if (i >= 0) throw new Error(`${what}[${i}] is ${want[i]} in scalar, ${got[i]} in ${flavour}`);
}

/** `length` numbers in [low, high), the same for the same seed (xorshift32, G. Marsaglia 2003). */
export function random(length: number, seed = 1, low = -2, high = 2): Float32Array {
  let state = (seed * 7919 + length + 1) | 0;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return low + ((high - low) * (state >>> 0)) / 4294967296;
  });
}

/** Around every vector boundary, and two longer ones. */
export const lengths: readonly number[] = [...Array(18).keys(), 63, 1001];

/** |got - want| in units of the last place of an f32 of want's size; 0 for the same infinity or NaN. */
export function ulps(got: number, want: number): number {
  if (Object.is(got, Math.fround(want)) && !Number.isFinite(got)) return 0;
  const exponent = want === 0 ? -126 : Math.max(-126, Math.floor(Math.log2(Math.abs(want))));
  const error = Math.abs(got - want) / 2 ** (exponent - 23);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/** The largest |got - want| / (1 + |want|). */
export function worst(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let result = got.length === want.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [got[i] as number, want[i] as number];
    if (Object.is(a, b)) continue;
    const error = Math.abs(a - b) / (1 + Math.abs(b));
    result = Math.max(result, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  }
  return result;
}
