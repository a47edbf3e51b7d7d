import type { RefTensor } from './define.ts';

/** How two elements order: NaN is above all and equal to itself, -0 equals 0. */
export const compare = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : a < b ? -1 : Number(a > b);

/** How rows `a` and `b` of x [rows, columns] order: by the first column in which they differ. */
export function compareRows({ data, shape }: RefTensor, a: number, b: number): number {
  const columns = shape[1] as number;
  for (let c = 0; c < columns; c++) {
    const order = compare(data[a * columns + c] as number, data[b * columns + c] as number);
    if (order) return order;
  }
  return 0;
}
