import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';

export interface Split {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/** Rows held back for testing: a share of all, drawn by `seed`; the same on every host. @throws INPUT for a share outside (0, 1). */
export function holdOut(rows: number, share: number, seed: number): Split {
  checkShare(share);
  const order = new Random(seed).permutation(rows);
  const held = Math.round(rows * share);
  return { test: order.slice(0, held), train: order.slice(held) };
}

/** As `holdOut`, in the rows' own order. */
export function drawn(rows: number, share: number, seed: number): Split {
  const { train, test } = holdOut(rows, share, seed);
  return { train: train.sort(), test: test.sort() };
}

/** As `drawn`, with the share taken of every class; a class of two rows or more is in both parts. */
export function stratified(labels: Int32Array, share: number, seed: number): Split {
  checkShare(share);
  const random = new Random(seed);
  const rows = new Map<number, number[]>();
  labels.forEach((label, row) => {
    const own = rows.get(label);
    if (own) own.push(row);
    else rows.set(label, [row]);
  });
  const test: number[] = [];
  const train: number[] = [];
  for (const label of [...rows.keys()].sort((a, b) => a - b)) {
    const own = rows.get(label) as number[];
    const order = random.permutation(own.length);
    const held = own.length < 2 ? 0 : Math.min(own.length - 1, Math.max(1, Math.round(own.length * share)));
    order.forEach((at, i) => {
      (i < held ? test : train).push(own[at] as number);
    });
  }
  return { train: Uint32Array.from(train).sort(), test: Uint32Array.from(test).sort() };
}

function checkShare(share: number): void {
  if (!(share > 0 && share < 1)) throw new ThimbleError('INPUT', `share ${share}`, { expected: 'a number between 0 and 1' });
}

/** The `rows` of row-major data, `size` elements each. */
export function takeRows<T extends Float32Array | Int32Array>(data: T, size: number, rows: Uint32Array): T {
  const taken = new (data.constructor as new (n: number) => T)(rows.length * size);
  rows.forEach((row, i) => {
    taken.set(data.subarray(row * size, (row + 1) * size), i * size);
  });
  return taken;
}
