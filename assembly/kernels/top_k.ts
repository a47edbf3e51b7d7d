// The k largest or smallest elements along the middle axis of [outer, length, inner], in order; of equal elements the first comes first.
import { TopK } from '../records';
import { countRows, orderKey_f32, sortRows } from './order';

/** Word 0 of the scratch is the first of [length] keys, then [length] row numbers, then as much room to sort. */
@inline
function each<T>(r: TopK): void {
  const bytes = (<usize>r.length) << 2;
  const order = r.scratch + bytes;
  for (let o: usize = 0; o < r.outer; o++) {
    for (let c: usize = 0; c < r.inner; c++) {
      const column = r.x + ((o * r.length * r.inner + c) << 2);
      for (let i: usize = 0; i < r.length; i++) {
        const x = load<T>(column + ((i * r.inner) << 2));
        const key = isInteger<T>() ? <i32>x : orderKey_f32(<f32>x);
        store<i32>(r.scratch + (i << 2), r.largest ? ~key : key);
      }
      countRows(order, r.length);
      sortRows(r.scratch, order, order + bytes, r.length);
      for (let i: usize = 0; i < r.k; i++) {
        const row = load<u32>(order + (i << 2));
        const at = ((o * r.k + i) * r.inner + c) << 2;
        store<T>(r.values + at, load<T>(column + ((row * r.inner) << 2)));
        store<u32>(r.indices + at, row);
      }
    }
  }
}

export function top_k_f32(r: TopK): void {
  each<f32>(r);
}
export function top_k_i32(r: TopK): void {
  each<i32>(r);
}
