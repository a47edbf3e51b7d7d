// A stable merge sort of row numbers by 32-bit keys: what top-k and unique share.

/** An integer that orders as x does: -0 equals 0, NaN is above all and equal to itself. */
export function orderKey_f32(x: f32): i32 {
  if (x != x) return i32.MAX_VALUE;
  const bits = reinterpret<i32>(x + 0);
  return bits ^ ((bits >> 31) & i32.MAX_VALUE);
}

/** Merges the runs from[left, middle) and from[middle, right) of row numbers into `to`; of equal keys the left run's is first. */
function merge(keys: usize, from: usize, to: usize, left: usize, middle: usize, right: usize): void {
  let a = left,
    b = middle;
  for (let at = left; at < right; at++) {
    const isLeft =
      a < middle &&
      (b >= right || load<i32>(keys + (load<u32>(from + (a << 2)) << 2)) <= load<i32>(keys + (load<u32>(from + (b << 2)) << 2)));
    const next = isLeft ? a++ : b++;
    store<u32>(to + (at << 2), load<u32>(from + (next << 2)));
  }
}

/**
 * Sorts `order` [length], row numbers below `length`, by keys[row] (i32) ascending; rows of equal keys keep their order.
 * `spare` has room for as many.
 */
export function sortRows(keys: usize, order: usize, spare: usize, length: usize): void {
  let from = order,
    to = spare;
  for (let width: usize = 1; width < length; width <<= 1) {
    for (let left: usize = 0; left < length; left += width << 1) {
      merge(keys, from, to, left, min(left + width, length), min(left + (width << 1), length));
    }
    const other = from;
    from = to;
    to = other;
  }
  if (from != order) memory.copy(order, from, length << 2);
}

/** order[i] = i. */
export function countRows(order: usize, length: usize): void {
  for (let i: usize = 0; i < length; i++) store<u32>(order + (i << 2), <u32>i);
}
