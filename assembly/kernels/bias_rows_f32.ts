// The end of products whose sums are whole before the bias is added.
import { BiasRows } from '../records';
import { clamp, clamp1 } from './vector_f32';

/** y may be what it adds. */
export function bias_rows_f32(r: BiasRows): void {
  let done: usize = 0;
  if (ASC_FEATURE_SIMD) {
    if (!r.residual) for (; done + 16 <= r.columns; done += 16) sixteenColumns(r, done << 2);
  }
  if (done == r.columns) return;
  const stride = (<usize>r.columns) << 2;
  let y = r.y + (done << 2),
    residual = r.residual;
  for (let row: u32 = 0; row < r.rows; row++) {
    rowFrom(y, r.bias ? r.bias + (done << 2) : 0, residual, r.columns - done, r.low, r.high);
    y += stride;
    if (residual) residual += stride;
  }
}

/** Sixteen columns are a cache line of every row. */
function sixteenColumns(r: BiasRows, at: usize): void {
  const stride = (<usize>r.columns) << 2,
    // -0 changes no sum.
    zero = i32x4.splat(i32.MIN_VALUE),
    bias = r.bias + at;
  const b0 = r.bias ? v128.load(bias) : zero,
    b1 = r.bias ? v128.load(bias, 16) : zero,
    b2 = r.bias ? v128.load(bias, 32) : zero,
    b3 = r.bias ? v128.load(bias, 48) : zero,
    low = f32x4.splat(r.low),
    high = f32x4.splat(r.high);
  let y = r.y + at;
  for (let rows = r.rows; rows; rows--) {
    v128.store(y, clamp(f32x4.add(v128.load(y), b0), low, high));
    v128.store(y, clamp(f32x4.add(v128.load(y, 16), b1), low, high), 16);
    v128.store(y, clamp(f32x4.add(v128.load(y, 32), b2), low, high), 32);
    v128.store(y, clamp(f32x4.add(v128.load(y, 48), b3), low, high), 48);
    y += stride;
  }
}

function rowFrom(y: usize, bias: usize, residual: usize, columns: usize, low: f32, high: f32): void {
  if (ASC_FEATURE_SIMD) {
    const lows = f32x4.splat(low),
      highs = f32x4.splat(high);
    for (; columns >= 4; columns -= 4) {
      let v = v128.load(y);
      if (bias) v = f32x4.add(v, v128.load(bias));
      if (residual) v = f32x4.add(v, v128.load(residual));
      v128.store(y, clamp(v, lows, highs));
      y += 16;
      if (bias) bias += 16;
      if (residual) residual += 16;
    }
  }
  for (; columns; columns--) {
    let v = load<f32>(y);
    if (bias) v += load<f32>(bias);
    if (residual) v += load<f32>(residual);
    store<f32>(y, clamp1(v, low, high));
    y += 4;
    if (bias) bias += 4;
    if (residual) residual += 4;
  }
}
