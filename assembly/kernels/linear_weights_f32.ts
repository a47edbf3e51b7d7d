// Products of f32 rows with weights of 8 or 4 bits, which are read as they are. Each run of a row becomes 16-bit whole numbers of its own unit first, so that
// one large number spoils no run but its own; products of a run are summed in 32 bits, scaled, and added in f32, in the same order in every flavour. Four rows
// at a time share the weights that are widened. Scratch: 16 bytes of 15 (V8 makes a constant vector anew at each use), and for each row of a block the sums
// of its runs, their units, and the numbers.
import { LinearWeights } from '../records';
import { pairs, wideDot } from './quads_s8';
import { loadPart, storePart } from './vector_f32';

/** Weights of 4 bits are stored plus 8. */
const NIBBLE_ZERO: i32 = 8;

/** The rows of a block. */
@inline
function rowsOf(r: LinearWeights): usize {
  return r.scratch + 16;
}

/** Bytes from the sums of a row to its units, and from these to its numbers. */
@inline
function runBytes(r: LinearWeights): usize {
  return ((<usize>r.count + 3) & ~3) * 4;
}

@inline
function rowBytes(r: LinearWeights): usize {
  return (runBytes(r) << 1) + ((<usize>r.length * r.count) << 1);
}

export function linear_weights_f32(r: LinearWeights): void {
  if (ASC_FEATURE_SIMD) v128.store(r.scratch, i8x16.splat(15));
  const panelBytes = ((<usize>r.length) >> 2) * <usize>r.count * (r.bits == 4 ? 16 : 32);
  for (let m: usize = 0; m < r.rows; m += r.blockRows) {
    const rows = min<usize>(r.blockRows, r.rows - m);
    for (let row: usize = 0; row < rows; row++) wholeRow(r, r.x + (((m + row) * r.depth) << 2), rowsOf(r) + row * rowBytes(r));
    let w = r.w;
    for (let n: usize = 0; n < r.columns; n += 8) {
      panel(r, w, r.scales + (n << 2), r.bias + (n << 2), r.y + ((m * r.columns + n) << 2), rows, min<usize>(8, r.columns - n));
      w += panelBytes;
    }
  }
}

/** At most 8 columns of the rows of a block. */
function panel(r: LinearWeights, w: usize, scales: usize, bias: usize, y: usize, rows: usize, columns: usize): void {
  const stride = (<usize>r.columns) << 2;
  let row: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; row + 4 <= rows; row += 4) {
      if (r.bits == 4) {
        nibbleTile(r, row, w, 0, scales, bias, y, min<usize>(4, columns));
        if (columns > 4) nibbleTile(r, row, w, 4, scales + 16, bias + 16, y + 16, columns - 4);
      } else {
        byteTile(r, row, w, scales, bias, y, min<usize>(4, columns));
        if (columns > 4) byteTile(r, row, w + 16, scales + 16, bias + 16, y + 16, columns - 4);
      }
      y += stride << 2;
    }
  }
  for (; row < rows; row++) {
    const sums = rowsOf(r) + row * rowBytes(r);
    if (ASC_FEATURE_SIMD) {
      if (r.bits == 4) nibblePanel(r, sums, w, scales, bias, y, columns);
      else bytePanel(r, sums + runBytes(r), w, scales, bias, y, columns);
    } else {
      for (let c: usize = 0; c < columns << 2; c += 4)
        store<f32>(y + c, column(r, sums + runBytes(r), w, c >> 2, scales + c) + load<f32>(bias + c));
    }
    y += stride;
  }
}

/** The row at x as whole numbers at `row`, after the sums and the units of its runs; zeros fill the last run. */
function wholeRow(r: LinearWeights, x: usize, row: usize): void {
  const length = <usize>r.length;
  let to = row + (runBytes(r) << 1),
    left = <usize>r.depth;
  for (let run: usize = 0; run < r.count; run++) {
    const filled = min(left, length);
    store<f32>(row + runBytes(r), wholeRun(x, filled, to) / <f32>32767);
    for (let k = filled; k < length; k++) store<i16>(to + (k << 1), 0);
    let sum = 0;
    for (const end = to + (length << 1); to < end; to += 2) sum += load<i16>(to);
    store<i32>(row, sum);
    x += filled << 2;
    left -= filled;
    row += 4;
  }
}

