import { expect } from 'vitest';
import type { KernelName, kernels } from '../../src/kernels/list.ts';
import type { records } from '../../src/kernels/records.ts';
import { worst } from './arrays.ts';
import { flavours, KernelRunner } from './harness.ts';

type Fields<K extends KernelName> = (typeof records)[(typeof kernels)[K]];
/** An array for an address, bytes of scratch as `{ bytes }`, or a number. */
type Arguments<K extends KernelName> = {
  readonly [F in keyof Fields<K>]: Fields<K>[F] extends 'ptr' ? Float32Array | { readonly bytes: number } | 0 : number;
};

const runners = await Promise.all((await flavours()).map(async (flavour) => ({ flavour, runner: await KernelRunner.load(flavour, 16) })));

/**
 * Runs a kernel of products on every flavour this host has and compares what it leaves in `output` with `want`. scalar and simd must give the
 * same bits; relaxed may round differently. Buffers start 0 to 12 bytes past a multiple of 16.
 * @param last ends where memory ends: a read past it traps, also one whose lanes do not reach the result.
 */
export function expectProduct<K extends KernelName>(
  kernel: K,
  args: Arguments<K>,
  output: Float32Array,
  want: Float64Array,
  last?: Float32Array,
): void {
  let scalar: Float32Array | undefined;
  for (const { flavour, runner } of runners) {
    runner.reset();
    let at = 0;
    let count = 0;
    const fields = Object.entries(args as Record<string, Float32Array | { bytes: number } | number>).map(([field, value]) => {
      if (typeof value === 'number') return [field, value];
      if (!(value instanceof Float32Array)) return [field, runner.alloc(value.bytes)];
      if (value === last) return [field, runner.allocLast(value)];
      count++;
      const address = runner.alloc(value === output ? output.byteLength : value, 4 * (count % 4));
      if (value === output) at = address;
      return [field, address];
    });
    runner.call(kernel, Object.fromEntries(fields));
    const got = runner.read(at, Float32Array, output.length);
    expect(
      worst(got, want),
      `${kernel}, ${flavour}, ${JSON.stringify(args, (_, v) => (v instanceof Float32Array ? v.length : v))}`,
    ).toBeLessThan(1e-4);
    if (flavour === 'scalar') scalar = got;
    if (flavour === 'simd')
      expect(new Uint32Array(got.buffer), `${kernel}: bits of simd`).toEqual(new Uint32Array((scalar as Float32Array).buffer));
  }
}

/** Whole numbers from `low` to `high` from a seed. */
export function draw(seed: number): (low: number, high: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return (low, high) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39) ^ (state >>> 15);
    return low + ((state >>> 8) % (high - low + 1));
  };
}

export const unlimited = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
