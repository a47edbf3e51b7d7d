// Rows rounded to 255 steps of their own range, as TFLite's hybrid operators and ONNX's DynamicQuantizeLinear quantize their inputs.
import { RoundRows } from '../records';
import { highest, lowest, numberOf, numbersOf, stepsOf, unitOf, zeroOf } from './row_range';
import { clamp, clamp1 } from './vector_f32';

/** y may be x. */
export function round_rows_f32(r: RoundRows): void {
  const bytes = (<usize>r.length) << 2;
  let x = r.x,
    y = r.y;
  for (let row: u32 = 0; row < r.rows; row++) {
    const low = lowest(x, r.length),
      high = highest(x, r.length);
    if (r.even) roundRowEven(x, y, r.length, low == high ? 1 : (high - low) / 255, low);
    else roundRow(x, y, r.length, stepsOf(low, high, r.asymmetric), unitOf(low, high, r.asymmetric), zeroOf(low, high, r.asymmetric));
    x += bytes;
    y += bytes;
  }
}

function roundRow(x: usize, y: usize, length: usize, steps: f32, unit: f32, zero: i32): void {
  if (ASC_FEATURE_SIMD) {
    const s = f32x4.splat(steps),
      u = f32x4.splat(unit),
      zeros = i32x4.splat(zero),
      low = i32x4.splat(-128),
      high = i32x4.splat(127);
    for (; length >= 4; length -= 4) {
      const number = i32x4.min_s(i32x4.max_s(numbersOf(v128.load(x), s, zeros), low), high);
      v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(number, zeros)), u));
      x += 16;
      y += 16;
    }
  }
  for (; length; length--) {
    store<f32>(y, <f32>(numberOf(load<f32>(x), steps, zero) - zero) * unit);
    x += 4;
    y += 4;
  }
}

/** Halves to even; 0 is as many steps from the lowest number. */
function roundRowEven(x: usize, y: usize, length: usize, unit: f32, low: f32): void {
  const point = nearest<f32>(min<f32>(max<f32>(-low / unit, 0), 255));
  const zero = point == point ? point : 0;
  const least = -zero,
    most: f32 = 255 - zero;
  if (ASC_FEATURE_SIMD) {
    const u = f32x4.splat(unit),
      l = f32x4.splat(least),
      h = f32x4.splat(most);
    for (; length >= 4; length -= 4) {
      v128.store(y, f32x4.mul(clamp(f32x4.nearest(f32x4.div(v128.load(x), u)), l, h), u));
      x += 16;
      y += 16;
    }
  }
  for (; length; length--) {
    store<f32>(y, clamp1(nearest<f32>(load<f32>(x) / unit), least, most) * unit);
    x += 4;
    y += 4;
  }
}
