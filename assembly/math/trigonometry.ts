// Circular and hyperbolic functions of f32, computed in f64 by their series, so that a result is off by little more than its own rounding.
// Both flavours use the same scalar code.
import { exp64, log64 } from './pow';

const PI: f64 = 3.141592653589793;
/** π/2 in two parts: the first ends in zeros, so that its product with a whole number below 2^28 is exact. */
const QUARTER_HIGH: f64 = 1.5707963109016418;
const QUARTER_LOW: f64 = 1.5893254773528197e-8;
const QUARTERS: f64 = 0.6366197723675814;

/** 64 bits of 2/π (W. Kahan; fdlibm's e_rem_pio2.c has the table), the first of them number `at` after the binary point. */
function twoOverPi(at: i32): u64 {
  const shift = <u64>(at & 63);
  const word = at >> 6;
  const first: u64 = word == 0 ? 0xa2f9836e4e441529 : word == 1 ? 0xfc2757d1f534ddc0 : 0xdb6295993c439041;
  const second: u64 = word == 0 ? 0xfc2757d1f534ddc0 : word == 1 ? 0xdb6295993c439041 : 0xfe5163abdebbc561;
  return shift ? (first << shift) | (second >> (64 - shift)) : first;
}

/** x, or from 2^28 on what is left of it after full turns (M. H. Payne and R. N. Hanek 1983); NaN for what is not finite. */
function phase(x: f32): f64 {
  if (abs<f32>(x) < 268435456) return <f64>x;
  if (!(abs<f32>(x) < Infinity)) return NaN;
  const bits = reinterpret<i32>(x);
  const significand = <u64>((bits & 0x007fffff) | 0x00800000);
  // The bits of 2/π before this one give full turns.
  const at = ((bits >> 23) & 255) - 152;
  const turn = significand * twoOverPi(at) + ((significand * (twoOverPi(at + 64) >> 32)) >> 32);
  const angle = <f64>(<i64>turn) * (PI / 9223372036854775808.0);
  return x < 0 ? -angle : angle;
}

/** sin r for |r| <= π/4. */
@inline
function sine(r: f64): f64 {
  const z = r * r;
  let p = z * (1.0 / 6227020800) - 1.0 / 39916800;
  p = p * z + 1.0 / 362880;
  p = p * z - 1.0 / 5040;
  p = p * z + 1.0 / 120;
  p = p * z - 1.0 / 6;
  return p * z * r + r;
}

/** cos r for |r| <= π/4. */
@inline
function cosine(r: f64): f64 {
  const z = r * r;
  let p = z * (1.0 / 479001600) - 1.0 / 3628800;
  p = p * z + 1.0 / 40320;
  p = p * z - 1.0 / 720;
  p = p * z + 1.0 / 24;
  p = p * z - 0.5;
  return p * z + 1;
}

/** sin(x + quarters π/2). */
function wave(x: f32, quarters: i32): f64 {
  const angle = phase(x);
  const n = nearest<f64>(angle * QUARTERS);
  const r = angle - n * QUARTER_HIGH - n * QUARTER_LOW;
  const quadrant = <i32>n + quarters;
  const y = quadrant & 1 ? cosine(r) : sine(r);
  return quadrant & 2 ? -y : y;
}

export function sin1(x: f32): f32 {
  return x == 0 ? x : <f32>wave(x, 0);
}

export function cos1(x: f32): f32 {
  return <f32>wave(x, 1);
}

export function tan1(x: f32): f32 {
  return x == 0 ? x : <f32>(wave(x, 0) / wave(x, 1));
}

/** Below tan(π/8) by the series, above it by π/4 + atan((t - 1) / (t + 1)), above 1 by π/2 - atan(1/t). */
function atan64(x: f64): f64 {
  const a = abs<f64>(x);
  const t = a > 1 ? 1 / a : a;
  const middle = t > 0.4142135623730951;
  const s = middle ? (t - 1) / (t + 1) : t;
  const z = s * s;
  let p = z * (-1.0 / 27) + 1.0 / 25;
  p = p * z - 1.0 / 23;
  p = p * z + 1.0 / 21;
  p = p * z - 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z - 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z - 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z - 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z - 1.0 / 3;
  p = p * z * s + s;
  if (middle) p += PI / 4;
  return copysign<f64>(a > 1 ? PI / 2 - p : p, x);
}

export function atan1(x: f32): f32 {
  return <f32>atan64(x);
}

/** NaN outside -1 … 1, as acos. */
export function asin1(x: f32): f32 {
  return <f32>atan64(<f64>x / sqrt<f64>((1 - <f64>x) * (1 + <f64>x)));
}

export function acos1(x: f32): f32 {
  return <f32>(2 * atan64(sqrt<f64>((1 - <f64>x) / (1 + <f64>x))));
}

export function sinh1(x: f32): f32 {
  const a = <f64>abs<f32>(x);
  if (a < 0.5) {
    const z = a * a;
    let p = z * (1.0 / 39916800) + 1.0 / 362880;
    p = p * z + 1.0 / 5040;
    p = p * z + 1.0 / 120;
    p = p * z + 1.0 / 6;
    return copysign<f32>(<f32>(p * z * a + a), x);
  }
  const e = exp64(a);
  return copysign<f32>(<f32>(0.5 * (e - 1 / e)), x);
}

export function cosh1(x: f32): f32 {
  const e = exp64(<f64>abs<f32>(x));
  return <f32>(0.5 * (e + 1 / e));
}

/** ln(a + √(a² + 1)); near 0 its series, which keeps the small ones. */
export function asinh1(x: f32): f32 {
  const a = <f64>abs<f32>(x);
  const z = a * a;
  if (!(a < Infinity)) return x;
  const y = a < 0.03 ? ((z * (-5.0 / 112) + 3.0 / 40) * z - 1.0 / 6) * z * a + a : log64(a + sqrt<f64>(z + 1));
  return copysign<f32>(<f32>y, x);
}

/** ln(x + √(x² - 1)); NaN below 1. */
export function acosh1(x: f32): f32 {
  if (!(x >= 1)) return NaN;
  if (x == Infinity) return x;
  return <f32>log64(<f64>x + sqrt<f64>((<f64>x - 1) * (<f64>x + 1)));
}

/** ½ ln((1 + a) / (1 - a)); near 0 its series. NaN outside -1 … 1. */
export function atanh1(x: f32): f32 {
  const a = <f64>abs<f32>(x);
  const z = a * a;
  if (!(a <= 1)) return NaN;
  if (a == 1) return copysign<f32>(Infinity, x);
  const y = a < 0.03 ? ((z * (1.0 / 7) + 1.0 / 5) * z + 1.0 / 3) * z * a + a : 0.5 * log64((1 + a) / (1 - a));
  return copysign<f32>(<f32>y, x);
}
