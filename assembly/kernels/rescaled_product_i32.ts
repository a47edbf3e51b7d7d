// Products of quantized numbers, scaled factor by factor so that they keep in 32 bits, with the bits of TFLite's reference.
import { scaledWide } from '../math/requantize';
import { RescaledProduct } from '../records';

/** y[columns] of x[rows, columns], of which there is one row or more. */
export function rescaled_product_i32(r: RescaledProduct): void {
  for (let c: usize = 0; c < r.columns << 2; c += 4) {
    let x = r.x + c,
      total = load<i32>(x);
    for (let row: usize = 1; row < r.rows; row++) {
      x += r.columns << 2;
      total = <i32>scaledWide(<i64>total * <i64>load<i32>(x), r.multiplier, r.shift);
    }
    const whole = <i64>(<i32>scaledWide(<i64>total, r.multiplier, r.shift)) + <i64>r.zero;
    store<i32>(r.y + c, <i32>min<i64>(max<i64>(whole, r.low), r.high));
  }
}
