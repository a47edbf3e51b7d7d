/**
 * How sums become 8-bit numbers again. `double`: gemmlowp's high half of the doubled product, then a rounding shift, each rounded (TFLite's reference
 * convolutions). `single`: one rounding, ties away from zero (its fully connected layers).
 * `float`: multiplied by an f32, ties to even (ONNX).
 */
export type Rounding = 'double' | 'single' | 'float';

const high31 = (product: bigint): bigint => (product + (1n << 30n)) >> 31n;

/** x / 2^exponent, ties away from zero (gemmlowp RoundingDivideByPOT). */
export function roundingShift(x: bigint, exponent: number): bigint {
  if (exponent === 0) return x;
  const half = 1n << BigInt(exponent - 1);
  return x < 0n ? -((-x + half) >> BigInt(exponent)) : (x + half) >> BigInt(exponent);
}

/** The rounded high half of 2ab (gemmlowp SaturatingRoundingDoublingHighMul). */
export const doublingHighProduct = (a: number, b: number): number =>
  a === -(2 ** 31) && b === a ? 2 ** 31 - 1 : Number(high31(BigInt(a) * BigInt(b)));

/** x · multiplier · 2^(shift - 31) as TFLite's MultiplyByQuantizedMultiplier rounds it; x and the result are i32 and wrap. */
export function scaled(x: number, multiplier: number, shift: number, rounding: 'double' | 'single'): number {
  const m = BigInt(multiplier);
  if (rounding === 'single') {
    return Number(BigInt.asIntN(32, roundingShift(BigInt(x) * m, 31 - shift)));
  }
  const moved = BigInt.asIntN(32, BigInt(x) << BigInt(Math.max(shift, 0)));
  return Number(BigInt.asIntN(32, roundingShift(high31(moved * m), Math.max(-shift, 0))));
}

/** The same of x of up to 48 bits, by 15 bits of the multiplier, rounded once, ties up, as the overload for int64 does. */
export function scaledWide(x: number, multiplier: number, shift: number): number {
  const reduced = multiplier < 0x7fff0000 ? (multiplier + 32768) >> 16 : 0x7fff;
  const right = BigInt(15 - shift);
  return Number((BigInt(x) * BigInt(reduced) + (1n << (right - 1n))) >> right);
}

/**
 * A positive factor as a multiplier in [2^30, 2^31) and a shift (positive: left): factor ≈ multiplier · 2^(shift - 31). As TFLite's
 * QuantizeMultiplier: too small a factor becomes 0, too large a one the largest there is.
 */
export function fixedPoint(factor: number): { multiplier: number; shift: number } {
  if (!(factor > 0)) return { multiplier: 0, shift: 0 };
  let shift = Math.floor(Math.log2(factor)) + 1;
  // log2 may be off by one next to powers of two.
  while (factor / 2 ** shift >= 1) shift++;
  while (factor / 2 ** shift < 0.5) shift--;
  let multiplier = Math.round((factor / 2 ** shift) * 2 ** 31);
  if (multiplier === 2 ** 31) {
    multiplier = 2 ** 30;
    shift++;
  }
  if (shift < -31) return { multiplier: 0, shift: 0 };
  if (shift > 30) return { multiplier: 2 ** 31 - 1, shift: 30 };
  return { multiplier, shift };
}

/** Nearest whole number, ties to even. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
