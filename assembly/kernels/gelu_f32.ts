// GELU, x Φ(x) (Hendrycks and Gimpel 2016), as max(x, 0) - |x| Φ(-|x|): exact to a few units of the last place in the lower tail too.
// Φ(-a) = e^(-a²/2) u P(u) with u = 1 / (1 + 0.35 a / √2), the erfc of math/tanh_erf.ts.
import { expBelow1, expBelow4, lane0, lane1, lane2, lane3, LN2_HIGH, LN2_LOW, LOG2E, LOWEST, ROUND, ROUND_BIAS } from '../math/exp_log';
import { Unary } from '../records';
import { loadPart, madd, storePart } from './vector_f32';

const SLOPE: f32 = 0.35 * 0.70710678118654752;

export function gelu_f32(r: Unary): void {
  let x = r.x;
  let y = r.y;
  let count = <usize>r.length;
  if (ASC_FEATURE_SIMD) {
    geluVectors(x, y, count);
  } else {
    for (; count; count--) {
      store<f32>(y, gelu1(load<f32>(x)));
      x += 4;
      y += 4;
    }
  }
}

function gelu1(x: f32): f32 {
  const a = abs<f32>(x);
  const u: f32 = <f32>1 / (a * SLOPE + 1);
  const z: f32 = u * u;
  const h0: f32 = <f32>0.01920018962 * u + <f32>-0.07946225425;
  const h1: f32 = <f32>0.0907260367 * u + <f32>-0.01384655061;
  const h2: f32 = <f32>0.04350402653 * u + <f32>0.07302403015;
  const h3: f32 = <f32>0.07559205895 * u + <f32>0.09395142605;
  const h4: f32 = <f32>0.09856914975 * u + <f32>0.09874189065;
  const q: f32 = ((((h0 * z + h1) * z + h2) * z + h3) * z + h4) * u;
  const tail: f32 = q * expBelow1(a * a * <f32>-0.5);
  return (x < <f32>-0.0 ? <f32>-0.0 : x) + -a * tail;
}

/**
 * The same for vectors. The constants are many more than registers: V8 keeps them on the stack, and a load is free where arithmetic is the
 * bound. Taking them from lanes inside the loop costs an instruction each on the ports that multiply (1.5× the time, measured).
 */
function geluVectors(x: usize, y: usize, count: usize): void {
  // 0, but not to the eyes of a compiler, which would build each constant anew: lengths are below 2^31.
  const zero = i32x4.splat(<i32>(count >> 31));
  const k0 = v128.or(f32x4(-SLOPE, 0.01920018962, -0.07946225425, 0.0907260367), zero),
    k1 = v128.or(f32x4(-0.01384655061, 0.04350402653, 0.07302403015, 0.07559205895), zero),
    k2 = v128.or(f32x4(0.09395142605, 0.09856914975, 0.09874189065, -0.5), zero),
    k3 = v128.or(f32x4(LOWEST, LOG2E, ROUND, -LN2_HIGH), zero),
    k4 = v128.or(f32x4(-LN2_LOW, 1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3), zero),
    k5 = v128.or(f32x4(4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1), zero),
    k6 = v128.or(i32x4(ROUND_BIAS, 0x80000000, 0, 0), zero);
  const minusSlope = lane0(k0),
    p0 = lane1(k0),
    p1 = lane2(k0),
    p2 = lane3(k0);
  const p3 = lane0(k1),
    p4 = lane1(k1),
    p5 = lane2(k1),
    p6 = lane3(k1);
  const p7 = lane0(k2),
    p8 = lane1(k2),
    p9 = lane2(k2),
    minusHalf = lane3(k2);
  const lowest = lane0(k3),
    log2e = lane1(k3),
    round = lane2(k3),
    minusLn2High = lane3(k3);
  const minusLn2Low = lane0(k4),
    e0 = lane1(k4),
    e1 = lane2(k4),
    e2 = lane3(k4);
  const e3 = lane0(k5),
    e4 = lane1(k5),
    e5 = lane2(k5),
    one = lane3(k5);
  const bias = lane0(k6),
    minusZero = lane1(k6);
  for (; count;) {
    const v = count >= 4 ? v128.load(x) : loadPart(x, 0, count);
    const minusA = v128.or(v, minusZero);
    const u = f32x4.div(one, madd(minusA, minusSlope, one));
    const z = f32x4.mul(u, u);
    const h0 = madd(p0, u, p1),
      h1 = madd(p2, u, p3),
      h2 = madd(p4, u, p5),
      h3 = madd(p6, u, p7),
      h4 = madd(p8, u, p9);
    const q = f32x4.mul(madd(madd(madd(madd(h0, z, h1), z, h2), z, h3), z, h4), u);
    const t = f32x4.mul(f32x4.mul(v, v), minusHalf);
    const tail = f32x4.mul(q, expBelow4(t, log2e, round, minusLn2High, minusLn2Low, e0, e1, e2, e3, e4, e5, lowest, one, bias));
    const result = madd(minusA, tail, f32x4.pmax(v, minusZero));
    if (count < 4) {
      storePart(y, result, result, count);
      return;
    }
    v128.store(y, result);
    x += 16;
    y += 16;
    count -= 4;
  }
}
