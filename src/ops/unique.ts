import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, expectWords, type Op, type RefTensor } from './define.ts';
import { compareRows } from './order.ts';

export interface UniqueAttributes {
  /** Ascending, by the first column in which rows differ; else by first occurrence. */
  readonly sorted: boolean;
}

/**
 * The distinct rows of x [rows, columns] (f32 or i32): `values`, as x; `first`, the row where each occurs first; `inverse`, the place in `values`
 * of each row of x; `counts`, how often each occurs (all i32 [rows]); and how many there are, i32 [1]. What is after that many is 0.
 * NaN equals itself.
 */
export const unique: Op<UniqueAttributes> = defineOp<UniqueAttributes>({
  name: 'unique',
  attrs: { sorted: true },
  infer(inputs) {
    const { dtype } = expectWords(inputs, 0);
    const { shape } = expectInput(inputs, 0, dtype, 2);
    const perRow: TensorType = { dtype: 'i32', shape: shape.slice(0, 1) };
    return [{ dtype, shape }, perRow, perRow, perRow, { dtype: 'i32', shape: [1] }];
  },
  ref([given], { sorted }) {
    const x = given as RefTensor;
    const [rows, columns] = x.shape as [number, number];
    const leaders: number[] = [];
    const leaderOf = Array.from({ length: rows }, (_, row) => {
      const found = leaders.find((leader) => compareRows(x, leader, row) === 0);
      if (found === undefined) leaders.push(row);
      return found ?? row;
    });
    if (sorted) leaders.sort((a, b) => compareRows(x, a, b));
    const values = new Float64Array(rows * columns);
    leaders.forEach((row, i) => {
      values.set(x.data.subarray(row * columns, (row + 1) * columns), i * columns);
    });
    const first = new Float64Array(rows);
    first.set(leaders);
    const counts = new Float64Array(rows);
    counts.set(leaders.map((leader) => leaderOf.filter((other) => other === leader).length));
    return [values, first, Float64Array.from(leaderOf, (leader) => leaders.indexOf(leader)), counts, Float64Array.of(leaders.length)];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const [rows, columns] = shape as [number, number];
    ctx.step(dtype === 'i32' ? 'unique_i32' : 'unique_f32', {
      x: ctx.in(0),
      values: ctx.out(0),
      first: ctx.out(1),
      inverse: ctx.out(2),
      counts: ctx.out(3),
      count: ctx.out(4),
      scratch: ctx.scratch(3 * 4 * rows),
      rows,
      columns,
      sorted: ctx.attrs.sorted ? 1 : 0,
    });
  },
  grad: { none: 'which rows are equal changes in steps' },
  tolerance: 'exact',
});
