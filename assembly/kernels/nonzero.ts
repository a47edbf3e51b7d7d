// The places of elements that are not 0, in row-major order; zeros after the last.
import { NonZero } from '../records';

@inline
function each<T>(r: NonZero): void {
  let found: usize = 0;
  const bytes = (<usize>r.length) << 2;
  for (let i: usize = 0; i < bytes; i += 4) {
    if (load<T>(r.x + i) != 0) {
      store<u32>(r.places + found, <u32>(i >> 2));
      found += 4;
    }
  }
  memory.fill(r.places + found, 0, bytes - found);
  store<u32>(r.count, <u32>(found >> 2));
}

export function nonzero_f32(r: NonZero): void {
  each<f32>(r);
}
export function nonzero_i32(r: NonZero): void {
  each<i32>(r);
}
