// Dot products of i8 whose operands both lie in rows.

/** Σ a b. */
export function dot(a: usize, b: usize, count: usize): i32 {
  let sum = 0;
  if (ASC_FEATURE_SIMD) {
    let sums = i32x4.splat(0);
    for (; count >= 8; count -= 8) {
      sums = i32x4.add(sums, i32x4.dot_i16x8_s(v128.load8x8_s(a), v128.load8x8_s(b)));
      a += 8;
      b += 8;
    }
    if (count >= 4) {
      const x = i16x8.extend_low_i8x16_s(v128.load32_zero(a)),
        y = i16x8.extend_low_i8x16_s(v128.load32_zero(b));
      sums = i32x4.add(sums, i32x4.dot_i16x8_s(x, y));
      a += 4;
      b += 4;
      count -= 4;
    }
    sums = i32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1));
    sum = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1);
  }
  for (; count; count--) {
    sum += <i32>load<i8>(a) * <i32>load<i8>(b);
    a++;
    b++;
  }
  return sum;
}
