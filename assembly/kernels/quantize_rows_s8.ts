// Rows as 8-bit numbers of their own range: what `round_rows_f32` rounds to, for products of those numbers.
import { QuantizeRows } from '../records';
import { quantizeAll } from './linear_scaled_s8';
import { highest, lowest, numberOf, numbersOf, stepsOf, unitOf, zeroOf } from './row_range';

export function quantize_rows_s8(r: QuantizeRows): void {
  let x = r.x,
    y = r.y;
  for (let row: usize = 0; row < r.rows; row++) {
    const low = lowest(x, r.length),
      high = highest(x, r.length);
    let unit: f32, zero: i32;
    if (r.even) {
      unit = low == high ? 1 : (high - low) / 255;
      const point = nearest<f32>(min<f32>(max<f32>(-low / unit, 0), 255));
      // A range that overflows has no step: everything is zero.
      zero = (point == point ? <i32>point : 0) - 128;
      quantizeAll(x, y, r.length, unit, zero);
    } else {
      unit = unitOf(low, high, r.asymmetric);
      zero = zeroOf(low, high, r.asymmetric);
      quantizeAway(x, y, r.length, stepsOf(low, high, r.asymmetric), zero);
    }
    store<f32>(r.unit + (row << 2), unit);
    store<i32>(r.zero + (row << 2), zero);
    x += (<usize>r.length) << 2;
    y += r.length;
  }
}

/** y[i] = x[i] · steps, halves away from zero, + zero. */
function quantizeAway(x: usize, y: usize, length: usize, steps: f32, zero: i32): void {
  if (ASC_FEATURE_SIMD) {
    const s = f32x4.splat(steps),
      zeros = i32x4.splat(zero);
    for (; length >= 8; length -= 8) {
      const v = i16x8.narrow_i32x4_s(numbersOf(v128.load(x), s, zeros), numbersOf(v128.load(x, 16), s, zeros));
      v128.store64_lane(y, i8x16.narrow_i16x8_s(v, v), 0);
      x += 32;
      y += 8;
    }
  }
  for (; length; length--) {
    store<i8>(y, numberOf(load<f32>(x), steps, zero));
    x += 4;
    y++;
  }
}
