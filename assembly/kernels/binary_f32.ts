// Element-wise functions of two operands under broadcasting: six collapsed axes, a stride of 0 repeats an operand along an axis.
import { pow1 } from '../math/pow';
import { fmod1, mod1 } from '../math/remainder';
import { Binary } from '../records';
import { loadPart, storePart } from './vector_f32';

enum F {
  ADD,
  SUB,
  MUL,
  DIV,
  MIN,
  MAX,
  EQUAL,
  GREATER,
  GREATER_OR_EQUAL,
  // Without a vector form.
  POW,
  MOD,
  FMOD,
}

@inline
function apply4(f: F, a: v128, b: v128): v128 {
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
function apply1(f: F, a: f32, b: f32): f32 {
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

@inline
function row(f: F, a: usize, aStride: u32, b: usize, bStride: u32, y: usize, count: u32): void {
  if (ASC_FEATURE_SIMD && f < F.POW) {
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
    store<f32>(y, apply1(f, load<f32>(a), load<f32>(b)));
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

export function add_f32(r: Binary): void {
  each(r, F.ADD);
}
export function sub_f32(r: Binary): void {
  each(r, F.SUB);
}
export function mul_f32(r: Binary): void {
  each(r, F.MUL);
}
export function div_f32(r: Binary): void {
  each(r, F.DIV);
}
export function min_f32(r: Binary): void {
  each(r, F.MIN);
}
export function max_f32(r: Binary): void {
  each(r, F.MAX);
}
/** 1 where the relation holds, else 0. */
export function equal_f32(r: Binary): void {
  each(r, F.EQUAL);
}
export function greater_f32(r: Binary): void {
  each(r, F.GREATER);
}
export function greater_or_equal_f32(r: Binary): void {
  each(r, F.GREATER_OR_EQUAL);
}

/** a to the power b; NaN for a < 0 and a fractional b. */
export function pow_f32(r: Binary): void {
  each(r, F.POW);
}
/** The remainder with the sign of b; NaN for b = 0. */
export function mod_f32(r: Binary): void {
  each(r, F.MOD);
}
/** The remainder with the sign of a. */
export function fmod_f32(r: Binary): void {
  each(r, F.FMOD);
}
