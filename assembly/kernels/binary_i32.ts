// The functions of binary_f32 on i32, and those of bits. Sums and products wrap; comparisons give 1 or 0.
import { Binary } from '../records';

enum F {
  ADD,
  SUB,
  MUL,
  MIN,
  MAX,
  EQUAL,
  GREATER,
  GREATER_OR_EQUAL,
  AND,
  OR,
  XOR,
  // Without a vector form.
  DIV,
  POW,
  MOD,
  FMOD,
  SHIFT_LEFT,
  SHIFT_RIGHT,
}

@inline
function apply4(f: F, a: v128, b: v128): v128 {
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
function apply1(f: F, a: i32, b: i32): i32 {
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

@inline
function row(f: F, a: usize, aStride: u32, b: usize, bStride: u32, y: usize, count: u32): void {
  if (ASC_FEATURE_SIMD && f < F.DIV) {
    if (aStride == 1 && bStride == 1) {
      for (; count >= 4; count -= 4) {
        v128.store(y, apply4(f, v128.load(a), v128.load(b)));
        a += 16;
        b += 16;
        y += 16;
      }
    } else if (aStride == 1 && bStride == 0) {
      const repeated = v128.load32_splat(b);
      for (; count >= 4; count -= 4) {
        v128.store(y, apply4(f, v128.load(a), repeated));
        a += 16;
        y += 16;
      }
    } else if (aStride == 0 && bStride == 1) {
      const repeated = v128.load32_splat(a);
      for (; count >= 4; count -= 4) {
        v128.store(y, apply4(f, repeated, v128.load(b)));
        b += 16;
        y += 16;
      }
    }
  }
  for (; count; count--) {
    store<i32>(y, apply1(f, load<i32>(a), load<i32>(b)));
    a += aStride << 2;
    b += bStride << 2;
    y += 4;
  }
}

@inline
function each(r: Binary, f: F): void {
  const count = r.n5;
  const bytes = (<usize>count) << 2;
  if (!count) return;
  let y = r.y;
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          let a = r.a + ((i0 * r.a0 + i1 * r.a1 + i2 * r.a2 + i3 * r.a3) << 2);
          let b = r.b + ((i0 * r.b0 + i1 * r.b1 + i2 * r.b2 + i3 * r.b3) << 2);
          for (let i4: u32 = 0; i4 < r.n4; i4++) {
            row(f, a, r.a5, b, r.b5, y, count);
            a += r.a4 << 2;
            b += r.b4 << 2;
            y += bytes;
          }
        }
      }
    }
  }
}

export function add_i32(r: Binary): void {
  each(r, F.ADD);
}
export function sub_i32(r: Binary): void {
  each(r, F.SUB);
}
export function mul_i32(r: Binary): void {
  each(r, F.MUL);
}
/** Truncates towards 0; 0 where b is 0. */
export function div_i32(r: Binary): void {
  each(r, F.DIV);
}
export function min_i32(r: Binary): void {
  each(r, F.MIN);
}
export function max_i32(r: Binary): void {
  each(r, F.MAX);
}
export function equal_i32(r: Binary): void {
  each(r, F.EQUAL);
}
export function greater_i32(r: Binary): void {
  each(r, F.GREATER);
}
export function greater_or_equal_i32(r: Binary): void {
  each(r, F.GREATER_OR_EQUAL);
}
/** Truncates towards 0: for b < 0 it is 1 or -1 for the base 1 or -1, else 0. */
export function pow_i32(r: Binary): void {
  each(r, F.POW);
}
/** The remainder with the sign of b; 0 where b is 0. */
export function mod_i32(r: Binary): void {
  each(r, F.MOD);
}
/** The remainder with the sign of a; 0 where b is 0. */
export function fmod_i32(r: Binary): void {
  each(r, F.FMOD);
}
export function bitwise_and_i32(r: Binary): void {
  each(r, F.AND);
}
export function bitwise_or_i32(r: Binary): void {
  each(r, F.OR);
}
export function bitwise_xor_i32(r: Binary): void {
  each(r, F.XOR);
}
/** By b modulo 32. */
export function shift_left_i32(r: Binary): void {
  each(r, F.SHIFT_LEFT);
}
/** Logical, by b modulo 32. */
export function shift_right_i32(r: Binary): void {
  each(r, F.SHIFT_RIGHT);
}
