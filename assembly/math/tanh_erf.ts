// tanh, erf and their relatives of f32, written twice with the same operations (see exp_log.ts).
import { madd } from '../kernels/vector_f32';
import { exp1, expA, expB, expC, expD, expOf4, lane0, lane1, lane2, lane3 } from './exp_log';

/** 1 / (1 + e^-x), from e^-|x|: exact to a few units of the last place in both tails. */
@inline
export function sigmoidOf4(x: v128, a: v128, b: v128, c: v128, d: v128): v128 {
  const e = expOf4(f32x4.neg(f32x4.abs(x)), a, b, c, d);
  const one = lane0(d);
  const top = v128.bitselect(e, one, f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(top, f32x4.add(e, one));
}

@inline
export function sigmoid4(x: v128): v128 {
  const zero = f32x4.splat(0);
  return sigmoidOf4(x, expA(zero), expB(zero), expC(zero), expD(zero));
}

export function sigmoid1(x: f32): f32 {
  const e = exp1(-abs<f32>(x));
  return (x < 0 ? e : 1) / (e + 1);
}

/** Below 0.625 a polynomial (Cephes, tanhf.c), above it 1 - 2 / (e^2|x| + 1), which ends at exactly 1. */
@inline
export function tanhOf4(x: v128, a: v128, b: v128, c: v128, d: v128): v128 {
  const size = f32x4.abs(x);
  const e = expOf4(f32x4.add(size, size), a, b, c, d);
  const one = lane0(d);
  let far = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(e, one)));
  far = v128.bitselect(x, far, i32x4.splat(0x80000000));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, z), x), x);
  return v128.bitselect(near, far, f32x4.lt(size, f32x4.splat(0.625)));
}

export function tanh1(x: f32): f32 {
  const a = abs<f32>(x);
  if (!(a < <f32>0.625)) return copysign<f32>(<f32>1 - <f32>2 / (exp1(a + a) + 1), x);
  const z: f32 = x * x;
  let p: f32 = -5.70498872745e-3;
  p = p * z + <f32>2.06390887954e-2;
  p = p * z + <f32>-5.37397155531e-2;
  p = p * z + <f32>1.33314422036e-1;
  p = p * z + <f32>-3.33332819422e-1;
  return p * z * x + x;
}

/** The constants of erfcOf4, as expA. */
@inline
export function erfcA(zero: v128): v128 {
  return v128.or(f32x4(0.35, 0.03840037924, -0.1589245085, 0.1814520734), zero);
}

@inline
export function erfcB(zero: v128): v128 {
  return v128.or(f32x4(-0.02769310122, 0.08700805306, 0.1460480603, 0.1511841179), zero);
}

/** And √½. */
@inline
export function erfcC(zero: v128): v128 {
  return v128.or(f32x4(0.1879028521, 0.1971382995, 0.1974837813, 0.70710678118654752), zero);
}

/** 1 - erf(v) for v >= 0: e^-v² u P(u) with u = 1 / (1 + 0.35 v) (minimax, relative error 7e-9 plus that of e^-v²). a … g: expA … erfcC. */
@inline
export function erfcOf4(v: v128, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128): v128 {
  const one = lane0(d);
  const u = f32x4.div(one, f32x4.add(f32x4.mul(v, lane0(e)), one));
  const z = f32x4.mul(u, u);
  const h0 = madd(lane1(e), u, lane2(e)),
    h1 = madd(lane3(e), u, lane0(f)),
    h2 = madd(lane1(f), u, lane2(f)),
    h3 = madd(lane3(f), u, lane0(g)),
    h4 = madd(lane1(g), u, lane2(g));
  const p = madd(madd(madd(madd(h0, z, h1), z, h2), z, h3), z, h4);
  return f32x4.mul(f32x4.mul(p, u), expOf4(f32x4.neg(f32x4.mul(v, v)), a, b, c, d));
}

export function erfc1(a: f32): f32 {
  const u: f32 = <f32>1 / (a * <f32>0.35 + 1);
  const z: f32 = u * u;
  const h0: f32 = <f32>0.03840037924 * u + <f32>-0.1589245085;
  const h1: f32 = <f32>0.1814520734 * u + <f32>-0.02769310122;
  const h2: f32 = <f32>0.08700805306 * u + <f32>0.1460480603;
  const h3: f32 = <f32>0.1511841179 * u + <f32>0.1879028521;
  const h4: f32 = <f32>0.1971382995 * u + <f32>0.1974837813;
  const p: f32 = (((h0 * z + h1) * z + h2) * z + h3) * z + h4;
  return p * u * exp1(-(a * a));
}

/** Below 1 a polynomial (Cephes, ndtrf.c), above it 1 - erfc, which ends at exactly 1. */
@inline
export function erfOf4(x: v128, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128): v128 {
  const size = f32x4.abs(x);
  const far = v128.bitselect(x, f32x4.sub(lane0(d), erfcOf4(size, a, b, c, d, e, f, g)), i32x4.splat(0x80000000));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(7.853861353153693e-5);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-8.010193625184903e-4));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(5.188327685732524e-3));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-2.685381193529856e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.128358514861418e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.7612625824233e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.12837916572671));
  return v128.bitselect(f32x4.mul(p, x), far, f32x4.lt(size, lane0(d)));
}

export function erf1(x: f32): f32 {
  const a = abs<f32>(x);
  if (!(a < 1)) return copysign<f32>(<f32>1 - erfc1(a), x);
  const z: f32 = x * x;
  let p: f32 = 7.853861353153693e-5;
  p = p * z + <f32>-8.010193625184903e-4;
  p = p * z + <f32>5.188327685732524e-3;
  p = p * z + <f32>-2.685381193529856e-2;
  p = p * z + <f32>1.128358514861418e-1;
  p = p * z + <f32>-3.7612625824233e-1;
  p = p * z + <f32>1.12837916572671;
  return p * x;
}

/** Φ(x), the normal distribution function: erfc(|x| / √2) / 2 below 0, one minus that above. */
@inline
export function normalCdf4(x: v128): v128 {
  const zero = f32x4.splat(0);
  const g = erfcC(zero);
  const d = expD(zero);
  const v = f32x4.mul(f32x4.abs(x), lane3(g));
  const tail = f32x4.mul(f32x4.splat(0.5), erfcOf4(v, expA(zero), expB(zero), expC(zero), d, erfcA(zero), erfcB(zero), g));
  return v128.bitselect(tail, f32x4.sub(lane0(d), tail), f32x4.lt(x, f32x4.splat(0)));
}

export function normalCdf1(x: f32): f32 {
  const tail: f32 = <f32>0.5 * erfc1(abs<f32>(x) * <f32>0.70710678118654752);
  return x < 0 ? tail : <f32>1 - tail;
}
