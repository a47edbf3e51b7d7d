// From i32 sums to 8-bit numbers: the roundings of src/core/fixedPoint.ts.

/** (a · m + 2^30) >> 31: gemmlowp's rounded high half of the doubled product. */
@inline
export function doublingHigh(a: i32, m: i32): i32 {
  // Only -2^31 · -2^31 leaves the range; it saturates.
  if (a == i32.MIN_VALUE && m == a) return i32.MAX_VALUE;
  return <i32>((<i64>a * <i64>m + ((<i64>1) << 30)) >> 31);
}

/** x / 2^exponent, ties away from zero; exponent 0..31. */
@inline
export function roundingShift(x: i32, exponent: i32): i32 {
  const wide = <i64>x;
  // One less below zero moves ties away from it.
  const nudge = (((<i64>1) << exponent) >> 1) + (exponent ? wide >> 63 : 0);
  return <i32>((wide + nudge) >> exponent);
}

/** x · multiplier · 2^(shift - 31), rounded twice. */
@inline
export function scaledDouble(x: i32, multiplier: i32, shift: i32): i32 {
  return roundingShift(doublingHigh(x << max<i32>(shift, 0), multiplier), max<i32>(-shift, 0));
}

/** x · multiplier · 2^(shift - 31), rounded once, ties away from zero. */
@inline
export function scaledSingle(x: i32, multiplier: i32, shift: i32): i32 {
  const right = <i64>(31 - shift),
    product = <i64>x * <i64>multiplier;
  return <i32>((product + ((<i64>1) << (right - 1)) + (product >> 63)) >> right);
}

/** 15 bits of a multiplier. */
@inline
export function reduced(multiplier: i32): i32 {
  return multiplier < 0x7fff0000 ? (multiplier + 32768) >> 16 : 0x7fff;
}

/** A number of 48 bits by a multiplier of which 15 bits are kept (TFLite's MultiplyByQuantizedMultiplier of int64), rounded once, ties up. */
@inline
export function scaledWide(x: i64, multiplier: i32, shift: i32): i64 {
  const right = <i64>(15 - shift);
  return (x * <i64>reduced(multiplier) + ((<i64>1) << (right - 1))) >> right;
}

@inline
export function scaled(x: i32, multiplier: i32, shift: i32, rounding: u32): i32 {
  return rounding ? scaledSingle(x, multiplier, shift) : scaledDouble(x, multiplier, shift);
}

/** zero + value, limited; no sum leaves the range on the way. */
@inline
export function limited(value: i32, zero: i32, low: i32, high: i32): i32 {
  return min<i32>(max<i32>(value, low - zero), high - zero) + zero;
}

/** The same of a float, rounded half to even; NaN gives `low`. */
@inline
export function limitedFloat(value: f32, zero: i32, low: i32, high: i32): i32 {
  const raised = value > <f32>(low - zero) ? value : <f32>(low - zero);
  return <i32>nearest<f32>(raised < <f32>(high - zero) ? raised : <f32>(high - zero)) + zero;
}
