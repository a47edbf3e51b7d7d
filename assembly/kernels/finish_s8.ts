// The end of every 8-bit product: i32 sums become i8. `prepare` looks at all factors of a call and chooses the fastest way that has the exact bits for
// every sum there can be; the other functions do it for the sums of one panel.
import { limited, limitedFloat, scaled } from '../math/requantize';
import {
  CLOSE,
  CLOSE_LARGE,
  centerOf,
  closeBelow,
  cutBytes,
  factorOf,
  factorsOf,
  FRACTION,
  limitedBytes,
  nudgeOf,
  nudgesOf,
  placed,
  placedSigned,
  smallest,
  STEP,
} from '../math/requantize_vectors';
import { Conv2dInt8 } from '../records';

/** Ways to requantize: exactly, number by number, or in vectors: PLACED where nothing depends on the sign of a sum, else SIGNED. */
export const EXACT: i32 = 0;
const PLACED: i32 = 1;
export const SIGNED: i32 = 2;

/** Elements from one list of a call's factors to the next. */
@inline
function padded(channels: usize): usize {
  return ((channels + 7) & ~7) + 8;
}

/**
 * The table of a call: 16 bytes of 128; constants of 4 bytes (V8 makes a constant vector anew at each use, in three instructions, but loads one in a
 * single one); lists of biases (i32), scales and starts (f32; nudges where results are SIGNED); the offsets of runs.
 */
const SIGN_BITS: usize = 16,
  FRACTIONS: usize = 20,
  CLOSES: usize = 24,
  CENTERS: usize = 28,
  LOWS: usize = 32,
  HIGHS: usize = 36,
  LISTS: usize = 48;

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
  return r.table;
}

/**
 * Fills the lists of biases, scales and nudges; returns the way. `depth`: products of a sum.
 */
export function prepare(r: Conv2dInt8, depth: usize): i32 {
  const channels = <usize>r.outChannels,
    list = padded(channels) << 2;
  const most = <i64>depth * 32640 + <i64>largestOf(r.bias, channels),
    close: i32 = most > 1 << 24 ? CLOSE_LARGE : CLOSE;
  if (ASC_FEATURE_SIMD) {
    v128.store(r.table, i8x16.splat(-128));
    store<i32>(r.table, i32.MIN_VALUE, SIGN_BITS);
    store<i32>(r.table, FRACTION, FRACTIONS);
    store<i32>(r.table, closeBelow(close), CLOSES);
    store<f32>(r.table, centerOf(r.yZero, close), CENTERS);
    store<i32>(r.table, (r.low & 255) * 0x01010101, LOWS);
    store<i32>(r.table, (r.high & 255) * 0x01010101, HIGHS);
  }
  // What is below zero is limited to it anyway, so any nudge will do; rounding once has none.
  const way: i32 = r.rounding || r.low >= r.yZero ? PLACED : SIGNED;
  const start: f32 = way == PLACED ? centerOf(r.yZero, close) : 0;
  // Channel by channel: one with weights of nearly 0 has a tiny factor, and a bias that is huge in its units (TFLite's converter limits it to 2^30).
  let largest: f32 = 0,
    c: usize = 0;
  const at = biasesOf(r),
    step = (<usize>r.perChannel) << 2,
    span: f32 = <f32>depth * 32640;
  if (ASC_FEATURE_SIMD) {
    if (step) {
      let results = f32x4.splat(0);
      for (; c + 4 <= channels; c += 4) {
        const to = at + (c << 2);
        const bias = v128.load(r.bias + (c << 2)),
          factor = preparedFour(r, c << 2, to + list, to + (list << 1), start);
        v128.store(to, bias);
        const size = f32x4.convert_i32x4_u(i32x4.abs(bias));
        results = f32x4.max(results, f32x4.mul(f32x4.add(size, f32x4.splat(span)), f32x4.abs(factor)));
      }
      for (let lane: usize = 0; lane < 4; lane++) {
        // Not max: NaN has to show.
        const result = f32x4.extract_lane(results, 0);
        if (!(result <= largest)) largest = result;
        results = v128.shuffle<i32>(results, results, 1, 2, 3, 0);
      }
    }
  }
  for (; c < channels; c++) {
    const to = at + (c << 2);
    const bias = load<i32>(r.bias + (c << 2)),
      factor = abs<f32>(preparedOne(r, c * step, to + list, to + (list << 1), start));
    store<i32>(to, bias);
    const result: f32 = (<f32>(<u32>abs<i32>(bias)) + span) * factor;
    if (!(result <= largest)) largest = result;
  }
  // Columns that are not there are never close to a tie.
  for (; c < padded(channels); c++) {
    store<f32>(at + list + (c << 2), 0);
    store<f32>(at + (list << 1) + (c << 2), start);
  }
  // Sums must not wrap, places not be infinite.
  return most > <i64>i32.MAX_VALUE || !(largest < 4194304) ? EXACT : way;
}

