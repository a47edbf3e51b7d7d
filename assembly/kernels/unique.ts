// The distinct rows of [rows, columns].
import { Unique } from '../records';
import { countRows, orderKey_f32, sortRows } from './order';

@inline
function key<T>(at: usize): i32 {
  return isInteger<T>() ? <i32>load<T>(at) : orderKey_f32(<f32>load<T>(at));
}

@inline
function sameRow<T>(r: Unique, a: usize, b: usize): bool {
  const pitch = (<usize>r.columns) << 2;
  for (let c: usize = 0; c < pitch; c += 4) {
    if (key<T>(r.x + a * pitch + c) != key<T>(r.x + b * pitch + c)) return false;
  }
  return true;
}

/**
 * Rows are sorted column by column from the last to the first, so that equal ones are neighbours, the first of them in front; each run of
 * equals is a group. Scratch: [rows] keys, [rows] row numbers, [rows] room to sort.
 */
@inline
function each<T>(r: Unique): void {
  const rows = <usize>r.rows,
    bytes = rows << 2,
    pitch = (<usize>r.columns) << 2;
  const keys = r.scratch,
    order = keys + bytes,
    spare = order + bytes;
  countRows(order, rows);
  for (let c: usize = pitch; c > 0; c -= 4) {
    for (let i: usize = 0; i < rows; i++) store<i32>(keys + (i << 2), key<T>(r.x + i * pitch + c - 4));
    sortRows(keys, order, spare, rows);
  }
  memory.fill(r.values, 0, rows * pitch);
  memory.fill(r.first, 0, bytes);
  memory.fill(r.counts, 0, bytes);
  // spare[row] is the first row equal to it; keys[i] the first row of group i.
  let groups: usize = 0,
    leader: usize = 0;
  for (let i: usize = 0; i < rows; i++) {
    const row = <usize>load<u32>(order + (i << 2));
    if (!i || !sameRow<T>(r, leader, row)) {
      leader = row;
      store<u32>(keys + (groups << 2), <u32>row);
      groups++;
    }
    store<u32>(spare + (row << 2), <u32>leader);
  }
  if (!r.sorted) groups = leadersByPlace(keys, spare, rows);
  for (let g: usize = 0; g < groups; g++) {
    const row = <usize>load<u32>(keys + (g << 2));
    store<u32>(r.first + (g << 2), <u32>row);
    memory.copy(r.values + g * pitch, r.x + row * pitch, pitch);
    store<u32>(order + (row << 2), <u32>g);
  }
  for (let i: usize = 0; i < rows; i++) {
    const group = load<u32>(order + (load<u32>(spare + (i << 2)) << 2));
    store<u32>(r.inverse + (i << 2), group);
    const counted = r.counts + (group << 2);
    store<u32>(counted, load<u32>(counted) + 1);
  }
  store<u32>(r.count, <u32>groups);
}

/** Lists the rows that lead themselves, in their order; returns how many. */
function leadersByPlace(leaders: usize, leaderOf: usize, rows: usize): usize {
  let groups: usize = 0;
  for (let i: usize = 0; i < rows; i++) {
    if (load<u32>(leaderOf + (i << 2)) == <u32>i) store<u32>(leaders + (groups++ << 2), <u32>i);
  }
  return groups;
}

export function unique_f32(r: Unique): void {
  each<f32>(r);
}
export function unique_i32(r: Unique): void {
  each<i32>(r);
}
