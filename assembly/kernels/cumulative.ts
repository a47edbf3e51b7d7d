// Running sums and products along the middle axis of [outer, length, inner], column by column in the order of the axis. y may be x.
import { Cumulative } from '../records';

@inline
function each<T>(r: Cumulative, product: bool): void {
  const stride = (<usize>r.inner) << 2;
  const length = <usize>r.length;
  const step = r.reverse ? 0 - stride : stride;
  const first = r.reverse && length ? (length - 1) * stride : 0;
  for (let o: usize = 0; o < r.outer; o++) {
    for (let c: usize = 0; c < stride; c += 4) {
      let at = o * length * stride + c + first;
      let total: T = <T>(product ? 1 : 0);
      for (let i: usize = 0; i < length; i++) {
        const before = total;
        total = product ? total * load<T>(r.x + at) : total + load<T>(r.x + at);
        store<T>(r.y + at, r.exclusive ? before : total);
        at += step;
      }
    }
  }
}

export function cumulative_sum_f32(r: Cumulative): void {
  each<f32>(r, false);
}
export function cumulative_prod_f32(r: Cumulative): void {
  each<f32>(r, true);
}
/** Wraps. */
export function cumulative_sum_i32(r: Cumulative): void {
  each<i32>(r, false);
}
/** Wraps. */
export function cumulative_prod_i32(r: Cumulative): void {
  each<i32>(r, true);
}
