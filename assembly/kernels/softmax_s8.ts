// Softmax of 8-bit numbers in fixed point, with the bits of TFLite's reference (gemmlowp's fixedpoint.h).
import { doublingHigh, roundingShift } from '../math/requantize';
import { SoftmaxInt8 } from '../records';

/** x · 2^exponent, saturated. */
@inline
export function left(x: i32, exponent: i32): i32 {
  return <i32>max<i64>(min<i64>((<i64>x) << exponent, i32.MAX_VALUE), i32.MIN_VALUE);
}

@inline
function timesIf(bits: i32, bit: i32, value: i32, factor: i32): i32 {
  return bits & (1 << bit) ? doublingHigh(value, factor) : value;
}

/** exp of x / 2^26 <= 0 as a fraction of 2^31. */
export function exponential(x: i32): i32 {
  if (x == 0) return i32.MAX_VALUE;
  const part = (x & 0xffffff) - 0x1000000;
  // Taylor series around -1/8.
  const t = left(part, 5) + (1 << 28);
  const square = doublingHigh(t, t);
  const high = doublingHigh(roundingShift(doublingHigh(square, square), 2) + doublingHigh(square, t), 715827883);
  let value = 1895147668 + doublingHigh(1895147668, t + roundingShift(high + square, 1));
  const rest = part - x;
  value = timesIf(rest, 24, value, 1672461947);
  value = timesIf(rest, 25, value, 1302514674);
  value = timesIf(rest, 26, value, 790015084);
  value = timesIf(rest, 27, value, 290630308);
  value = timesIf(rest, 28, value, 39332535);
  value = timesIf(rest, 29, value, 720401);
  return timesIf(rest, 30, value, 242);
}

/** 1 / (1 + x) of a fraction of 2^31, by Newton-Raphson. */
export function reciprocal(x: i32): i32 {
  const half = <i32>((<i64>x + ((<i64>1) << 31)) >> 1);
  let y = 1515870810 + doublingHigh(half, -1010580540);
  for (let i = 0; i < 3; i++) y += left(doublingHigh(y, (1 << 29) - doublingHigh(half, y)), 2);
  return left(y, 1);
}

/** y may be x. */
export function softmax_s8(r: SoftmaxInt8): void {
  let x = r.x,
    y = r.y;
  for (let row: usize = 0; row < r.rows; row++) {
    softmaxRow(r, x, y);
    x += r.columns;
    y += r.columns;
  }
}

@inline
function power(r: SoftmaxInt8, difference: i32): i32 {
  return exponential(doublingHigh(difference << r.shift, r.multiplier));
}

function softmaxRow(r: SoftmaxInt8, x: usize, y: usize): void {
  let largest = -128;
  for (let c: usize = 0; c < r.columns; c++) largest = max<i32>(largest, load<i8>(x + c));
  let sum = 0;
  for (let c: usize = 0; c < r.columns; c++) {
    const difference = <i32>load<i8>(x + c) - largest;
    if (difference >= r.diffMin) sum += roundingShift(power(r, difference), 12);
  }
  const zeros = clz<i32>(sum);
  const scale = reciprocal((sum << zeros) ^ i32.MIN_VALUE);
  for (let c: usize = 0; c < r.columns; c++) {
    const difference = <i32>load<i8>(x + c) - largest;
    let whole = 0;
    if (difference >= r.diffMin) whole = roundingShift(doublingHigh(scale, power(r, difference)), 35 - zeros);
    store<i8>(y + c, min<i32>(whole - 128, 127));
  }
}
