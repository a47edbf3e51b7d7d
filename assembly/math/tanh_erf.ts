// tanh, erf and their relatives of f32, written twice with the same operations (see exp_log.ts).
import { exp1, exp4 } from './exp_log';

/** 1 / (1 + e^-x), from e^-|x|: exact to a few units of the last place in both tails. */
@inline
export function sigmoid4(x: v128): v128 {
  const e = exp4(f32x4.neg(f32x4.abs(x)));
  const top = v128.bitselect(e, f32x4.splat(1), f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(top, f32x4.add(e, f32x4.splat(1)));
}

export function sigmoid1(x: f32): f32 {
  const e = exp1(-abs<f32>(x));
  return (x < 0 ? e : 1) / (e + 1);
}

/** Below 0.625 a polynomial (Cephes, tanhf.c), above it 1 - 2 / (e^2|x| + 1), which ends at exactly 1. */
@inline
export function tanh4(x: v128): v128 {
  const a = f32x4.abs(x);
  const e = exp4(f32x4.add(a, a));
  let far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(e, f32x4.splat(1))));
  far = v128.bitselect(x, far, i32x4.splat(0x80000000));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, z), x), x);
  return v128.bitselect(near, far, f32x4.lt(a, f32x4.splat(0.625)));
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

/** 1 - erf(a) for a >= 0: e^-a² u P(u) with u = 1 / (1 + 0.35 a) (minimax, relative error 7e-9 plus that of e^-a²). */
@inline
export function erfc4(a: v128): v128 {
  const u = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.mul(a, f32x4.splat(0.35)), f32x4.splat(1)));
  let p = f32x4.splat(0.03840037924);
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(-0.1589245085));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.1814520734));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(-0.02769310122));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.08700805306));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.1460480603));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.1511841179));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.1879028521));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.1971382995));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.1974837813));
  return f32x4.mul(f32x4.mul(p, u), exp4(f32x4.neg(f32x4.mul(a, a))));
}

export function erfc1(a: f32): f32 {
  const u: f32 = <f32>1 / (a * <f32>0.35 + 1);
  let p: f32 = 0.03840037924;
  p = p * u + <f32>-0.1589245085;
  p = p * u + <f32>0.1814520734;
  p = p * u + <f32>-0.02769310122;
  p = p * u + <f32>0.08700805306;
  p = p * u + <f32>0.1460480603;
  p = p * u + <f32>0.1511841179;
  p = p * u + <f32>0.1879028521;
  p = p * u + <f32>0.1971382995;
  p = p * u + <f32>0.1974837813;
  return p * u * exp1(-(a * a));
}

/** Below 1 a polynomial (Cephes, ndtrf.c), above it 1 - erfc, which ends at exactly 1. */
@inline
export function erf4(x: v128): v128 {
  const a = f32x4.abs(x);
  const far = v128.bitselect(x, f32x4.sub(f32x4.splat(1), erfc4(a)), i32x4.splat(0x80000000));
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(7.853861353153693e-5);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-8.010193625184903e-4));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(5.188327685732524e-3));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-2.685381193529856e-2));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.128358514861418e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-3.7612625824233e-1));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.12837916572671));
  return v128.bitselect(f32x4.mul(p, x), far, f32x4.lt(a, f32x4.splat(1)));
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
  const tail = f32x4.mul(f32x4.splat(0.5), erfc4(f32x4.mul(f32x4.abs(x), f32x4.splat(0.70710678118654752))));
  return v128.bitselect(tail, f32x4.sub(f32x4.splat(1), tail), f32x4.lt(x, f32x4.splat(0)));
}

export function normalCdf1(x: f32): f32 {
  const tail: f32 = <f32>0.5 * erfc1(abs<f32>(x) * <f32>0.70710678118654752);
  return x < 0 ? tail : <f32>1 - tail;
}
