// Rows of `updates` [count, inner] written to, or combined with, the rows of y [rows, inner] that `indices` name, in their order. y begins as a
// copy of x, and may be x. Updates with an index outside 0..rows-1 are dropped.
import { Scatter } from '../records';

const NONE = 0,
  ADD = 1,
  MUL = 2,
  MIN = 3;

@inline
function combined<T>(mode: u32, y: T, update: T): T {
  if (mode == NONE) return update;
  if (mode == ADD) return <T>(y + update);
  if (mode == MUL) return <T>(y * update);
  if (mode == MIN) return min<T>(y, update);
  return max<T>(y, update);
}

@inline
function each<T>(r: Scatter): void {
  const bytes = (<usize>r.inner) << 2;
  if (r.y != r.x) memory.copy(r.y, r.x, r.rows * bytes);
  for (let i: usize = 0; i < r.count; i++) {
    const row = load<u32>(r.indices + (i << 2));
    if (row >= r.rows) continue;
    const y = r.y + row * bytes,
      update = r.updates + i * bytes;
    for (let c: usize = 0; c < bytes; c += 4) store<T>(y + c, combined<T>(r.mode, load<T>(y + c), load<T>(update + c)));
  }
}

export function scatter_f32(r: Scatter): void {
  each<f32>(r);
}
export function scatter_i32(r: Scatter): void {
  each<i32>(r);
}
