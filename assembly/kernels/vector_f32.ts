// Pieces of rows: loads, stores and copies that never touch a byte outside.

/** acc + a * b; fused only in the relaxed flavour. */
@inline
export function madd(a: v128, b: v128, acc: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, acc);
  return f32x4.add(acc, f32x4.mul(a, b));
}

/** Keeps NaN. pmin and pmax are one instruction each; min and max take seven on x86 (measured: 1.3× on windows of 9). */
@inline
export function clamp(v: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(f32x4.pmax(v, low), high);
}

@inline
export function clamp1(v: f32, low: f32, high: f32): f32 {
  const raised = v < low ? low : v;
  return high < raised ? high : raised;
}

/** Lanes `from … from+3` of a row of `count` elements; lanes past the end are 0. */
export function loadPart(p: usize, from: usize, count: usize): v128 {
  p += from << 2;
  if (count >= from + 4) return v128.load(p);
  if (count == from + 3) return v128.load_lane<f32>(p + 8, v128.load64_zero(p), 2);
  if (count == from + 2) return v128.load64_zero(p);
  if (count == from + 1) return v128.load32_zero(p);
  return f32x4.splat(0);
}

/** Stores the first `count` (at most 8) lanes of v0, v1. */
export function storePart(p: usize, v0: v128, v1: v128, count: usize): void {
  if (count >= 4) {
    v128.store(p, v0);
    if (count == 8) {
      v128.store(p, v1, 16);
      return;
    }
    p += 16;
    count -= 4;
    v0 = v1;
  }
  if (count >= 2) {
    v128.store64_lane(p, v0, 0);
    if (count == 3) v128.store32_lane(p, v0, 2, 8);
  } else if (count == 1) v128.store32_lane(p, v0, 0);
}

/** Copies `count` f32 or i32. */
export function copyRow(to: usize, from: usize, count: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(to, v128.load(from));
      to += 16;
      from += 16;
    }
  }
  for (; count; count--) {
    store<i32>(to, load<i32>(from));
    to += 4;
    from += 4;
  }
}

/** Writes `count` zeros. */
export function zeroRow(to: usize, count: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(to, f32x4.splat(0));
      to += 16;
    }
  }
  for (; count; count--) {
    store<f32>(to, 0);
    to += 4;
  }
}

/** to[i] += from[i]. */
export function addRow(to: usize, from: usize, count: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
      to += 16;
      from += 16;
    }
  }
  for (; count; count--) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    to += 4;
    from += 4;
  }
}
