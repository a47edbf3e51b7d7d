// The roundings of `requantize.ts`, four numbers at a time.
// Rounding sum · multiplier · 2^-31 up at halves, and then that times 2^-e away from zero, is rounding once with the halves moved towards zero by
// 2^-(e + 1): the second step goes up from k - 1/2 on, in units of the first, whose halves are 2^-(e + 1) below. So both roundings of fixed
// point are one, but for a nudge. It is done in f32; where a result is so close to a tie that f32 may be wrong, callers compute it again exactly.
import { madd } from '../kernels/vector_f32';

/** 1.5 · 2^23: added to |x| < 2^22 it leaves x, rounded half to even, in the low bits. */
export const MAGIC: f32 = 12582912;

/** multiplier · 2^(shift - 31). */
@inline
export function factorOf(multiplier: i32, shift: i32): f32 {
  return <f32>multiplier * reinterpret<f32>((shift + 96) << 23);
}

/** What rounding twice (0) moves results away from zero by; 0 for rounding once. */
@inline
export function nudgeOf(shift: i32, rounding: u32): f32 {
  return rounding == 0 && shift < 0 ? reinterpret<f32>((shift + 126) << 23) : 0;
}

/** `factorOf` of four channels. */
@inline
export function factorsOf(multiplier: v128, shift: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(multiplier), i32x4.shl(i32x4.add(shift, i32x4.splat(96)), 23));
}

/** `nudgeOf` of four channels. */
@inline
export function nudgesOf(shift: v128, rounding: u32): v128 {
  if (rounding != 0) return i32x4.splat(0);
  return v128.and(i32x4.shl(i32x4.add(shift, i32x4.splat(126)), 23), i32x4.lt_s(shift, i32x4.splat(0)));
}

/** Rounds sum · scale half to even. */
@inline
export function once(sum: v128, scale: v128, magic: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sum), scale), magic), magic);
}

/** sum · scale, moved away from zero by the nudge. A fused multiply-add is as good: what the last bits decide is computed again. */
@inline
export function nudged(sum: v128, scale: v128, nudge: v128, sign: v128): v128 {
  return madd(f32x4.convert_i32x4_s(sum), scale, v128.or(v128.and(sum, sign), nudge));
}

/** 8 numbers of each of two rows, plus the zero point and limited. */
@inline
export function bytes(a: v128, b: v128, zero: v128, low: v128, high: v128): v128 {
  const v = i8x16.narrow_i16x8_s(i16x8.add_sat_s(a, zero), i16x8.add_sat_s(b, zero));
  return i8x16.min_s(i8x16.max_s(v, low), high);
}

/**
 * Products place their results between 256 and 512, where the last 15 bits of an f32 are its fraction and the next 8 a number from 0: one shift cuts them
 * down, and places beyond either end stay beyond it. CENTER is 256, 128 that make an i8 unsigned, a half that makes cutting round, and 2 units of 2^-15.
 */
export const CENTER: f32 = 384.50006103515625;
/** The bits of 256, shifted. */
export const FIRST: i32 = 0x8700;
/** The bits of the fraction. */
export const FRACTION: i32 = 0x7fff;
/**
 * Fractions below this are within 2 units of a tie, and are computed again. An error is at most 2.25: half a unit each from the sum and the scale as f32,
 * the place (or adding it) and adding, a quarter from multiplying.
 */
export const CLOSE: i32 = 5;

/** The place of a sum; `start` is CENTER, the zero point and the nudge. */
@inline
export function placed(sum: v128, scale: v128, start: v128): v128 {
  return madd(f32x4.convert_i32x4_s(sum), scale, start);
}

/** The same with a nudge away from zero; `center` is CENTER and the zero point. */
@inline
export function placedSigned(sum: v128, scale: v128, nudge: v128, center: v128, sign: v128): v128 {
  return f32x4.add(nudged(sum, scale, nudge, sign), center);
}

/** The smaller fraction: of `place`, or the smallest so far. */
@inline
export function smallest(fraction: v128, place: v128, mask: v128): v128 {
  return i32x4.min_u(fraction, v128.and(place, mask));
}

/** Two vectors of places as numbers from 0, not yet limited to 255. */
@inline
export function cut(v0: v128, v1: v128, first: v128): v128 {
  return i16x8.sub_sat_u(i16x8.narrow_i32x4_u(i32x4.shr_s(v0, 15), i32x4.shr_s(v1, 15)), first);
}

/** Two vectors of those as i8, limited. */
@inline
export function cutBytes(a: v128, b: v128, signs: v128, low: v128, high: v128): v128 {
  return i8x16.min_s(i8x16.max_s(v128.xor(i8x16.narrow_i16x8_u(a, b), signs), low), high);
}

/** As CENTER and CLOSE, 20 units from a tie: for sums of two products, and quotients. */
export const FAR_CENTER: f32 = 384.5006103515625;
export const FAR_CLOSE: i32 = 41;
