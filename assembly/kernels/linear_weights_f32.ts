// Products of f32 rows with weights of 8 or 4 bits, for few rows: reading the weights is what takes time. A row becomes 16-bit whole numbers first;
// runs of its products are summed in 32 bits, scaled, and added in f32, in the same order in every flavour. Scratch: 16 bytes of 15 (V8 makes a
// constant vector anew at each use), the sums of each run's numbers, the numbers.
import { LinearWeights } from '../records';
import { pairs, wideDot } from './gemm_s8';
import { loadPart, storePart } from './vector_f32';

/** Weights of 4 bits are stored plus 8. */
const NIBBLE_ZERO: i32 = 8;

@inline
function sumsOf(r: LinearWeights): usize {
  return r.scratch + 16;
}

@inline
function numbersOf(r: LinearWeights): usize {
  return r.scratch + 16 + ((<usize>r.count + 3) & ~3) * 4;
}

export function linear_weights_f32(r: LinearWeights): void {
  if (ASC_FEATURE_SIMD) v128.store(r.scratch, i8x16.splat(15));
  const quads = (<usize>r.length) >> 2;
  const panelBytes = quads * <usize>r.count * (r.bits == 4 ? 16 : 32);
  for (let m: usize = 0; m < r.rows; m++) {
    const most = wholeNumbers(r, r.x + ((m * r.depth) << 2));
    const unit = most / <f32>32767;
    let w = r.w;
    for (let n: usize = 0; n < r.columns; n += 8) {
      const y = r.y + ((m * r.columns + n) << 2);
      const columns = min<usize>(8, r.columns - n);
      if (ASC_FEATURE_SIMD) {
        if (r.bits == 4) nibblePanel(r, w, r.scales + (n << 2), r.bias + (n << 2), unit, y, columns);
        else bytePanel(r, w, r.scales + (n << 2), r.bias + (n << 2), unit, y, columns);
      } else {
        for (let c: usize = 0; c < columns; c++)
          store<f32>(y + (c << 2), column(r, w, c, r.scales + ((n + c) << 2)) * unit + load<f32>(r.bias + ((n + c) << 2)));
      }
      w += panelBytes;
    }
  }
}

/** The row at x as whole numbers of 16 bits, zeros behind it, and their sums run by run; returns its largest magnitude, which became 32767. */
function wholeNumbers(r: LinearWeights, x: usize): f32 {
  const depth = <usize>r.depth;
  let most: f32 = 0;
  for (let k: usize = 0; k < depth; k++) most = max<f32>(most, abs<f32>(load<f32>(x + (k << 2))));
  const factor: f32 = most > 0 ? <f32>32767 / most : 0;
  const padded = <usize>r.length * r.count;
  let to = numbersOf(r),
    k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const factors = f32x4.splat(factor);
    for (; k + 8 <= depth; k += 8) {
      const v0 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x), factors))),
        v1 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x, 16), factors)));
      v128.store(to, i16x8.narrow_i32x4_s(v0, v1));
      x += 32;
      to += 16;
    }
  }
  for (; k < depth; k++) {
    const number = <i32>nearest<f32>(load<f32>(x) * factor);
    store<i16>(to, max<i32>(min<i32>(number, 32767), -32768));
    x += 4;
    to += 2;
  }
  for (; k < padded; k++) {
    store<i16>(to, 0);
    to += 2;
  }
  to = numbersOf(r);
  for (let run: usize = 0; run < r.count; run++) {
    let sum = 0;
    for (let end = to + ((<usize>r.length) << 1); to < end; to += 2) sum += load<i16>(to);
    store<i32>(sumsOf(r) + (run << 2), sum);
  }
  return most;
}