/** The largest size of `count` numbers. */
function largestOf(x: usize, count: usize): u32 {
  let most: u32 = 0,
    i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    let mosts = i32x4.splat(0);
    for (; i + 4 <= count; i += 4) mosts = i32x4.max_u(mosts, i32x4.abs(v128.load(x + (i << 2))));
    mosts = i32x4.max_u(mosts, v128.shuffle<i32>(mosts, mosts, 2, 3, 0, 1));
    most = max<u32>(i32x4.extract_lane(mosts, 0), i32x4.extract_lane(mosts, 1));
  }
  for (; i < count; i++) most = max<u32>(most, abs<i32>(load<i32>(x + (i << 2))));
  return most;
}

/** Stores and returns the scale of a channel, and stores `start` and its nudge; `from`: bytes into the lists of factors. */
@inline
function preparedOne(r: Conv2dInt8, from: usize, scale: usize, starts: usize, start: f32): f32 {
  if (r.rounding == 2) {
    const factor = load<f32>(r.scale + from) * STEP;
    store<f32>(scale, factor);
    store<f32>(starts, start);
    return factor;
  }
  const shift = load<i32>(r.shift + from);
  const factor = factorOf(load<i32>(r.multiplier + from), shift);
  store<f32>(scale, factor);
  store<f32>(starts, start + nudgeOf(shift, r.rounding));
  return factor;
}

/** The same of four channels. */
@inline
function preparedFour(r: Conv2dInt8, from: usize, scale: usize, starts: usize, start: f32): v128 {
  if (r.rounding == 2) {
    const factor = f32x4.mul(v128.load(r.scale + from), f32x4.splat(STEP));
    v128.store(scale, factor);
    v128.store(starts, f32x4.splat(start));
    return factor;
  }
  const shift = v128.load(r.shift + from);
  const factor = factorsOf(v128.load(r.multiplier + from), shift);
  v128.store(scale, factor);
  v128.store(starts, f32x4.add(f32x4.splat(start), nudgesOf(shift, r.rounding)));
  return factor;
}

/** y[rows, columns] of sums[rows, 8]; `channel` is the first of the columns, `stride` the bytes between rows of y. */
export function finish(r: Conv2dInt8, way: i32, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  if (ASC_FEATURE_SIMD) {
    if (way == PLACED) return finishPlaced(r, sums, y, stride, rows, columns, channel);
    if (way == SIGNED) return finishSigned(r, sums, y, stride, rows, columns, channel);
  }
  finishExact(r, sums, y, stride, rows, columns, channel);
}

/** The result of a sum; `at`: bytes into the lists of factors. R: a record that has them. */
@inline
export function exactly<R>(r: R, sum: i32, at: usize): i32 {
  if (r.rounding == 2) return limitedFloat(<f32>sum * load<f32>(r.scale + at), r.yZero, r.low, r.high);
  return limited(scaled(sum, load<i32>(r.multiplier + at), load<i32>(r.shift + at), r.rounding), r.yZero, r.low, r.high);
}

function finishExact(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  for (let c: usize = 0; c < columns; c++) {
    const at = ((channel + c) * r.perChannel) << 2;
    let from = sums + (c << 2),
      to = y + c;
    for (let m: usize = 0; m < rows; m++) {
      store<i8>(to, exactly(r, load<i32>(from), at));
      from += 32;
      to += stride;
    }
  }
}

/** Computes again what is close to a tie. */
function finishClose(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize, signed: bool): void {
  const table = r.table,
    mask = fractionMask(table),
    center = centers(table),
    sign = signBits(table),
    close = v128.load32_splat(table, CLOSES);
  for (; rows; rows--) {
    for (let first: usize = 0; first < columns; first += 4) {
      const sum = v128.load(sums + (first << 2)),
        scale = v128.load(scalesOf(r, channel + first)),
        start = v128.load(startsOf(r, channel + first));
      const place = signed ? placedSigned(sum, scale, start, center, sign) : placed(sum, scale, start);
      let lanes = i32x4.bitmask(i32x4.lt_s(v128.and(place, mask), close));
      for (; lanes; lanes &= lanes - 1) {
        const c = first + ctz<i32>(lanes);
        if (c < columns) store<i8>(y + c, exactly(r, load<i32>(sums + (c << 2)), ((channel + c) * r.perChannel) << 2));
      }
    }
    sums += 32;
    y += stride;
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
    storePair(y, stride, v);
  } else {
    storeBytes(y, v, columns);
    storeBytes(y + stride, v128.shuffle<i64>(v, v, 1, 1), columns);
  }
}

function finishPlaced(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  finishRows(r, sums, y, stride, rows, columns, channel, false);
}
function finishSigned(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize): void {
  finishRows(r, sums, y, stride, rows, columns, channel, true);
}

@inline
function placeOf(sum: usize, scale: v128, start: v128, center: v128, sign: v128, signed: bool): v128 {
  return signed ? placedSigned(v128.load(sum), scale, start, center, sign) : placed(v128.load(sum), scale, start);
}

@inline
export function storePair(y: usize, stride: usize, v: v128): void {
  v128.store64_lane(y, v, 0);
  v128.store64_lane(y + stride, v, 1);
}

