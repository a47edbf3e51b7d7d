// Rounding to the steps of a quantized type and back, and its gradient, which passes straight through within the range.
import { FakeQuantize } from '../records';

export function fake_quantize_f32(r: FakeQuantize): void {
  forEachRow(r, false);
}

export function fake_quantize_f32_grad(r: FakeQuantize): void {
  forEachRow(r, true);
}

/** Walks [blocks, rows, columns]; steps are one for all, or a row of them for each block. */
function forEachRow(r: FakeQuantize, gradient: bool): void {
  const columns = <usize>r.columns;
  const bytes = columns << 2;
  let x = r.x,
    y = r.y,
    dy = r.dy,
    scale = r.scale,
    zero = r.zero;
  for (let block: u32 = 0; block < r.blocks; block++) {
    for (let row: u32 = 0; row < r.rows; row++) {
      if (gradient) gradientRow(x, scale, zero, dy, y, columns, r.perColumn, r.low, r.high);
      else quantizeRow(x, scale, zero, y, columns, r.perColumn, r.low, r.high);
      x += bytes;
      y += bytes;
      dy += bytes;
    }
    scale += bytes;
    zero += bytes;
  }
}

/** y = (clamp(round(x / scale) + zero) - zero) · scale. y may be x. */
function quantizeRow(x: usize, scale: usize, zero: usize, y: usize, count: usize, perColumn: u32, low: f32, high: f32): void {
  const next: usize = perColumn ? 4 : 0;
  if (ASC_FEATURE_SIMD) {
    let s = v128.load_splat<f32>(scale),
      z = v128.load_splat<f32>(zero);
    const l = f32x4.splat(low),
      h = f32x4.splat(high);
    for (; count >= 4; count -= 4) {
      if (perColumn) {
        s = v128.load(scale);
        z = v128.load(zero);
      }
      const whole = f32x4.add(f32x4.nearest(f32x4.div(v128.load(x), s)), z);
      v128.store(y, f32x4.mul(f32x4.sub(f32x4.min(f32x4.max(whole, l), h), z), s));
      x += 16;
      y += 16;
      scale += next << 2;
      zero += next << 2;
    }
  }
  for (; count; count--) {
    const s = load<f32>(scale),
      z = load<f32>(zero);
    store<f32>(y, (min<f32>(max<f32>(nearest<f32>(load<f32>(x) / s) + z, low), high) - z) * s);
    x += 4;
    y += 4;
    scale += next;
    zero += next;
  }
}

/** dx = dy where low <= round(x / scale) + zero <= high, else 0. dx may be x or dy. */
function gradientRow(x: usize, scale: usize, zero: usize, dy: usize, dx: usize, count: usize, perColumn: u32, low: f32, high: f32): void {
  const next: usize = perColumn ? 4 : 0;
  if (ASC_FEATURE_SIMD) {
    let s = v128.load_splat<f32>(scale),
      z = v128.load_splat<f32>(zero);
    const l = f32x4.splat(low),
      h = f32x4.splat(high);
    for (; count >= 4; count -= 4) {
      if (perColumn) {
        s = v128.load(scale);
        z = v128.load(zero);
      }
      const whole = f32x4.add(f32x4.nearest(f32x4.div(v128.load(x), s)), z);
      v128.store(dx, v128.and(v128.load(dy), v128.and(f32x4.ge(whole, l), f32x4.le(whole, h))));
      x += 16;
      dy += 16;
      dx += 16;
      scale += next << 2;
      zero += next << 2;
    }
  }
  for (; count; count--) {
    const whole = nearest<f32>(load<f32>(x) / load<f32>(scale)) + load<f32>(zero);
    store<f32>(dx, whole >= low && whole <= high ? load<f32>(dy) : 0);
    x += 4;
    dy += 4;
    dx += 4;
    scale += next;
    zero += next;
  }
}
