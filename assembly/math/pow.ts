// Powers of f32, computed in f64, so that the result is off by little more than its own rounding. Both flavours use the same scalar code.

const LN2: f64 = 0.6931471805599453;
const LOG2E: f64 = 1.4426950408889634;

/** a to the power b, with the special cases of IEEE 754 `pow`. */
export function pow1(a: f32, b: f32): f32 {
  const whole = nearest<f32>(b) == b;
  if (whole && abs<f32>(b) <= 64) return <f32>integerPower(<f64>a, <i32>b);
  if (b == <f32>0.5 && a > 0) return sqrt<f32>(a);
  if (a == 1) return 1;
  if (a != a || b != b) return NaN;
  const base = abs<f32>(a);
  if (abs<f32>(b) == Infinity && base == 1) return 1;
  // From 2^24 on every f32 is even.
  const odd = whole && abs<f32>(b) < 16777216 && ((<i32>b) & 1) != 0;
  let result: f32;
  if (base == 0 || base == Infinity || abs<f32>(b) == Infinity) result = base > 1 == b > 0 ? Infinity : 0;
  else if (a < 0 && !whole) return NaN;
  else result = <f32>exp64(<f64>b * log64(<f64>base));
  return odd ? copysign<f32>(result, a) : result;
}

function integerPower(base: f64, exponent: i32): f64 {
  let product: f64 = 1;
  for (let n = abs<i32>(exponent); n; n >>= 1) {
    if (n & 1) product *= base;
    base *= base;
  }
  return exponent < 0 ? 1 / product : product;
}

/** ln x of a positive, finite, normal f64, to about 1e-14: 2 artanh((m - 1) / (m + 1)) by its series, m in √½ … √2. */
export function log64(x: f64): f64 {
  const bits = reinterpret<i64>(x) - 0x3fe6a09e00000000;
  const n = <f64>(bits >> 52);
  const m = reinterpret<f64>((bits & 0x000fffffffffffff) + 0x3fe6a09e00000000);
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p = z / 17 + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1;
  return n * LN2 + 2 * s * p;
}

/** e^x to about 1e-14, with x limited to ±700: far beyond the range of f32. */
export function exp64(x: f64): f64 {
  const limited = max<f64>(min<f64>(x, 700), -700);
  const n = nearest<f64>(limited * LOG2E);
  const r = limited - n * LN2;
  let p = r / 479001600 + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  return p * reinterpret<f64>((<i64>n + 1023) << 52);
}
