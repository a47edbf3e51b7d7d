// The end of every 8-bit product: i32 sums become i8. `prepare` looks at all factors of a call and chooses the fastest way that has the exact bits for
// every sum there can be; the other functions do it for the sums of one panel.
import { limited, limitedFloat, scaled } from '../math/requantize';
import { bytes, factorOf, MAGIC, nudgeOf, nudged, once, raised, rest, TIE } from '../math/requantize_vectors';
import { Conv2dInt8 } from '../records';

/** Ways to requantize: exactly, number by number; in vectors, in fixed point or float. */
const EXACT: i32 = 0;
const FIXED: i32 = 1;
const FLOAT: i32 = 2;

/** Elements from one list of a call's factors to the next. */
@inline
function padded(channels: usize): usize {
  return ((channels + 7) & ~7) + 8;
}

/**
 * The table of a call: constants (V8 makes a constant vector anew at each use, in three instructions, but keeps one it has loaded), then lists of
 * biases (i32), scales and nudges (f32), then the offsets of runs.
 */
const SIGN_BITS: usize = 16,
  TIES: usize = 32,
  SIGN_BYTES: usize = 48,
  LISTS: usize = 64;

@inline
export function biasesOf(r: Conv2dInt8): usize {
  return r.table + LISTS;
}

/** Where the offsets of the runs of a window are. */
@inline
export function runsOf(r: Conv2dInt8): usize {
  return r.table + LISTS + padded(r.outChannels) * 12;
}

/** Where 16 bytes of 128 are. */
@inline
export function signBytes(r: Conv2dInt8): usize {
  return r.table + SIGN_BYTES;
}

/**
 * Fills the lists of biases, scales and nudges; returns the way. `depth`: products of a sum.
 */
export function prepare(r: Conv2dInt8, depth: usize): i32 {
  const channels = <usize>r.outChannels,
    list = padded(channels) << 2;
  if (ASC_FEATURE_SIMD) {
    v128.store(r.table, f32x4.splat(MAGIC));
    v128.store(r.table + SIGN_BITS, i32x4.splat(i32.MIN_VALUE));
    v128.store(r.table + TIES, f32x4.splat(TIE));
    v128.store(r.table + SIGN_BYTES, i8x16.splat(-128));
  }
  let most: i32 = 0,
    largest: f32 = 0,
    c: usize = 0;
  const at = biasesOf(r),
    step = (<usize>r.perChannel) << 2,
    span: f32 = <f32>depth * 32640;
  if (ASC_FEATURE_SIMD) {
    if (step) {
      let mosts = i32x4.splat(0),
        results = f32x4.splat(0);
      for (; c + 4 <= channels; c += 4) {
        const to = at + (c << 2);
        const bias = v128.load(r.bias + (c << 2)),
          factor = preparedFour(r, c << 2, to + list, to + (list << 1));
        v128.store(to, bias);
        const size = i32x4.abs(bias);
        mosts = i32x4.max_u(mosts, size);
        results = f32x4.max(results, f32x4.mul(f32x4.add(f32x4.convert_i32x4_u(size), f32x4.splat(span)), f32x4.abs(factor)));
      }
      for (let lane: usize = 0; lane < 4; lane++) {
        // Not max: NaN has to show.
        const result = f32x4.extract_lane(results, 0);
        if (!(result <= largest)) largest = result;
        most = <i32>max<u32>(most, i32x4.extract_lane(mosts, 0));
        results = v128.shuffle<i32>(results, results, 1, 2, 3, 0);
        mosts = v128.shuffle<i32>(mosts, mosts, 1, 2, 3, 0);
      }
    }
  }
  for (; c < channels; c++) {
    const to = at + (c << 2);
    const bias = load<i32>(r.bias + (c << 2)),
      factor = abs<f32>(preparedOne(r, c * step, to + list, to + (list << 1))),
      size = abs<i32>(bias);
    store<i32>(to, bias);
    most = <i32>max<u32>(most, size);
    const result: f32 = (<f32>(<u32>size) + span) * factor;
    if (!(result <= largest)) largest = result;
  }
  // Channel by channel: one with weights of nearly 0 has a tiny factor, and a bias that is huge in its units (TFLite's converter limits it to 2^30).
  // Sums must not wrap; results must stay below 2^22, less the rounding of `result`.
  if (<i64>(<u32>most) + <i64>depth * 32640 > <i64>i32.MAX_VALUE || !(largest < 4194300)) return EXACT;
  return r.rounding == 2 ? FLOAT : FIXED;
}

