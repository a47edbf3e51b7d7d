// Logarithm of the softmax of 8-bit numbers in fixed point, with the bits of TFLite's reference (gemmlowp's fixedpoint.h).
import { doublingHigh, roundingShift, scaledDouble } from '../math/requantize';
import { LogSoftmaxInt8 } from '../records';
import { exponential, left, reciprocal } from './softmax_s8';

/** 1/4 where 25 bits are behind the point. */
const QUARTER: i32 = 1 << 23;
/** √½ and its root, as fractions of 2^31. */
const ROOT: i32 = 1518500250,
  FOURTH_ROOT: i32 = 1805811301;

/** ln of x / 2^19 >= 1 with 26 bits behind the point: x is r times a power of √2, with r between √½ and 1. */
function logarithm(x: i32): i32 {
  const zeros = clz<i32>(x),
    rootZeros = clz<i32>(doublingHigh(x, ROOT)) - 1;
  const r = min<i32>(left(doublingHigh(left(x, zeros - 1), ROOT), 1), left(x, rootZeros)),
    power = max<i32>(((12 - zeros) << 25) + QUARTER, ((12 - rootZeros) << 25) - QUARTER);
  // A rational function of r around the fourth root of ½.
  const middle = <i32>((<i64>r + <i64>FOURTH_ROOT + 1) >> 1),
    q = (r - FOURTH_ROOT) << 1,
    square = doublingHigh(q, q);
  const numerator = doublingHigh(q, r) + doublingHigh(doublingHigh(q, square), 117049297),
    denominator = doublingHigh(middle, 1057819769 + q + doublingHigh(127690142, square)) + doublingHigh(638450708, q);
  return left(doublingHigh(power, 1488522236) + doublingHigh(roundingShift(numerator, 6), reciprocal(denominator)), 1);
}

/** y may be x. */
export function log_softmax_s8(r: LogSoftmaxInt8): void {
  let x = r.x,
    y = r.y;
  for (let row: usize = 0; row < r.rows; row++) {
    logSoftmaxRow(r, x, y);
    x += r.columns;
    y += r.columns;
  }
}

/** A difference of steps with 26 bits behind the point. */
@inline
function wide(r: LogSoftmaxInt8, difference: i32): i32 {
  return scaledDouble(difference, r.multiplier, r.shift);
}

function logSoftmaxRow(r: LogSoftmaxInt8, x: usize, y: usize): void {
  let largest = -128;
  for (let c: usize = 0; c < r.columns; c++) largest = max<i32>(largest, load<i8>(x + c));
  let sum = 0;
  for (let c: usize = 0; c < r.columns; c++) {
    const difference = <i32>load<i8>(x + c) - largest;
    if (difference >= r.diffMin) sum += roundingShift(exponential(wide(r, difference)), 12);
  }
  const total = logarithm(sum);
  // The lowest difference that 26 bits behind the point hold with the total.
  const least = max<i32>(r.diffMin - 1, scaledDouble(total + i32.MIN_VALUE, r.stepsMultiplier, r.stepsShift));
  for (let c: usize = 0; c < r.columns; c++) {
    const difference = <i32>load<i8>(x + c) - largest;
    let whole = -128;
    if (difference > least) whole = roundingShift(wide(r, difference) - total, 22) + 127;
    store<i8>(y + c, min<i32>(max<i32>(whole, -128), 127));
  }
}
