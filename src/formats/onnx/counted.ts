import { ThimbleError } from '../../core/errors.ts';

/** Entries that a table computed at import may have. Tables of real models are smaller; a damaged size must not fill the memory. */
const MOST = 2 ** 22;

/** @throws SHAPE where a table computed at import would have more than 4 million entries. */
export function checkTable(entries: number): void {
  if (!(entries <= MOST)) throw new ThimbleError('SHAPE', `a table of ${entries} entries`, { expected: `at most ${MOST}` });
}

/** `entry(0)`, `entry(1)`, … @throws SHAPE as `checkTable`. */
export function table<T>(length: number, entry: (i: number) => T): T[] {
  checkTable(length);
  return Array.from({ length }, (_, i) => entry(i));
}

/** 0, 1, 2, … @throws SHAPE as `checkTable`. */
export const count = (length: number): number[] => table(length, (i) => i);