/** Stores and returns the scale of a channel, and stores its nudge; `from`: bytes into the lists of factors. */
@inline
function preparedOne(r: Conv2dInt8, from: usize, scale: usize, nudge: usize): f32 {
  if (r.rounding == 2) {
    const factor = load<f32>(r.scale + from);
    store<f32>(scale, factor);
    return factor;
  }
  const shift = load<i32>(r.shift + from);
  const factor = factorOf(load<i32>(r.multiplier + from), shift);
  store<f32>(scale, factor);
  store<f32>(nudge, nudgeOf(shift, r.rounding));
  return factor;
}

/** The same of four channels. */
@inline
function preparedFour(r: Conv2dInt8, from: usize, scale: usize, nudge: usize): v128 {
  if (r.rounding == 2) {
    const factor = v128.load(r.scale + from);
    v128.store(scale, factor);
    return factor;
  }
  const shift = v128.load(r.shift + from);
  const power = i32x4.shl(i32x4.add(shift, i32x4.splat(96)), 23);
  const factor = f32x4.mul(f32x4.convert_i32x4_s(v128.load(r.multiplier + from)), power);
  v128.store(scale, factor);
  const half = i32x4.shl(i32x4.add(shift, i32x4.splat(126)), 23);
  v128.store(nudge, r.rounding == 0 ? v128.and(half, i32x4.lt_s(shift, i32x4.splat(0))) : i32x4.splat(0));
  return factor;
}

/** y[rows, columns] of sums[rows, 8]; `channel` is the first of the columns, `stride` the bytes between rows of y. */
export function finish(r: Conv2dInt8, way: i32, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  if (ASC_FEATURE_SIMD) {
    if (way == FIXED) {
      // What is below zero is limited to it anyway, so any nudge will do.
      if (r.low >= r.yZero) return finishPositive(r, sums, y, stride, rows, columns, channel);
      return finishFixed(r, sums, y, stride, rows, columns, channel);
    }
    if (way == FLOAT) return finishFloat(r, sums, y, stride, rows, columns, channel);
  }
  finishExact(r, sums, y, stride, rows, columns, channel);
}

function finishExact(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  for (let c: usize = 0; c < columns; c++) {
    const at = ((channel + c) * r.perChannel) << 2;
    let from = sums + (c << 2),
      to = y + c;
    for (let m: usize = 0; m < rows; m++) {
      const sum = load<i32>(from);
      let value: i32;
      if (r.rounding == 2) value = limitedFloat(<f32>sum * load<f32>(r.scale + at), r.yZero, r.low, r.high);
      else value = limited(scaled(sum, load<i32>(r.multiplier + at), load<i32>(r.shift + at), r.rounding), r.yZero, r.low, r.high);
      store<i8>(to, value);
      from += 32;
      to += stride;
    }
  }
}

/** Stores the first `count` (at most 8) bytes. */
@inline
function storeBytes(y: usize, v: v128, count: usize): void {
  let bits = i64x2.extract_lane(v, 0);
  if (count == 8) {
    store<i64>(y, bits);
    return;
  }
  if (count & 4) {
    store<i32>(y, <i32>bits);
    bits >>= 32;
    y += 4;
  }
  if (count & 2) {
    store<i16>(y, <i16>bits);
    bits >>= 16;
    y += 2;
  }
  if (count & 1) store<i8>(y, <i8>bits);
}

@inline
function storeRows(y: usize, stride: usize, columns: usize, v: v128): void {
  if (columns == 8) {
    v128.store64_lane(y, v, 0);
    v128.store64_lane(y + stride, v, 1);
  } else {
    storeBytes(y, v, columns);
    storeBytes(y + stride, v128.shuffle<i64>(v, v, 1, 1), columns);
  }
}

