// The functions of `fixed16.ts`, eight numbers at a time, as i16.

/** Rounded high half of the doubled product. */
@inline
function high(a: v128, b: v128): v128 {
  return i16x8.q15mulr_sat_s(a, b);
}

/** x / 2^exponent, ties away from zero; exponent 0..14. */
@inline
function roundingShift(x: v128, exponent: i32): v128 {
  const mask = (1 << exponent) - 1;
  const most = i16x8.sub(i16x8.splat(<i16>(mask >> 1)), i16x8.shr_s(x, 15));
  return i16x8.sub(i16x8.shr_s(x, exponent), i16x8.gt_s(v128.and(x, i16x8.splat(<i16>mask)), most));
}

@inline
function doubled(x: v128): v128 {
  return i16x8.add_sat_s(x, x);
}

/** `result` times `factor` where `rest` has the bit 2^place. */
@inline
function timesWhere(rest: v128, place: i32, result: v128, factor: i32): v128 {
  const power: i32 = 1 << place;
  const bit = i16x8.splat(<i16>power);
  return v128.bitselect(high(result, i16x8.splat(<i16>factor)), result, i16x8.eq(v128.and(rest, bit), bit));
}

/** e^x for x <= 0 with `bits` integer bits, as a fraction of 2^15. */
@inline
function exponential(x: v128, bits: i32): v128 {
  const fraction = 15 - bits;
  const quarter = 1 << (fraction - 2);
  const part = i16x8.sub(v128.and(x, i16x8.splat(<i16>(quarter - 1))), i16x8.splat(<i16>quarter));
  const t = i16x8.add(i16x8.shl(part, bits), i16x8.splat(4096));
  const square = high(t, t);
  const fourth = roundingShift(high(square, square), 2);
  const sum = roundingShift(i16x8.add(high(i16x8.add(fourth, high(square, t)), i16x8.splat(10923)), square), 1);
  const base = i16x8.splat(28918);
  let result = i16x8.add_sat_s(base, high(base, i16x8.add(t, sum)));
  const rest = i16x8.sub(part, x);
  result = timesWhere(rest, fraction - 2, result, 25520);
  result = timesWhere(rest, fraction - 1, result, 19875);
  if (bits > 0) result = timesWhere(rest, fraction, result, 12055);
  if (bits > 1) result = timesWhere(rest, fraction + 1, result, 4435);
  if (bits > 2) result = timesWhere(rest, fraction + 2, result, 600);
  if (bits > 3) result = timesWhere(rest, fraction + 3, result, 11);
  if (bits > 4) result = timesWhere(rest, fraction + 4, result, 0);
  return v128.bitselect(i16x8.splat(32767), result, i16x8.eq(x, i16x8.splat(0)));
}

/** 2 / (1 + x) with 2 integer bits, of a fraction x of 2^15: Newton-Raphson. */
@inline
function twiceReciprocal(x: v128): v128 {
  const half = i16x8.add(i16x8.shr_s(x, 1), i16x8.splat(16384));
  let y = i16x8.add(i16x8.splat(23130), high(half, i16x8.splat(-15420)));
  for (let i = 0; i < 3; i++) y = i16x8.add(y, doubled(doubled(high(y, i16x8.sub(i16x8.splat(8192), high(half, y))))));
  return y;
}

/** x or -x, which is not above 0. */
@inline
function negative(x: v128): v128 {
  return i16x8.min_s(x, i16x8.neg(x));
}

/** 1 / (1 + e^-x) of x with 3 integer bits, as a fraction of 2^15. */
export function sigmoids16(x: v128): v128 {
  const zero = i16x8.splat(0);
  const positive = doubled(twiceReciprocal(exponential(negative(x), 3)));
  const all = v128.bitselect(positive, i16x8.sub(i16x8.splat(32767), positive), i16x8.gt_s(x, zero));
  return v128.bitselect(i16x8.splat(16384), all, i16x8.eq(x, zero));
}

/** tanh of x with `bits` integer bits, as a fraction of 2^15. */
export function tanhs16(x: v128, bits: i32): v128 {
  const zero = i16x8.splat(0);
  const t = doubled(doubled(i16x8.sub(twiceReciprocal(exponential(negative(x), bits + 1)), i16x8.splat(8192))));
  const all = v128.bitselect(i16x8.neg(t), t, i16x8.lt_s(x, zero));
  return v128.andnot(all, i16x8.eq(x, zero));
}
