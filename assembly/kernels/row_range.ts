// The range of a row, 0 included, and the 8-bit numbers TFLite's hybrid operators make of it.

@inline
function further4(a: v128, b: v128, up: bool): v128 {
  return up ? f32x4.pmax(a, b) : f32x4.pmin(a, b);
}

@inline
function further(a: f32, b: f32, up: bool): f32 {
  return up ? max<f32>(a, b) : min<f32>(a, b);
}

/** The highest of `length` f32 and 0 where `up`, else the lowest. NaN is none. */
@inline
function extreme(x: usize, length: usize, up: bool): f32 {
  let most: f32 = 0,
    i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    let v = f32x4.splat(0);
    let a = v,
      b = v,
      c = v;
    // Four at a time: each waits for the one before it.
    for (; i + 16 <= length; i += 16) {
      const p = x + (i << 2);
      v = further4(v, v128.load(p), up);
      a = further4(a, v128.load(p, 16), up);
      b = further4(b, v128.load(p, 32), up);
      c = further4(c, v128.load(p, 48), up);
    }
    v = further4(further4(v, a, up), further4(b, c, up), up);
    for (; i + 4 <= length; i += 4) v = further4(v, v128.load(x + (i << 2)), up);
    most = further(
      further(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1), up),
      further(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3), up),
      up,
    );
  }
  for (; i < length; i++) {
    const value = load<f32>(x + (i << 2));
    if (up ? value > most : value < most) most = value;
  }
  return most;
}

/** The lowest of `length` f32 and 0. */
export function lowest(x: usize, length: usize): f32 {
  return extreme(x, length, false);
}

/** The highest of `length` f32 and 0. */
export function highest(x: usize, length: usize): f32 {
  return extreme(x, length, true);
}

/** high - low, rounded to f32 as TFLite's vector code has it. */
@inline
function widthOf(low: f32, high: f32): f64 {
  const width: f32 = high - low;
  return <f64>width;
}

/** What a step of the row stands for; 1 where it is nothing but 0. */
export function unitOf(low: f32, high: f32, asymmetric: u32): f32 {
  if (low == high) return 1;
  return asymmetric ? <f32>(widthOf(low, high) / 255) : max<f32>(-low, high) / 127;
}

/** Steps a 1 of the row takes: finite, so that no number of the row is more than 255. */
export function stepsOf(low: f32, high: f32, asymmetric: u32): f32 {
  if (low == high) return 1;
  return min<f32>(asymmetric ? <f32>1 / unitOf(low, high, 1) : <f32>127 / max<f32>(-low, high), f32.MAX_VALUE);
}

/** The number that stands for 0: from the end of the range that is nearer to it (AsymmetricQuantizeFloats of TFLite). */
export function zeroOf(low: f32, high: f32, asymmetric: u32): i32 {
  if (!asymmetric || low == high) return 0;
  const scale = widthOf(low, high) / 255;
  const lowSteps = <f64>low / scale,
    highSteps = <f64>high / scale;
  const point = 128 - lowSteps < 127 + highSteps ? -128 - lowSteps : 127 - highSteps;
  if (!(point > -128)) return -128;
  return point >= 127 ? 127 : <i32>(point + copysign<f64>(0.5, point));
}

/** Just below a half: added away from zero and cut, it rounds halves away from zero and nothing else up. */
const BELOW_HALF: f32 = 0.4999999701976776123046875;

/** Whole numbers nearest to four f32, halves away from zero. */
@inline
function roundedAway(v: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.add(v, v128.or(v128.and(v, i32x4.splat(i32.MIN_VALUE)), f32x4.splat(BELOW_HALF))));
}

/** The 8-bit number of one f32, whose steps are rounded before the zero point is added; NaN is the zero point. */
@inline
export function numberOf(x: f32, steps: f32, zero: i32): i32 {
  const value: f32 = x * steps;
  const kept = value == value ? min<f32>(max<f32>(value, -1000), 1000) : 0;
  return min<i32>(max<i32>(<i32>(kept + copysign<f32>(BELOW_HALF, kept)) + zero, -128), 127);
}

/** `numberOf` of four f32, not yet limited to 8 bits. */
@inline
export function numbersOf(x: v128, steps: v128, zeros: v128): v128 {
  return i32x4.add(roundedAway(f32x4.mul(x, steps)), zeros);
}