function finishFloat(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  const factors = biasesOf(r) + ((padded(r.outChannels) + channel) << 2);
  const s0 = v128.load(factors),
    s1 = v128.load(factors, 16);
  const magic = v128.load(r.table);
  const zero = i16x8.splat(<i16>r.yZero),
    low = i8x16.splat(<i8>r.low),
    high = i8x16.splat(<i8>r.high);
  for (; rows >= 2; rows -= 2) {
    const a = i16x8.narrow_i32x4_s(once(v128.load(sums), s0, magic), once(v128.load(sums, 16), s1, magic)),
      b = i16x8.narrow_i32x4_s(once(v128.load(sums, 32), s0, magic), once(v128.load(sums, 48), s1, magic));
    storeRows(y, stride, columns, bytes(a, b, zero, low, high));
    sums += 64;
    y += stride << 1;
  }
  if (rows) {
    const a = i16x8.narrow_i32x4_s(once(v128.load(sums), s0, magic), once(v128.load(sums, 16), s1, magic));
    storeBytes(y, bytes(a, a, zero, low, high), columns);
  }
}

function finishFixed(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  finishRows(r, sums, y, stride, rows, columns, channel, false);
}
function finishPositive(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  finishRows(r, sums, y, stride, rows, columns, channel, true);
}

@inline
function finishRows(
  r: Conv2dInt8,
  sums: usize,
  y: usize,
  stride: usize,
  rows: usize,
  columns: usize,
  channel: usize,
  positive: bool,
): void {
  const list = padded(r.outChannels) << 2;
  const factors = biasesOf(r) + list + (channel << 2);
  const s0 = v128.load(factors),
    s1 = v128.load(factors, 16),
    n0 = v128.load(factors + list),
    n1 = v128.load(factors + list, 16);
  const magic = v128.load(r.table),
    tie = v128.load(r.table + TIES),
    sign = v128.load(r.table + SIGN_BITS);
  const zero = i16x8.splat(<i16>r.yZero),
    low = i8x16.splat(<i8>r.low),
    high = i8x16.splat(<i8>r.high);
  for (; rows >= 2; rows -= 2) {
    let v = positive ? raised(v128.load(sums), s0, n0) : nudged(v128.load(sums), s0, n0, sign),
      t = f32x4.add(v, magic);
    let worst = rest(v, t, magic, sign);
    const a0 = i32x4.sub(t, magic);
    v = positive ? raised(v128.load(sums, 16), s1, n1) : nudged(v128.load(sums, 16), s1, n1, sign);
    t = f32x4.add(v, magic);
    worst = f32x4.pmax(worst, rest(v, t, magic, sign));
    const a = i16x8.narrow_i32x4_s(a0, i32x4.sub(t, magic));
    v = positive ? raised(v128.load(sums, 32), s0, n0) : nudged(v128.load(sums, 32), s0, n0, sign);
    t = f32x4.add(v, magic);
    worst = f32x4.pmax(worst, rest(v, t, magic, sign));
    const b0 = i32x4.sub(t, magic);
    v = positive ? raised(v128.load(sums, 48), s1, n1) : nudged(v128.load(sums, 48), s1, n1, sign);
    t = f32x4.add(v, magic);
    worst = f32x4.pmax(worst, rest(v, t, magic, sign));
    const b = i16x8.narrow_i32x4_s(b0, i32x4.sub(t, magic));
    if (v128.any_true(f32x4.ge(worst, tie))) finishExact(r, sums, y, stride, 2, columns, channel);
    else storeRows(y, stride, columns, bytes(a, b, zero, low, high));
    sums += 64;
    y += stride << 1;
  }
  if (rows) {
    const v = positive ? raised(v128.load(sums), s0, n0) : nudged(v128.load(sums), s0, n0, sign),
      t = f32x4.add(v, magic),
      u = positive ? raised(v128.load(sums, 16), s1, n1) : nudged(v128.load(sums, 16), s1, n1, sign),
      q = f32x4.add(u, magic);
    const worst = f32x4.pmax(rest(v, t, magic, sign), rest(u, q, magic, sign));
    if (v128.any_true(f32x4.ge(worst, tie))) finishExact(r, sums, y, stride, 1, columns, channel);
    else {
      const a = i16x8.narrow_i32x4_s(i32x4.sub(t, magic), i32x4.sub(q, magic));
      storeBytes(y, bytes(a, a, zero, low, high), columns);
    }
  }
}
