// Softmax of 16-bit numbers held as i32, by tables (TFLite's SoftmaxInt16).
import { scaledDouble } from '../math/requantize';
import { SoftmaxInt16 } from '../records';

/** A table of 513 numbers at x in -32768..32767, between its entries a line. */
@inline
function tabulated(table: usize, x: i32): i32 {
  const at = table + <usize>(((x >> 7) + 256) << 2);
  const base = load<i32>(at);
  return base + (((load<i32>(at, 4) - base) * (x & 127) + 64) >> 7);
}

@inline
function limited16(x: i32): i32 {
  return min<i32>(max<i32>(x, -32768), 32767);
}

/** y may be x. */
export function softmax_s16(r: SoftmaxInt16): void {
  for (let row: usize = 0; row < r.rows; row++) {
    const at = (row * r.columns) << 2;
    row16(r, r.x + at, r.y + at);
  }
}

function row16(r: SoftmaxInt16, x: usize, y: usize): void {
  const end = r.columns << 2;
  let largest = -32768,
    sum = 0;
  for (let i: usize = 0; i < end; i += 4) largest = max<i32>(largest, load<i32>(x + i));
  for (let i: usize = 0; i < end; i += 4) {
    const difference = scaledDouble(load<i32>(x + i) - largest, r.multiplier, r.shift);
    const power = tabulated(r.powers, limited16(difference + 32767));
    store<i32>(y + i, power);
    sum += power;
  }
  const zeros = clz<i32>(sum);
  const moved = <i32>((((<i64>sum) << (<i64>zeros - 1)) + 8192) >> 14);
  const reciprocal = tabulated(r.reciprocals, limited16(moved - 98304));
  const right: i64 = 31 - zeros;
  for (let i: usize = 0; i < end; i += 4) {
    const product = <i64>load<i32>(y + i) * <i64>reciprocal + ((<i64>1) << (right - 1));
    store<i32>(y + i, min<i32>(max<i32>(<i32>(product >> right), 0), 32767));
  }
}
