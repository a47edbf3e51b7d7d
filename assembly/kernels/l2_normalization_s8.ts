// x / √Σx² of 8-bit numbers in fixed point, with the bits of TFLite's reference.
import { inverseSqrtMultiplier, inverseSqrtShift } from '../math/inverse_sqrt';
import { scaledDouble } from '../math/requantize';
import { L2NormalizationInt8 } from '../records';

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
  const multiplier = inverseSqrtMultiplier(sum),
    shift = inverseSqrtShift(sum);
  for (let c: usize = 0; c < r.columns; c++) {
    const value = (<i32>load<i8>(x + c) - r.zero) << r.leftShift;
    const whole = scaledDouble(value, multiplier, shift + 7 - r.leftShift);
    store<i8>(y + c, <i8>min<i32>(max<i32>(whole, -128), 127));
  }
}