@inline
function finishRows(r: Conv2dInt8, sums: usize, y: usize, stride: usize, rows: usize, columns: usize, channel: usize, signed: bool): void {
  const scales = scalesOf(r, channel),
    starts = startsOf(r, channel);
  const s0 = v128.load(scales),
    s1 = v128.load(scales, 16),
    n0 = v128.load(starts),
    n1 = v128.load(starts, 16);
  const table = r.table;
  const center = centers(table),
    sign = signBits(table),
    mask = fractionMask(table),
    signs = v128.load(table),
    low = lows(table),
    high = highs(table);
  if (columns == 8) {
    const limited = isLimited(r);
    for (; rows >= 4; rows -= 4) {
      const a0 = placeOf(sums, s0, n0, center, sign, signed),
        a1 = placeOf(sums + 16, s1, n1, center, sign, signed),
        b0 = placeOf(sums + 32, s0, n0, center, sign, signed),
        b1 = placeOf(sums + 48, s1, n1, center, sign, signed);
      storePair(y, stride, tileBytes(r, limited, a0, a1, b0, b1, signs));
      let least = smallest(smallest(smallest(v128.and(a0, mask), a1, mask), b0, mask), b1, mask);
      const c0 = placeOf(sums + 64, s0, n0, center, sign, signed),
        c1 = placeOf(sums + 80, s1, n1, center, sign, signed),
        d0 = placeOf(sums + 96, s0, n0, center, sign, signed),
        d1 = placeOf(sums + 112, s1, n1, center, sign, signed);
      storePair(y + (stride << 1), stride, tileBytes(r, limited, c0, c1, d0, d1, signs));
      least = smallest(smallest(smallest(least, c0, mask), c1, mask), d0, mask);
      if (isClose(table, least, v128.and(d1, mask))) finishClose(r, sums, y, stride, 4, columns, channel, signed);
      sums += 128;
      y += stride << 2;
    }
  }
  for (; rows >= 2; rows -= 2) {
    const a0 = signed ? placedSigned(v128.load(sums), s0, n0, center, sign) : placed(v128.load(sums), s0, n0),
      a1 = signed ? placedSigned(v128.load(sums, 16), s1, n1, center, sign) : placed(v128.load(sums, 16), s1, n1),
      b0 = signed ? placedSigned(v128.load(sums, 32), s0, n0, center, sign) : placed(v128.load(sums, 32), s0, n0),
      b1 = signed ? placedSigned(v128.load(sums, 48), s1, n1, center, sign) : placed(v128.load(sums, 48), s1, n1);
    storeRows(y, stride, columns, limitedBytes(cutBytes(a0, a1, b0, b1, signs), low, high));
    if (isClose(table, smallest(smallest(v128.and(a0, mask), a1, mask), b0, mask), v128.and(b1, mask)))
      finishClose(r, sums, y, stride, 2, columns, channel, signed);
    sums += 64;
    y += stride << 1;
  }
  if (rows) {
    const a0 = signed ? placedSigned(v128.load(sums), s0, n0, center, sign) : placed(v128.load(sums), s0, n0),
      a1 = signed ? placedSigned(v128.load(sums, 16), s1, n1, center, sign) : placed(v128.load(sums, 16), s1, n1);
    storeBytes(y, limitedBytes(cutBytes(a0, a1, a0, a1, signs), low, high), columns);
    if (isClose(table, v128.and(a0, mask), v128.and(a1, mask))) finishClose(r, sums, y, stride, 1, columns, channel, signed);
  }
}

/** Lists of the factors of 8 channels, and the constants of PLACED and SIGNED. */
@inline
export function scalesOf(r: Conv2dInt8, channel: usize): usize {
  return biasesOf(r) + ((padded(r.outChannels) + channel) << 2);
}

@inline
export function startsOf(r: Conv2dInt8, channel: usize): usize {
  return scalesOf(r, channel) + (padded(r.outChannels) << 2);
}

/** The constants of a call's table. */
@inline
export function centers(table: usize): v128 {
  return v128.load32_splat(table, CENTERS);
}

@inline
export function signBits(table: usize): v128 {
  return v128.load32_splat(table, SIGN_BITS);
}

@inline
export function fractionMask(table: usize): v128 {
  return v128.load32_splat(table, FRACTIONS);
}

@inline
function lows(table: usize): v128 {
  return v128.load32_splat(table, LOWS);
}

@inline
function highs(table: usize): v128 {
  return v128.load32_splat(table, HIGHS);
}

/** Whether limits of results are tighter than those of i8. */
@inline
export function isLimited(r: Conv2dInt8): bool {
  return r.low > -128 || r.high < 127;
}

/** Two rows of a tile, from their places. */
@inline
export function tileBytes(r: Conv2dInt8, limited: bool, a0: v128, a1: v128, b0: v128, b1: v128, signs: v128): v128 {
  const v = cutBytes(a0, a1, b0, b1, signs);
  return limited ? limitedBytes(v, lows(r.table), highs(r.table)) : v;
}

/** Whether one of these fractions is too close to a tie: less CLOSES, it has a sign. */
@inline
export function isClose(table: usize, a: v128, b: v128): bool {
  return i32x4.bitmask(i32x4.sub(i32x4.min_u(a, b), v128.load32_splat(table, CLOSES))) != 0;
}