/** Σ over runs of scale · Σ of whole products, of one column. */
function column(r: LinearWeights, w: usize, c: usize, scales: usize): f32 {
  let total: f32 = 0,
    x = numbersOf(r);
  for (let run: usize = 0; run < r.count; run++) {
    let sum = 0;
    for (let q: usize = 0; q < (<usize>r.length) >> 2; q++) {
      for (let i: usize = 0; i < 4; i++) {
        let weight: i32;
        if (r.bits == 4) {
          const byte = <i32>load<u8>(w + ((c & 3) << 2) + i);
          weight = (c < 4 ? byte & 15 : byte >> 4) - NIBBLE_ZERO;
        } else weight = load<i8>(w + (c << 2) + i);
        sum += <i32>load<i16>(x) * weight;
        x += 2;
      }
      w += r.bits == 4 ? 16 : 32;
    }
    total += <f32>sum * load<f32>(scales);
    scales += r.scaleStride << 2;
  }
  return total;
}

/** Stores total · unit + bias of at most 8 columns. */
@inline
function storeColumns(low: v128, high: v128, unit: f32, bias: usize, y: usize, columns: usize): void {
  const units = f32x4.splat(unit);
  if (columns == 8) {
    v128.store(y, f32x4.add(f32x4.mul(low, units), v128.load(bias)));
    v128.store(y, f32x4.add(f32x4.mul(high, units), v128.load(bias, 16)), 16);
  } else {
    const b0 = loadPart(bias, 0, columns),
      b1 = loadPart(bias, 4, columns);
    storePart(y, f32x4.add(f32x4.mul(low, units), b0), f32x4.add(f32x4.mul(high, units), b1), columns);
  }
}

function bytePanel(r: LinearWeights, w: usize, scales: usize, bias: usize, unit: f32, y: usize, columns: usize): void {
  let x = numbersOf(r);
  let low = f32x4.splat(0),
    high = low;
  const bytes = (<usize>r.length) << 3;
  for (let run = r.count; run; run--) {
    let a0 = i32x4.splat(0),
      a1 = a0,
      a2 = a0,
      a3 = a0;
    for (const end = w + bytes; w < end; w += 32) {
      const s = v128.load64_splat(x);
      a0 = wideDot(v128.load8x8_s(w), s, a0);
      a1 = wideDot(v128.load8x8_s(w, 8), s, a1);
      a2 = wideDot(v128.load8x8_s(w, 16), s, a2);
      a3 = wideDot(v128.load8x8_s(w, 24), s, a3);
      x += 8;
    }
    low = f32x4.add(low, f32x4.mul(f32x4.convert_i32x4_s(pairs(a0, a1)), v128.load(scales)));
    high = f32x4.add(high, f32x4.mul(f32x4.convert_i32x4_s(pairs(a2, a3)), v128.load(scales, 16)));
    scales += r.scaleStride << 2;
  }
  storeColumns(low, high, unit, bias, y, columns);
}

/** Columns 0 to 3 are the low halves of bytes, 4 to 7 the high ones. What is stored is 8 larger, so 8 times the sum of the run is taken off. */
function nibblePanel(r: LinearWeights, w: usize, scales: usize, bias: usize, unit: f32, y: usize, columns: usize): void {
  let x = numbersOf(r),
    sums = sumsOf(r);
  let low = f32x4.splat(0),
    high = low;
  const mask = v128.load(r.scratch);
  const bytes = (<usize>r.length) << 2;
  for (let run = r.count; run; run--) {
    let a0 = i32x4.splat(0),
      a1 = a0,
      a2 = a0,
      a3 = a0;
    for (const end = w + bytes; w < end; w += 16) {
      const s = v128.load64_splat(x),
        v = v128.load(w);
      const first = v128.and(v, mask),
        second = v128.and(i16x8.shr_u(v, 4), mask);
      a0 = wideDot(i16x8.extend_low_i8x16_u(first), s, a0);
      a1 = wideDot(i16x8.extend_high_i8x16_u(first), s, a1);
      a2 = wideDot(i16x8.extend_low_i8x16_u(second), s, a2);
      a3 = wideDot(i16x8.extend_high_i8x16_u(second), s, a3);
      x += 8;
    }
    const off = i32x4.splat(load<i32>(sums) << 3);
    low = f32x4.add(low, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(pairs(a0, a1), off)), v128.load(scales)));
    high = f32x4.add(high, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(pairs(a2, a3), off)), v128.load(scales, 16)));
    scales += r.scaleStride << 2;
    sums += 4;
  }
  storeColumns(low, high, unit, bias, y, columns);
}
