// Remainders of f32. Both flavours use the same scalar code.

/** a - b trunc(a / b), exactly, as C's fmodf: NaN for an infinite a and for b = 0. */
export function fmod1(a: f32, b: f32): f32 {
  const divisor = <f64>abs<f32>(b);
  let rest = <f64>abs<f32>(a);
  if (!(rest < Infinity && divisor > 0)) return NaN;
  // Long division: takes off the largest b · 2^k below the rest, which f64 does without rounding.
  while (rest >= divisor) {
    let part = divisor * reinterpret<f64>((exponent(rest) - exponent(divisor) + 1023) << 52);
    if (part > rest) part *= 0.5;
    rest -= part;
  }
  return copysign<f32>(<f32>rest, a);
}

/** The same with the sign of b, as Python's %. */
export function mod1(a: f32, b: f32): f32 {
  const rest = fmod1(a, b);
  if (rest == 0) return copysign<f32>(rest, b);
  return rest < 0 == b < 0 ? rest : rest + b;
}

@inline
function exponent(x: f64): i64 {
  return reinterpret<i64>(x) >> 52;
}
