import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';

export interface Split {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/** Rows held back for testing: a share of all, drawn by `seed`; the same on every host. @throws INPUT for a share outside (0, 1). */
export function holdOut(rows: number, share: number, seed: number): Split {
  if (!(share > 0 && share < 1)) throw new ThimbleError('INPUT', `share ${share}`, { expected: 'a number between 0 and 1' });
  const order = new Random(seed).permutation(rows);
  const held = Math.round(rows * share);
  return { test: order.slice(0, held), train: order.slice(held) };
}

/** The `rows` of row-major data, `size` elements each. */
export function takeRows<T extends Float32Array | Int32Array>(data: T, size: number, rows: Uint32Array): T {
  const taken = new (data.constructor as new (n: number) => T)(rows.length * size);
  rows.forEach((row, i) => {
    taken.set(data.subarray(row * size, (row + 1) * size), i * size);
  });
  return taken;
}
