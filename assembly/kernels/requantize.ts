// Between f32, i32 and i8, and functions of one i8.
import { limited, limitedFloat, scaled } from '../math/requantize';
import { cutBytes, CLOSE_FAR, centerOf, closeBelow, FRACTION, limitedBytes, STEP, smallest } from '../math/requantize_vectors';
import { DequantizeColumns, Lookup, QuantizeInt8, Requantize } from '../records';
import { clamp, madd } from './vector_f32';

export function requantize_s8(r: Requantize): void {
  let x = r.x,
    y = r.y;
  for (let row: usize = 0; row < r.rows; row++) {
    for (let c: usize = 0; c < r.channels; c++) {
      const at = (c * r.perChannel) << 2;
      const sum = load<i32>(x);
      let value: i32;
      if (r.rounding == 2) value = limitedFloat(<f32>sum * load<f32>(r.scale + at), r.yZero, r.low, r.high);
      else value = limited(scaled(sum, load<i32>(r.multiplier + at), load<i32>(r.shift + at), r.rounding), r.yZero, r.low, r.high);
      store<i8>(y, value);
      x += 4;
      y++;
    }
  }
}

/** Just below a half: added away from zero and cut, it rounds halves away from zero and nothing else up. */
const BELOW_HALF: f32 = 0.4999999701976776123046875;

/** Reads f32, writes i8. */
export function quantize_s8(r: QuantizeInt8): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    // Where the reciprocal is off by half a unit in the last place; beyond, it may not be a normal number.
    if (r.scale > 1e-30 && r.scale < 1e30) i = quantized(r, FRACTION, 128, closeBelow(CLOSE_FAR));
    else i = divided(r, 0, r.length & ~7);
  }
  const low = <f32>(r.low - r.zero),
    high = <f32>(r.high - r.zero);
  for (; i < r.length; i++) {
    let value = load<f32>(r.x + (i << 2)) / r.scale;
    if (value != value) value = 0;
    value = max<f32>(min<f32>(value, high), low);
    const number = r.away ? <i32>(value + copysign<f32>(BELOW_HALF, value)) : <i32>nearest<f32>(value);
    store<i8>(r.y + i, number + r.zero);
  }
}

/**
 * Whole vectors of 16 numbers, by places (`requantize_vectors.ts`) of products with the reciprocal, which are at most 2 units from those of quotients.
 * Constants are arguments, so that the host does not make them anew at each use. Returns how many numbers were done.
 */
function quantized(r: QuantizeInt8, fraction: i32, sign: i32, near: i32): usize {
  const scale = f32x4.splat((1 / r.scale) * STEP),
    start = f32x4.splat(centerOf(r.zero, CLOSE_FAR)),
    mask = i32x4.splat(fraction),
    signs = i8x16.splat(<i8>sign),
    close = i32x4.splat(near),
    low = i8x16.splat(<i8>r.low),
    high = i8x16.splat(<i8>r.high);
  const count = r.length & ~15;
  for (let i: usize = 0; i < count; i += 16) {
    const x = r.x + (i << 2);
    const v0 = madd(v128.load(x), scale, start),
      v1 = madd(v128.load(x, 16), scale, start),
      v2 = madd(v128.load(x, 32), scale, start),
      v3 = madd(v128.load(x, 48), scale, start);
    v128.store(r.y + i, limitedBytes(cutBytes(v0, v1, v2, v3, signs), low, high));
    const least = smallest(smallest(smallest(v128.and(v0, mask), v1, mask), v2, mask), v3, mask),
      // NaN if one of them is.
      sum = f32x4.add(f32x4.add(v0, v1), f32x4.add(v2, v3));
    if (v128.any_true(v128.or(i32x4.lt_s(least, close), f32x4.ne(sum, sum)))) divided(r, i, i + 16);
  }
  return count;
}

