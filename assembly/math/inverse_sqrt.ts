// 1 / √x of whole numbers in fixed point (inverseSqrt of src/core/inverseSqrt.ts).
import { doublingHigh, roundingShift } from './requantize';

/** x · 2^exponent, saturated. */
@inline
function left(x: i32, exponent: i32): i32 {
  return <i32>max<i64>(min<i64>((<i64>x) << exponent, i32.MAX_VALUE), i32.MIN_VALUE);
}

/** Pairs of bits that x > 1 is moved left by before its root is taken: -1 where it has 30 or 31. */
@inline
function pairsOf(x: i32): i32 {
  return ((clz<i32>(x) - 1) >> 1) - 1;
}

/** The multiplier of 1 / √x, to be shifted by `inverseSqrtShift`. */
export function inverseSqrtMultiplier(x: i32): i32 {
  if (x <= 1) return i32.MAX_VALUE;
  const pairs = pairsOf(x);
  const input = (pairs < 0 ? x >> 2 : x << (2 * pairs)) >> 1;
  const half = roundingShift(input, 1);
  // Newton-Raphson.
  let y = 1 << 28;
  for (let i = 0; i < 5; i++) {
    const cube = left(doublingHigh(doublingHigh(y, y), y), 6);
    y = left(doublingHigh((1 << 28) + (1 << 27), y) - doublingHigh(half, cube), 3);
  }
  const root = doublingHigh(y, 1518500250);
  return pairs > 11 ? root << (pairs - 11) : root;
}

export function inverseSqrtShift(x: i32): i32 {
  return x > 1 ? min<i32>(pairsOf(x) - 11, 0) : 0;
}
