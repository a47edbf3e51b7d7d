/** Functions of 16-bit fixed-point numbers, with the bits of gemmlowp (fixedpoint.h of github.com/google/gemmlowp). */

export const saturated16 = (x: number): number => Math.min(Math.max(x, -32768), 32767);

/** Rounded high half of the doubled product. */
const high = (a: number, b: number): number => (a === -32768 && b === -32768 ? 32767 : (a * b + 16384) >> 15);

/** x / 2^exponent, ties away from zero. */
export const roundingShift16 = (x: number, exponent: number): number => Math.sign(x) * Math.floor(Math.abs(x) / 2 ** exponent + 0.5);

/** e^(-2^i), i from -2 on, as fractions of 2^15. */
const POWERS = [25520, 19875, 12055, 4435, 600, 11, 0];

/** e^x for x <= 0 with `bits` integer bits, as a fraction of 2^15. */
function exponential(x: number, bits: number): number {
  if (x === 0) return 32767;
  const quarter = 2 ** (13 - bits);
  const part = (x & (quarter - 1)) - quarter;
  // Taylor series around -1/8.
  const t = saturated16(part * 2 ** bits) + 4096;
  const square = high(t, t);
  const fourth = roundingShift16(high(square, square), 2);
  const sum = roundingShift16(high(fourth + high(square, t), 10923) + square, 1);
  const rest = part - x;
  return POWERS.slice(0, bits + 2).reduce(
    (result, factor, i) => (rest & (quarter * 2 ** i) ? high(result, factor) : result),
    saturated16(28918 + high(28918, t + sum)),
  );
}

/** 2 / (1 + x) with 2 integer bits, of a fraction x of 2^15: Newton-Raphson. */
function twiceReciprocal(x: number): number {
  const half = (x + 32768) >> 1;
  let y = 23130 + high(half, -15420);
  for (let i = 0; i < 3; i++) y += saturated16(high(y, 8192 - high(half, y)) * 4);
  return y;
}

/** 1 / (1 + e^-x) of x with 3 integer bits, as a fraction of 2^15. */
export function sigmoid16(x: number): number {
  if (x === 0) return 16384;
  const positive = saturated16(twiceReciprocal(exponential(-Math.abs(x), 3)) * 2);
  return x > 0 ? positive : 32767 - positive;
}

/** tanh of x with `bits` integer bits, as a fraction of 2^15. */
export function tanh16(x: number, bits: number): number {
  const t = x === 0 ? 0 : saturated16((twiceReciprocal(exponential(-Math.abs(x), bits + 1)) - 8192) * 4);
  return x < 0 ? -t : t;
}
