// Circular and hyperbolic functions: y[i] = f(x[i]). Scalar in every flavour; y may be x.
import { acos1, acosh1, asin1, asinh1, atan1, atanh1, cos1, cosh1, sin1, sinh1, tan1 } from '../math/trigonometry';
import { Unary } from '../records';

enum F {
  SIN,
  COS,
  TAN,
  ASIN,
  ACOS,
  ATAN,
  SINH,
  COSH,
  ASINH,
  ACOSH,
  ATANH,
}

@inline
function apply1(f: F, x: f32): f32 {
  if (f == F.SIN) return sin1(x);
  if (f == F.COS) return cos1(x);
  if (f == F.TAN) return tan1(x);
  if (f == F.ASIN) return asin1(x);
  if (f == F.ACOS) return acos1(x);
  if (f == F.ATAN) return atan1(x);
  if (f == F.SINH) return sinh1(x);
  if (f == F.COSH) return cosh1(x);
  if (f == F.ASINH) return asinh1(x);
  if (f == F.ACOSH) return acosh1(x);
  return atanh1(x);
}

@inline
function each(r: Unary, f: F): void {
  const bytes = (<usize>r.length) << 2;
  for (let i: usize = 0; i < bytes; i += 4) store<f32>(r.y + i, apply1(f, load<f32>(r.x + i)));
}

export function sin_f32(r: Unary): void {
  each(r, F.SIN);
}
export function cos_f32(r: Unary): void {
  each(r, F.COS);
}
export function tan_f32(r: Unary): void {
  each(r, F.TAN);
}
export function asin_f32(r: Unary): void {
  each(r, F.ASIN);
}
export function acos_f32(r: Unary): void {
  each(r, F.ACOS);
}
export function atan_f32(r: Unary): void {
  each(r, F.ATAN);
}
export function sinh_f32(r: Unary): void {
  each(r, F.SINH);
}
export function cosh_f32(r: Unary): void {
  each(r, F.COSH);
}
export function asinh_f32(r: Unary): void {
  each(r, F.ASINH);
}
export function acosh_f32(r: Unary): void {
  each(r, F.ACOSH);
}
export function atanh_f32(r: Unary): void {
  each(r, F.ATANH);
}
