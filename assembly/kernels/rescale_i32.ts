import { scaled } from '../math/requantize';
import { Rescale } from '../records';

/** Numbers of up to 32 bits by one factor; y may be x. */
export function rescale_i32(r: Rescale): void {
  for (let i: usize = 0; i < r.length; i++) {
    const value = r.zero + scaled(load<i32>(r.x + (i << 2)), r.multiplier, r.shift, r.rounding);
    store<i32>(r.y + (i << 2), min<i32>(max<i32>(value, r.low), r.high));
  }
}