/** Numbers `from` … `end` - 1, 8 at a time. Returns `end`. */
function divided(r: QuantizeInt8, from: usize, end: usize): usize {
  const scale = f32x4.splat(r.scale),
    lows = f32x4.splat(<f32>(r.low - r.zero)),
    highs = f32x4.splat(<f32>(r.high - r.zero)),
    zero = i16x8.splat(<i16>r.zero);
  for (; from < end; from += 8) {
    const x = r.x + (from << 2);
    const v = i16x8.narrow_i32x4_s(
      whole(clamp(numbers(f32x4.div(v128.load(x), scale)), lows, highs), r.away),
      whole(clamp(numbers(f32x4.div(v128.load(x, 16), scale)), lows, highs), r.away),
    );
    const y = i16x8.add(v, zero);
    v128.store64_lane(r.y + from, i8x16.narrow_i16x8_s(y, y), 0);
  }
  return end;
}

/** 0 in place of NaN. */
@inline
function numbers(v: v128): v128 {
  return v128.and(v, f32x4.eq(v, v));
}

@inline
function whole(v: v128, away: u32): v128 {
  if (away) return i32x4.trunc_sat_f32x4_s(f32x4.add(v, v128.or(v128.and(v, i32x4.splat(i32.MIN_VALUE)), f32x4.splat(BELOW_HALF))));
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(v));
}

/** Reads i8, writes f32. */
export function dequantize_s8(r: QuantizeInt8): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = i16x8.splat(<i16>r.zero),
      scale = f32x4.splat(r.scale);
    for (; i + 8 <= r.length; i += 8) {
      const v = i16x8.sub(v128.load8x8_s(r.x + i), zero);
      v128.store(r.y + (i << 2), f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)), scale));
      v128.store(r.y + (i << 2), f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), scale), 16);
    }
  }
  for (; i < r.length; i++) store<f32>(r.y + (i << 2), <f32>(<i32>load<i8>(r.x + i) - r.zero) * r.scale);
}

/** One row of i8, each times the scale of its column. */
function dequantizeRow(x: usize, scales: usize, y: usize, columns: usize): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 8 <= columns; c += 8) {
      const v = v128.load8x8_s(x + c);
      const s = scales + (c << 2),
        to = y + (c << 2);
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)), v128.load(s)));
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), v128.load(s, 16)), 16);
    }
  }
  for (; c < columns; c++) store<f32>(y + (c << 2), <f32>load<i8>(x + c) * load<f32>(scales + (c << 2)));
}

/** Rows of 8, the columns of a panel. */
function dequantizePanel(x: usize, scales: usize, y: usize, rows: usize): void {
  if (ASC_FEATURE_SIMD) {
    const low = v128.load(scales),
      high = v128.load(scales, 16);
    for (let i: usize = 0; i < rows; i++) {
      const v = v128.load8x8_s(x + (i << 3)),
        to = y + (i << 5);
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)), low));
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), high), 16);
    }
  } else {
    for (let i: usize = 0; i < rows << 3; i++) store<f32>(y + (i << 2), <f32>load<i8>(x + i) * load<f32>(scales + ((i & 7) << 2)));
  }
}

/** Reads i8, writes f32. */
export function dequantize_s8_columns(r: DequantizeColumns): void {
  const columns: usize = r.columns,
    rows: usize = r.rows;
  const size = rows * columns;
  let x = r.x,
    y = r.y,
    scales = r.scales;
  for (let o: usize = 0; o < r.outer; o++) {
    if (columns === 8) dequantizePanel(x, scales, y, rows);
    else for (let i: usize = 0; i < size; i += columns) dequantizeRow(x + i, scales, y + (i << 2), columns);
    x += size;
    y += size << 2;
    scales += columns << 2;
  }
}

/** y may be x. */
export function lookup_u8(r: Lookup): void {
  const table = r.table;
  let i: usize = 0;
  for (; i + 4 <= r.length; i += 4) {
    const x = load<u32>(r.x + i) ^ 0x80808080;
    const low = (<u32>load<u8>(table + <usize>(x & 255))) | ((<u32>load<u8>(table + <usize>((x >> 8) & 255))) << 8);
    const high = (<u32>load<u8>(table + <usize>((x >> 16) & 255))) | ((<u32>load<u8>(table + <usize>(x >> 24))) << 8);
    store<u32>(r.y + i, low | (high << 16));
  }
  for (; i < r.length; i++) store<u8>(r.y + i, load<u8>(table + <usize>(load<u8>(r.x + i) ^ 128)));
}
