// x / √Σx² of 8-bit numbers in fixed point, with the bits of TFLite's reference.
import { doublingHigh, roundingShift, scaledDouble } from '../math/requantize';
import { L2NormalizationInt8 } from '../records';

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

/** 1 / √x of a whole number x > 1 moved by its pairs, by Newton-Raphson (inverseSqrt of src/core/inverseSqrt.ts). */
function root(x: i32, pairs: i32): i32 {
  const input = (pairs < 0 ? x >> 2 : x << (2 * pairs)) >> 1;
  const half = roundingShift(input, 1);
  let y = 1 << 28;
  for (let i = 0; i < 5; i++) {
    const cube = left(doublingHigh(doublingHigh(y, y), y), 6);
    y = left(doublingHigh((1 << 28) + (1 << 27), y) - doublingHigh(half, cube), 3);
  }
  return doublingHigh(y, 1518500250);
}

/** y may be x. */
export function l2_normalization_s8(r: L2NormalizationInt8): void {
  for (let row: usize = 0; row < r.rows; row++) normalizedRow(r, row * r.columns);
}

function normalizedRow(r: L2NormalizationInt8, at: usize): void {
  const x = r.x + at,
    y = r.y + at;
  let sum = 0;
  for (let c: usize = 0; c < r.columns; c++) {
    const value = <i32>load<i8>(x + c) - r.zero;
    sum += value * value;
  }
  let multiplier = i32.MAX_VALUE,
    shift = 0;
  if (sum > 1) {
    const pairs = pairsOf(sum);
    shift = pairs - 11;
    multiplier = root(sum, pairs);
    if (shift > 0) {
      multiplier <<= shift;
      shift = 0;
    }
  }
  for (let c: usize = 0; c < r.columns; c++) {
    const value = (<i32>load<i8>(x + c) - r.zero) << r.leftShift;
    const whole = scaledDouble(value, multiplier, shift + 7 - r.leftShift);
    store<i8>(y + c, <i8>min<i32>(max<i32>(whole, -128), 127));
  }
}
