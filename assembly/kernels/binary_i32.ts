// The functions of binary_f32 on i32, and those of bits. Sums and products wrap; comparisons give 1 or 0.
import { Binary } from '../records';
import { each, F } from './binary';

@inline
export function integer4(f: F, a: v128, b: v128): v128 {
  if (f == F.ADD) return i32x4.add(a, b);
  if (f == F.SUB) return i32x4.sub(a, b);
  if (f == F.MUL) return i32x4.mul(a, b);
  if (f == F.MIN) return i32x4.min_s(a, b);
  if (f == F.MAX) return i32x4.max_s(a, b);
  if (f == F.EQUAL) return i32x4.neg(i32x4.eq(a, b));
  if (f == F.GREATER) return i32x4.neg(i32x4.gt_s(a, b));
  if (f == F.GREATER_OR_EQUAL) return i32x4.neg(i32x4.ge_s(a, b));
  if (f == F.AND) return v128.and(a, b);
  if (f == F.OR) return v128.or(a, b);
  return v128.xor(a, b);
}

@inline
export function integer1(f: F, a: i32, b: i32): i32 {
  if (f == F.ADD) return a + b;
  if (f == F.SUB) return a - b;
  if (f == F.MUL) return a * b;
  if (f == F.MIN) return min<i32>(a, b);
  if (f == F.MAX) return max<i32>(a, b);
  if (f == F.EQUAL) return i32(a == b);
  if (f == F.GREATER) return i32(a > b);
  if (f == F.GREATER_OR_EQUAL) return i32(a >= b);
  if (f == F.AND) return a & b;
  if (f == F.OR) return a | b;
  if (f == F.XOR) return a ^ b;
  if (f == F.DIV) return quotient(a, b);
  if (f == F.POW) return power(a, b);
  if (f == F.SHIFT_LEFT) return a << b;
  if (f == F.SHIFT_RIGHT) return <i32>((<u32>a) >> (<u32>b));
  return remainder(a, b, f == F.MOD);
}

/** a / b truncated; 0 for b = 0. The instruction traps on that and on the one quotient that overflows, which wraps here. */
@inline
function quotient(a: i32, b: i32): i32 {
  if (b == 0) return 0;
  return b == -1 ? -a : a / b;
}

@inline
function remainder(a: i32, b: i32, floored: bool): i32 {
  if (b == 0) return 0;
  const rest = a % b;
  return floored && rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}

function power(base: i32, exponent: i32): i32 {
  if (exponent < 0) {
    if (base == 1) return 1;
    return base == -1 ? 1 - ((exponent & 1) << 1) : 0;
  }
  let product = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) product *= base;
    base *= base;
  }
  return product;
}

export function add_i32(r: Binary): void {
  each<i32>(r, F.ADD);
}
export function sub_i32(r: Binary): void {
  each<i32>(r, F.SUB);
}
export function mul_i32(r: Binary): void {
  each<i32>(r, F.MUL);
}
/** Truncates towards 0; 0 where b is 0. */
export function div_i32(r: Binary): void {
  each<i32>(r, F.DIV);
}
export function min_i32(r: Binary): void {
  each<i32>(r, F.MIN);
}
export function max_i32(r: Binary): void {
  each<i32>(r, F.MAX);
}
export function equal_i32(r: Binary): void {
  each<i32>(r, F.EQUAL);
}
export function greater_i32(r: Binary): void {
  each<i32>(r, F.GREATER);
}
export function greater_or_equal_i32(r: Binary): void {
  each<i32>(r, F.GREATER_OR_EQUAL);
}
/** Truncates towards 0: for b < 0 it is 1 or -1 for the base 1 or -1, else 0. */
export function pow_i32(r: Binary): void {
  each<i32>(r, F.POW);
}
/** The remainder with the sign of b; 0 where b is 0. */
export function mod_i32(r: Binary): void {
  each<i32>(r, F.MOD);
}
/** The remainder with the sign of a; 0 where b is 0. */
export function fmod_i32(r: Binary): void {
  each<i32>(r, F.FMOD);
}
export function bitwise_and_i32(r: Binary): void {
  each<i32>(r, F.AND);
}
export function bitwise_or_i32(r: Binary): void {
  each<i32>(r, F.OR);
}
export function bitwise_xor_i32(r: Binary): void {
  each<i32>(r, F.XOR);
}
/** By b modulo 32. */
export function shift_left_i32(r: Binary): void {
  each<i32>(r, F.SHIFT_LEFT);
}
/** Logical, by b modulo 32. */
export function shift_right_i32(r: Binary): void {
  each<i32>(r, F.SHIFT_RIGHT);
}
