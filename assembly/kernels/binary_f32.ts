// Functions of two floats, element by element (`binary.ts`).
import { pow1 } from '../math/pow';
import { fmod1, mod1 } from '../math/remainder';
import { Binary } from '../records';
import { each, F } from './binary';

@inline
export function float4(f: F, a: v128, b: v128): v128 {
  if (f == F.ADD) return f32x4.add(a, b);
  if (f == F.SUB) return f32x4.sub(a, b);
  if (f == F.MUL) return f32x4.mul(a, b);
  if (f == F.DIV) return f32x4.div(a, b);
  if (f == F.MIN) return f32x4.min(a, b);
  if (f == F.MAX) return f32x4.max(a, b);
  if (f == F.EQUAL) return v128.and(f32x4.splat(1), f32x4.eq(a, b));
  if (f == F.GREATER) return v128.and(f32x4.splat(1), f32x4.gt(a, b));
  return v128.and(f32x4.splat(1), f32x4.ge(a, b));
}

@inline
export function float1(f: F, a: f32, b: f32): f32 {
  if (f == F.ADD) return a + b;
  if (f == F.SUB) return a - b;
  if (f == F.MUL) return a * b;
  if (f == F.DIV) return a / b;
  if (f == F.MIN) return min<f32>(a, b);
  if (f == F.MAX) return max<f32>(a, b);
  if (f == F.EQUAL) return a == b ? 1 : 0;
  if (f == F.GREATER) return a > b ? 1 : 0;
  if (f == F.GREATER_OR_EQUAL) return a >= b ? 1 : 0;
  if (f == F.POW) return pow1(a, b);
  return f == F.MOD ? mod1(a, b) : fmod1(a, b);
}

export function add_f32(r: Binary): void {
  each<f32>(r, F.ADD);
}
export function sub_f32(r: Binary): void {
  each<f32>(r, F.SUB);
}
export function mul_f32(r: Binary): void {
  each<f32>(r, F.MUL);
}
export function div_f32(r: Binary): void {
  each<f32>(r, F.DIV);
}
export function min_f32(r: Binary): void {
  each<f32>(r, F.MIN);
}
export function max_f32(r: Binary): void {
  each<f32>(r, F.MAX);
}
/** 1 where the relation holds, else 0. */
export function equal_f32(r: Binary): void {
  each<f32>(r, F.EQUAL);
}
export function greater_f32(r: Binary): void {
  each<f32>(r, F.GREATER);
}
export function greater_or_equal_f32(r: Binary): void {
  each<f32>(r, F.GREATER_OR_EQUAL);
}

/** a to the power b; NaN for a < 0 and a fractional b. */
export function pow_f32(r: Binary): void {
  each<f32>(r, F.POW);
}
/** The remainder with the sign of b; NaN for b = 0. */
export function mod_f32(r: Binary): void {
  each<f32>(r, F.MOD);
}
/** The remainder with the sign of a. */
export function fmod_f32(r: Binary): void {
  each<f32>(r, F.FMOD);
}