/** The numbers at x as whole ones of 16 bits; returns their largest magnitude, which became 32767. */
@inline
function wholeRun(x: usize, count: usize, to: usize): f32 {
  let most: f32 = 0;
  for (let k: usize = 0; k < count; k++) most = max<f32>(most, abs<f32>(load<f32>(x + (k << 2))));
  const factor: f32 = most > 0 ? <f32>32767 / most : 0;
  let k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const factors = f32x4.splat(factor);
    for (; k + 8 <= count; k += 8) {
      const v0 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + (k << 2)), factors))),
        v1 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + (k << 2), 16), factors)));
      v128.store(to + (k << 1), i16x8.narrow_i32x4_s(v0, v1));
    }
  }
  for (; k < count; k++) {
    const number = <i32>nearest<f32>(load<f32>(x + (k << 2)) * factor);
    store<i16>(to + (k << 1), max<i32>(min<i32>(number, 32767), -32768));
  }
  return most;
}

/** Σ over runs of scale · unit · Σ of whole products, of one column. */
function column(r: LinearWeights, units: usize, w: usize, c: usize, scales: usize): f32 {
  let total: f32 = 0;
  let x = units + runBytes(r);
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
    total += <f32>sum * (load<f32>(scales) * load<f32>(units));
    scales += r.scaleStride << 2;
    units += 4;
  }
  return total;
}

/** Stores total + bias of at most 8 columns. */
@inline
function storeColumns(low: v128, high: v128, bias: usize, y: usize, columns: usize): void {
  if (columns == 8) {
    v128.store(y, f32x4.add(low, v128.load(bias)));
    v128.store(y, f32x4.add(high, v128.load(bias, 16)), 16);
  } else storePart(y, f32x4.add(low, loadPart(bias, 0, columns)), f32x4.add(high, loadPart(bias, 4, columns)), columns);
}

/** A total and the sums of a run in its unit and the scales of the columns. */
@inline
function scaled(total: v128, sums: v128, scale: v128, unit: usize): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sums), f32x4.mul(scale, v128.load32_splat(unit))));
}

function bytePanel(r: LinearWeights, units: usize, w: usize, scales: usize, bias: usize, y: usize, columns: usize): void {
  let x = units + runBytes(r);
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
    low = scaled(low, pairs(a0, a1), v128.load(scales), units);
    high = scaled(high, pairs(a2, a3), v128.load(scales, 16), units);
    scales += r.scaleStride << 2;
    units += 4;
  }
  storeColumns(low, high, bias, y, columns);
}

/** Columns 0 to 3 are the low halves of bytes, 4 to 7 the high ones. What is stored is 8 larger, so 8 times the sum of the run is taken off. */
function nibblePanel(r: LinearWeights, sums: usize, w: usize, scales: usize, bias: usize, y: usize, columns: usize): void {
  const units = runBytes(r);
  let x = sums + (units << 1);
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
    low = scaled(low, i32x4.sub(pairs(a0, a1), off), v128.load(scales), sums + units);
    high = scaled(high, i32x4.sub(pairs(a2, a3), off), v128.load(scales, 16), sums + units);
    scales += r.scaleStride << 2;
    sums += 4;
  }
  storeColumns(low, high, bias, y, columns);
}

/** A row of a tile: total + bias of at most 4 columns. */
@inline
function storeRow(total: v128, bias: v128, y: usize, columns: usize): void {
  const v = f32x4.add(total, bias);
  if (columns == 4) v128.store(y, v);
  else storePart(y, v, v, columns);
}

@inline
function storeTile(r: LinearWeights, a: v128, b: v128, c: v128, d: v128, bias: usize, y: usize, columns: usize): void {
  const stride = (<usize>r.columns) << 2,
    added = loadPart(bias, 0, columns);
  storeRow(a, added, y, columns);
  storeRow(b, added, y + stride, columns);
  storeRow(c, added, y + (stride << 1), columns);
  storeRow(d, added, y + stride * 3, columns);
}

