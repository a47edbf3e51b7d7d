// Functions of 16-bit fixed-point numbers, with the bits of gemmlowp (fixedpoint.h of github.com/google/gemmlowp). Numbers are held as i32.

@inline
export function saturated16(x: i32): i32 {
  return min<i32>(max<i32>(x, -32768), 32767);
}

/** Rounded high half of the doubled product. */
@inline
function high(a: i32, b: i32): i32 {
  return a == -32768 && b == -32768 ? 32767 : (a * b + 16384) >> 15;
}

/** x / 2^exponent, ties away from zero. */
@inline
export function roundingShift16(x: i32, exponent: i32): i32 {
  const mask = (1 << exponent) - 1;
  const rest = x & mask;
  return (x >> exponent) + <i32>(rest > (mask >> 1) + <i32>(x < 0));
}

/** e^x for x <= 0 with `bits` integer bits, as a fraction of 2^15. */
function exponential(x: i32, bits: i32): i32 {
  if (x == 0) return 32767;
  const fraction = 15 - bits;
  const quarter = 1 << (fraction - 2);
  const part = (x & (quarter - 1)) - quarter;
  // Taylor series around -1/8.
  const t = saturated16(part << bits) + 4096;
  const square = high(t, t);
  const fourth = roundingShift16(high(square, square), 2);
  const sum = roundingShift16(high(fourth + high(square, t), 10923) + square, 1);
  let result = saturated16(28918 + high(28918, t + sum));
  const rest = part - x;
  if (rest & (1 << (fraction - 2))) result = high(result, 25520);
  if (rest & (1 << (fraction - 1))) result = high(result, 19875);
  if (bits > 0 && rest & (1 << fraction)) result = high(result, 12055);
  if (bits > 1 && rest & (1 << (fraction + 1))) result = high(result, 4435);
  if (bits > 2 && rest & (1 << (fraction + 2))) result = high(result, 600);
  if (bits > 3 && rest & (1 << (fraction + 3))) result = high(result, 11);
  if (bits > 4 && rest & (1 << (fraction + 4))) result = high(result, 0);
  return result;
}

/** 2 / (1 + x) with 2 integer bits, of a fraction x of 2^15: Newton-Raphson. */
function twiceReciprocal(x: i32): i32 {
  const half = (x + 32768) >> 1;
  let y = 23130 + high(half, -15420);
  for (let i = 0; i < 3; i++) y += saturated16(high(y, 8192 - high(half, y)) << 2);
  return y;
}

/** 1 / (1 + e^-x) of x with 3 integer bits, as a fraction of 2^15. */
export function sigmoid16(x: i32): i32 {
  if (x == 0) return 16384;
  const positive = saturated16(twiceReciprocal(exponential(x > 0 ? -x : x, 3)) << 1);
  return x > 0 ? positive : 32767 - positive;
}

/** tanh of x with `bits` integer bits, as a fraction of 2^15. */
export function tanh16(x: i32, bits: i32): i32 {
  if (x == 0) return 0;
  const negative = x < 0;
  const t = saturated16((twiceReciprocal(exponential(negative ? x : -x, bits + 1)) - 8192) << 2);
  return negative ? -t : t;
}
