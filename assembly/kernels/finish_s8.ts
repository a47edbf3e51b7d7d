// The end of every 8-bit product: i32 sums plus bias become i8.
import { limited, limitedFloat, scaled } from '../math/requantize';
import { Conv2dInt8 } from '../records';

/** y[rows, columns] of sums[rows, 8]; `channel` is the first of the columns, `stride` the bytes between rows of y. */
export function finish(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  const bias = r.bias + (channel << 2);
  for (let c: usize = 0; c < columns; c++) {
    const start = load<i32>(bias + (c << 2));
    const at = ((channel + c) * r.perChannel) << 2;
    let from = sums + (c << 2),
      to = y + c;
    for (let m: usize = 0; m < rows; m++) {
      const sum = load<i32>(from) + start;
      let value: i32;
      if (r.rounding == 2) value = limitedFloat(<f32>sum * load<f32>(r.scale + at), r.yZero, r.low, r.high);
      else value = limited(scaled(sum, load<i32>(r.multiplier + at), load<i32>(r.shift + at), r.rounding), r.yZero, r.low, r.high);
      store<i8>(to, value);
      from += 32;
      to += stride;
    }
  }
}