/** 4 rows by at most 4 columns. */
function byteTile(r: LinearWeights, row: usize, w: usize, scales: usize, bias: usize, y: usize, columns: usize): void {
  const stride = rowBytes(r),
    bytes = (<usize>r.length) << 3;
  let units = rowsOf(r) + row * stride + runBytes(r);
  let x0 = units + runBytes(r);
  let x1 = x0 + stride,
    x2 = x1 + stride,
    x3 = x2 + stride;
  let t0 = f32x4.splat(0),
    t1 = t0,
    t2 = t0,
    t3 = t0;
  for (let run = r.count; run; run--) {
    let a0 = i32x4.splat(0),
      a1 = a0,
      b0 = a0,
      b1 = a0,
      c0 = a0,
      c1 = a0,
      d0 = a0,
      d1 = a0;
    for (const end = w + bytes; w < end; w += 32) {
      const w0 = v128.load8x8_s(w),
        w1 = v128.load8x8_s(w, 8);
      let s = v128.load64_splat(x0);
      a0 = wideDot(w0, s, a0);
      a1 = wideDot(w1, s, a1);
      s = v128.load64_splat(x1);
      b0 = wideDot(w0, s, b0);
      b1 = wideDot(w1, s, b1);
      s = v128.load64_splat(x2);
      c0 = wideDot(w0, s, c0);
      c1 = wideDot(w1, s, c1);
      s = v128.load64_splat(x3);
      d0 = wideDot(w0, s, d0);
      d1 = wideDot(w1, s, d1);
      x0 += 8;
      x1 += 8;
      x2 += 8;
      x3 += 8;
    }
    const scale = v128.load(scales);
    t0 = scaled(t0, pairs(a0, a1), scale, units);
    t1 = scaled(t1, pairs(b0, b1), scale, units + stride);
    t2 = scaled(t2, pairs(c0, c1), scale, units + (stride << 1));
    t3 = scaled(t3, pairs(d0, d1), scale, units + stride * 3);
    scales += r.scaleStride << 2;
    units += 4;
  }
  storeTile(r, t0, t1, t2, t3, bias, y, columns);
}

/** `scaled` less 8 times the sum of the numbers, which weights that are stored 8 larger add. */
@inline
function scaledNibbles(r: LinearWeights, total: v128, sums: v128, scale: v128, unit: usize): v128 {
  return scaled(total, i32x4.sub(sums, i32x4.shl(v128.load32_splat(unit - runBytes(r)), 3)), scale, unit);
}

/** The same of the halves of bytes that `shift` moves down. */
function nibbleTile(r: LinearWeights, row: usize, w: usize, shift: i32, scales: usize, bias: usize, y: usize, columns: usize): void {
  const stride = rowBytes(r),
    bytes = (<usize>r.length) << 2,
    mask = v128.load(r.scratch);
  let units = rowsOf(r) + row * stride + runBytes(r);
  let x0 = units + runBytes(r);
  let x1 = x0 + stride,
    x2 = x1 + stride,
    x3 = x2 + stride;
  let t0 = f32x4.splat(0),
    t1 = t0,
    t2 = t0,
    t3 = t0;
  for (let run = r.count; run; run--) {
    let a0 = i32x4.splat(0),
      a1 = a0,
      b0 = a0,
      b1 = a0,
      c0 = a0,
      c1 = a0,
      d0 = a0,
      d1 = a0;
    for (const end = w + bytes; w < end; w += 16) {
      const v = v128.and(i16x8.shr_u(v128.load(w), shift), mask);
      const w0 = i16x8.extend_low_i8x16_u(v),
        w1 = i16x8.extend_high_i8x16_u(v);
      let s = v128.load64_splat(x0);
      a0 = wideDot(w0, s, a0);
      a1 = wideDot(w1, s, a1);
      s = v128.load64_splat(x1);
      b0 = wideDot(w0, s, b0);
      b1 = wideDot(w1, s, b1);
      s = v128.load64_splat(x2);
      c0 = wideDot(w0, s, c0);
      c1 = wideDot(w1, s, c1);
      s = v128.load64_splat(x3);
      d0 = wideDot(w0, s, d0);
      d1 = wideDot(w1, s, d1);
      x0 += 8;
      x1 += 8;
      x2 += 8;
      x3 += 8;
    }
    const scale = v128.load(scales);
    t0 = scaledNibbles(r, t0, pairs(a0, a1), scale, units);
    t1 = scaledNibbles(r, t1, pairs(b0, b1), scale, units + stride);
    t2 = scaledNibbles(r, t2, pairs(c0, c1), scale, units + (stride << 1));
    t3 = scaledNibbles(r, t3, pairs(d0, d1), scale, units + stride * 3);
    scales += r.scaleStride << 2;
    units += 4;
  }
  storeTile(r, t0, t1, t2, t3, bias, y, columns);
}
