// The roundings of `requantize.ts`, four numbers at a time.
// Rounding sum · multiplier · 2^-31 up at halves, and then that times 2^-e away from zero, is rounding once with the halves moved towards zero by
// 2^-(e + 1): the second step goes up from k - 1/2 on, in units of the first, whose halves are 2^-(e + 1) below. So both roundings of fixed
// point are one, but for a nudge. It is done in f32; where a result is so close to a tie that f32 may be wrong, callers compute it again exactly.
import { madd } from '../kernels/vector_f32';

/**
 * Products place their results between 1 and 2, where the last 15 bits of an f32 are its fraction and the next 8 a number from 0, so that a step is STEP:
 * one shift cuts them down, and places beyond either end stay beyond it.
 */
export const STEP: f32 = 0.00390625;
/** The bits of the fraction. */
export const FRACTION: i32 = 0x7fff;
/**
 * Units of the last bit within which of a tie a place may be on its wrong side, and is computed again. Half a unit each may come from the scale as f32, the nudge
 * and adding, a quarter from multiplying, and half of one from the sum as f32, which is exact up to 2^24.
 */
export const CLOSE: i32 = 1;
export const CLOSE_LARGE: i32 = 2;
/** Of products of two numbers, and quotients. */
export const CLOSE_FAR: i32 = 20;

/** What places are around: 1, 128 steps that make an i8 unsigned, half a step that makes cutting round, the zero point, and the units within which ties are close. */
@inline
export function centerOf(zero: i32, close: i32): f32 {
  return 1.501953125 + <f32>zero * STEP + <f32>close * 0.00000011920928955078125;
}

/** Fractions below this are close to a tie. */
@inline
export function closeBelow(close: i32): i32 {
  return (close << 1) + 1;
}

/** multiplier · 2^(shift - 31), of places. */
@inline
export function factorOf(multiplier: i32, shift: i32): f32 {
  return <f32>multiplier * reinterpret<f32>((shift + 88) << 23);
}

/** What rounding twice (0) moves places away from the center by; 0 for rounding once. */
@inline
export function nudgeOf(shift: i32, rounding: u32): f32 {
  return rounding == 0 && shift < 0 ? reinterpret<f32>((shift + 118) << 23) : 0;
}

/** `factorOf` of four channels. */
@inline
export function factorsOf(multiplier: v128, shift: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(multiplier), i32x4.shl(i32x4.add(shift, i32x4.splat(88)), 23));
}

/** `nudgeOf` of four channels. */
@inline
export function nudgesOf(shift: v128, rounding: u32): v128 {
  if (rounding != 0) return i32x4.splat(0);
  return v128.and(i32x4.shl(i32x4.add(shift, i32x4.splat(118)), 23), i32x4.lt_s(shift, i32x4.splat(0)));
}

/** sum · scale, moved away from zero by the nudge. A fused multiply-add is as good: what the last bits decide is computed again. */
@inline
export function nudged(sum: v128, scale: v128, nudge: v128, sign: v128): v128 {
  return madd(f32x4.convert_i32x4_s(sum), scale, v128.or(v128.and(sum, sign), nudge));
}

@inline
export function limitedBytes(v: v128, low: v128, high: v128): v128 {
  return i8x16.min_s(i8x16.max_s(v, low), high);
}

/** The place of a sum; `start` is `centerOf` and the nudge. */
@inline
export function placed(sum: v128, scale: v128, start: v128): v128 {
  return madd(f32x4.convert_i32x4_s(sum), scale, start);
}

/** The same with a nudge away from zero; `center` is `centerOf`. */
@inline
export function placedSigned(sum: v128, scale: v128, nudge: v128, center: v128, sign: v128): v128 {
  return f32x4.add(nudged(sum, scale, nudge, sign), center);
}

/** The same where `above` and `below` are the center and the nudge of sums that are not negative, and of those that are: the fewest instructions of relaxed SIMD. */
@inline
export function placedBySign(sum: v128, scale: v128, above: v128, below: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return placed(sum, scale, i32x4.relaxed_laneselect(below, above, i32x4.shr_s(sum, 31)));
  return unreachable();
}

/** The smaller fraction: of `place`, or the smallest so far. */
@inline
export function smallest(fraction: v128, place: v128, mask: v128): v128 {
  return i32x4.min_u(fraction, v128.and(place, mask));
}

/** What the first 17 bits of places are more than numbers; as an i16, the bytes that make an i8 unsigned are the same with the other sign. */
export const FIRST: i32 = 0x7f80;

/** Two vectors of places as numbers, not yet limited to those of i8. `signs`: 16 bytes of 128. */
@inline
function cut(v0: v128, v1: v128, signs: v128): v128 {
  return i16x8.add_sat_s(i16x8.narrow_i32x4_s(i32x4.shr_s(v0, 15), i32x4.shr_s(v1, 15)), signs);
}

/** Four as i8. */
@inline
export function cutBytes(v0: v128, v1: v128, v2: v128, v3: v128, signs: v128): v128 {
  return i8x16.narrow_i16x8_s(cut(v0, v1, signs), cut(v2, v3, signs));
}
