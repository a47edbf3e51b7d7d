// Exact roundings of `requantize.ts` that keep more bits than a byte, four numbers at a time.

/** The low halves of the four i64 of two vectors. */
@inline
function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

/** `doublingHigh` of a and a multiplier that is not below 0. */
@inline
function doublingHighs(a: v128, multiplier: v128): v128 {
  const half = i64x2.splat((<i64>1) << 30);
  const low = i64x2.add(i64x2.extmul_low_i32x4_s(a, multiplier), half),
    high = i64x2.add(i64x2.extmul_high_i32x4_s(a, multiplier), half);
  return v128.shuffle<i32>(i64x2.shl(low, 1), i64x2.shl(high, 1), 1, 3, 5, 7);
}

/** x / 2^exponent, ties away from zero; exponent 0..31. */
@inline
export function roundingShifts(x: v128, exponent: i32): v128 {
  const mask = <i32>(((<i64>1) << exponent) - 1);
  const most = i32x4.sub(i32x4.splat(mask >> 1), i32x4.shr_s(x, 31));
  return i32x4.sub(i32x4.shr_s(x, exponent), i32x4.gt_s(v128.and(x, i32x4.splat(mask)), most));
}

/** `scaledDouble` with a multiplier that is not below 0. */
@inline
export function scaledDoubles(x: v128, multiplier: i32, shift: i32): v128 {
  return roundingShifts(doublingHighs(i32x4.shl(x, max<i32>(shift, 0)), i32x4.splat(multiplier)), max<i32>(-shift, 0));
}

/** `scaledSingle`. */
@inline
export function scaledSingles(x: v128, multiplier: i32, shift: i32): v128 {
  const right = 31 - shift;
  const half = i64x2.splat((<i64>1) << (right - 1)),
    factor = i32x4.splat(multiplier);
  const low = i64x2.extmul_low_i32x4_s(x, factor),
    high = i64x2.extmul_high_i32x4_s(x, factor);
  // One less below zero moves ties away from it.
  return lowHalves(
    i64x2.shr_s(i64x2.add(i64x2.add(low, half), i64x2.shr_s(low, 63)), right),
    i64x2.shr_s(i64x2.add(i64x2.add(high, half), i64x2.shr_s(high, 63)), right),
  );
}
