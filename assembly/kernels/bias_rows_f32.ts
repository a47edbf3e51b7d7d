// The end of products whose sums are whole before the bias is added.
import { BiasRows } from '../records';
import { clamp, clamp1 } from './vector_f32';

/** y may be what it adds. */
export function bias_rows_f32(r: BiasRows): void {
  const bytes = (<usize>r.columns) << 2;
  let y = r.y,
    residual = r.residual;
  for (let row: u32 = 0; row < r.rows; row++) {
    biasRow(y, r.bias, residual, r.columns, r.low, r.high);
    y += bytes;
    if (residual) residual += bytes;
  }
}

function biasRow(y: usize, bias: usize, residual: usize, columns: usize, low: f32, high: f32): void {
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
