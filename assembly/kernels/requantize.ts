// Between f32, i32 and i8, and functions of one i8.
import { limited, limitedFloat, scaled } from '../math/requantize';
import { Lookup, QuantizeInt8, Requantize } from '../records';

export function requantize_s8(r: Requantize): void {
  let x = r.x,
    y = r.y;
  for (let row: usize = 0; row < r.rows; row++) {
    for (let c: usize = 0; c < r.channels; c++) {
      const at = (c * r.perChannel) << 2;
      const sum = load<i32>(x);
      let value: i32;
      if (r.rounding == 2) value = limitedFloat(<f32>sum * load<f32>(r.scale + at), r.yZero, r.low, r.high);
      else value = limited(scaled(sum, load<i32>(r.multiplier + at), load<i32>(r.shift + at), r.rounding), r.yZero, r.low, r.high);
      store<i8>(y, value);
      x += 4;
      y++;
    }
  }
}

/** Reads f32, writes i8. */
export function quantize_s8(r: QuantizeInt8): void {
  const low = <f32>(r.low - r.zero),
    high = <f32>(r.high - r.zero);
  for (let i: usize = 0; i < r.length; i++) {
    let value = load<f32>(r.x + (i << 2)) / r.scale;
    if (value != value) value = 0;
    value = max<f32>(min<f32>(value, high), low);
    const whole = nearest<f32>(value);
    const rest = value - whole;
    // Halves that went towards zero.
    let number = <i32>whole;
    if (r.away && abs<f32>(rest) == 0.5 && rest * value > 0) number += value > 0 ? 1 : -1;
    store<i8>(r.y + i, number + r.zero);
  }
}

/** Reads i8, writes f32. */
export function dequantize_s8(r: QuantizeInt8): void {
  for (let i: usize = 0; i < r.length; i++) store<f32>(r.y + (i << 2), <f32>(<i32>load<i8>(r.x + i) - r.zero) * r.scale);
}

/** y may be x. */
export function lookup_u8(r: Lookup): void {
  for (let i: usize = 0; i < r.length; i++) store<u8>(r.y + i, load<u8>(r.table + <usize>(load<u8>(r.x + i) ^ 128)));
}
