// Rows quantized at run time (ONNX DynamicQuantizeLinear), and their products with 8-bit weights: sums as i32, or in f32 times scales of which one is
// known at run time only.
import { DynamicQuantize, LinearScaled } from '../records';
import { isWide, widen } from './band_s8';
import { panelSums } from './gemm_s8';
import { highest, lowest } from './row_range';
import { loadPart, storePart } from './vector_f32';

/** x as x / scale + zero in -128..127, the step and the zero point from the range of all of x and 0. */
export function dynamic_quantize_s8(r: DynamicQuantize): void {
  const low = lowest(r.x, r.length),
    high = highest(r.x, r.length);
  const scale: f32 = low == high ? 1 : (high - low) / 255;
  const point = nearest<f32>(min<f32>(max<f32>(-low / scale, 0), 255));
  // A range that overflows has no step: everything is zero.
  const zero = (point == point ? <i32>point : 0) - 128;
  store<f32>(r.scale, scale);
  store<i32>(r.zero, zero);
  quantizeAll(r.x, r.y, r.length, scale, zero);
}

/** y[i] = x[i] / scale + zero, halves to even. */
export function quantizeAll(x: usize, y: usize, length: usize, scale: f32, zero: i32): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const steps = f32x4.splat(scale),
      zeros = i16x8.splat(<i16>zero);
    for (; i + 8 <= length; i += 8) {
      const v = i16x8.narrow_i32x4_s(
        i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(v128.load(x), steps))),
        i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(v128.load(x, 16), steps))),
      );
      const moved = i16x8.add_sat_s(v, zeros);
      v128.store64_lane(y, i8x16.narrow_i16x8_s(moved, moved), 0);
      x += 32;
      y += 8;
    }
  }
  for (; i < length; i++) {
    const value = nearest<f32>(load<f32>(x) / scale);
    const whole = value == value ? <i32>min<f32>(max<f32>(value, -512), 512) : 0;
    store<i8>(y, min<i32>(max<i32>(whole + zero, -128), 127));
    x += 4;
    y++;
  }
}

/** Scratch: the table of runs (one, at offset 0), 16 bytes of 128, the sum of each row of a block, biases of all columns, sums of a panel. */
@inline
function signsOf(r: LinearScaled): usize {
  return r.sums + 16;
}

@inline
function totalsOf(r: LinearScaled): usize {
  return r.sums + 32;
}

@inline
function biasesOf(r: LinearScaled): usize {
  return r.sums + 32 + ((<usize>r.blockRows + 3) & ~3) * 4;
}

@inline
function panelOf(r: LinearScaled): usize {
  return biasesOf(r) + ((<usize>r.columns + 7) & ~7) * 4;
}

export function linear_scaled_s8(r: LinearScaled): void {
  if (!r.rows || !r.columns) return;
  const wide = isWide(r.columns);
  const depth = <usize>r.depth,
    stride = depth << (wide ? 1 : 0);
  const size = ((depth + 3) & ~3) << 3;
  const zero = load<i32>(r.zero);
  store<u32>(r.sums, 0);
  memory.fill(signsOf(r), 128, 16);
  const biases = biasesOf(r),
    count = (<usize>r.columns + 7) & ~7;
  for (let n: usize = 0; n < count << 2; n += 4) {
    store<i32>(biases + n, (r.wholeBias ? load<i32>(r.wholeBias + n) : 0) - (zero + 128) * load<i32>(r.totals + n));
  }
  for (let m: usize = 0; m < r.rows; m += r.blockRows) {
    const rows = min<usize>(r.blockRows, r.rows - m);
    const x = r.x + m * depth;
    widen(r.band, x, rows * depth, wide, signsOf(r));
    if (r.zeros) {
      for (let row: usize = 0; row < rows; row++) store<i32>(totalsOf(r) + (row << 2), total(x + row * depth, depth) - zero * <i32>depth);
    }
    let w = r.w;
    for (let n: usize = 0; n < r.columns; n += 8) {
      panelSums(r.band, stride, r.sums, 1, depth, w, 0, biases + (n << 2), panelOf(r), rows, wide);
      const columns = min<usize>(8, r.columns - n);
      if (r.zeros) lessZeros(panelOf(r), totalsOf(r), r.zeros + (n << 2), rows);
      finishRows(r, panelOf(r), r.y + ((m * r.columns + n) << 2), rows, n, columns);
      w += size;
    }
  }
}

/** Σ x. */
export function total(x: usize, count: usize): i32 {
  let sum: i32 = 0;
  if (ASC_FEATURE_SIMD) {
    let v = i32x4.splat(0);
    for (; count >= 16; count -= 16) {
      v = i32x4.add(v, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(v128.load(x))));
      x += 16;
    }
    sum = i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
  }
  for (; count; count--) sum += <i32>load<i8>(x++);
  return sum;
}

/** What the zero points of the weights take off: zero of a column times the sum of a row. */
export function lessZeros(sums: usize, totals: usize, zeros: usize, rows: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    if (ASC_FEATURE_SIMD) {
      const t = v128.load32_splat(totals);
      v128.store(sums, i32x4.sub(v128.load(sums), i32x4.mul(t, v128.load(zeros))));
      v128.store(sums, i32x4.sub(v128.load(sums, 16), i32x4.mul(t, v128.load(zeros, 16))), 16);
    } else {
      const t = load<i32>(totals);
      for (let c: usize = 0; c < 32; c += 4) store<i32>(sums + c, load<i32>(sums + c) - t * load<i32>(zeros + c));
    }
    totals += 4;
    sums += 32;
  }
}

function finishRows(r: LinearScaled, sums: usize, y: usize, rows: usize, first: usize, columns: usize): void {
  const stride = (<usize>r.columns) << 2;
  if (!r.unit) {
    for (; rows; rows--) {
      memory.copy(y, sums, columns << 2);
      sums += 32;
      y += stride;
    }
    return;
  }
  const unit = load<f32>(r.unit);
  const scales = r.scales + (first << 2),
    bias = r.bias + (first << 2);
  if (ASC_FEATURE_SIMD) {
    const units = f32x4.splat(unit);
    const s0 = f32x4.mul(v128.load(scales), units),
      s1 = f32x4.mul(v128.load(scales, 16), units),
      b0 = r.bias ? loadPart(bias, 0, columns) : f32x4.splat(0),
      b1 = r.bias ? loadPart(bias, 4, columns) : f32x4.splat(0);
    for (; rows; rows--) {
      const v0 = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), s0), b0),
        v1 = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums, 16)), s1), b1);
      storePart(y, v0, v1, columns);
      sums += 32;
      y += stride;
    }
  } else {
    for (; rows; rows--) {
      for (let c: usize = 0; c < columns << 2; c += 4)
        store<f32>(y + c, <f32>load<i32>(sums + c) * (load<f32>(scales + c) * unit) + (r.bias ? load<f32>(bias + c) : 0));
      sums += 32;
      y += stride;
    }
  }
}
