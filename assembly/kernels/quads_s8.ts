// Products of quads of 8-bit numbers, and of pairs of 16-bit ones.

/** Whole quads of `length` numbers. */
@inline
export function quadsOf(length: usize): usize {
  return (length + 3) >> 2;
}

@inline
export function pairsOf(length: usize): usize {
  return (length + 1) >> 1;
}

@inline
export function dot(w: v128, x: v128, acc: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, x, acc);
  return unreachable();
}

@inline
export function wideDot(w: v128, x: v128, acc: v128): v128 {
  return i32x4.add(acc, i32x4.dot_i16x8_s(w, x));
}

/** Two columns in each vector, in two halves → four columns. */
@inline
export function pairs(v0: v128, v1: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(v0, v1, 0, 2, 4, 6), v128.shuffle<i32>(v0, v1, 1, 3, 5, 7));
}
