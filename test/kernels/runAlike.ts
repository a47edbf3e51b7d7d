import { expect } from 'vitest';
import type { KernelName } from '../../src/kernels/list.ts';
import { flavours, KernelRunner } from './harness.ts';

const runners = await Promise.all((await flavours()).map(async (flavour) => ({ flavour, runner: await KernelRunner.load(flavour, 8) })));
export type Argument = Int8Array | Int32Array | Float32Array | { readonly bytes: number } | number;

/**
 * What `kernel` leaves in `y`, the same on every flavour. Buffers start 0 to 15 bytes past a multiple of 16; `last` ends where memory ends, so that
 * a read past it traps.
 */
export function runAlike(kernel: KernelName, args: Readonly<Record<string, Argument>>, y: Int8Array, last: Argument): void {
  let first: Int8Array | undefined;
  for (const { flavour, runner } of runners) {
    runner.reset();
    let at = 0;
    const fields = Object.entries<Argument>({ ...args, y }).map(([field, value], i) => {
      if (typeof value === 'number') return [field, value];
      if ('bytes' in value) return [field, runner.alloc(value.bytes)];
      if (value === last) return [field, runner.allocLast(value)];
      const address = runner.alloc(value === y ? y.byteLength : value, (5 * i) % 16);
      if (value === y) at = address;
      return [field, address];
    });
    runner.call(kernel, Object.fromEntries(fields));
    const got = runner.read(at, Int8Array, y.length);
    first ??= got;
    const differs = got.findIndex((value, i) => value !== first?.[i]);
    if (differs >= 0) expect.fail(`${kernel}: y[${differs}] is ${first[differs]} in scalar, ${got[differs]} in ${flavour}`);
  }
  y.set(first as Int8Array);
}
