// Element-wise functions of two operands under broadcasting: six collapsed axes, a stride of 0 repeats an operand along an axis. Of f32 or i32.
import { Binary } from '../records';
import { float1, float4 } from './binary_f32';
import { integer1, integer4 } from './binary_i32';

export enum F {
  ADD,
  SUB,
  MUL,
  DIV,
  MIN,
  MAX,
  EQUAL,
  GREATER,
  GREATER_OR_EQUAL,
  AND,
  OR,
  XOR,
  // Without a vector form.
  POW,
  MOD,
  FMOD,
  SHIFT_LEFT,
  SHIFT_RIGHT,
}

@inline
function apply4<T>(f: F, a: v128, b: v128): v128 {
  return isFloat<T>() ? float4(f, a, b) : integer4(f, a, b);
}

/** Quotients of integers have no vector form. */
@inline
function hasVectors<T>(f: F): bool {
  return f < F.POW && (isFloat<T>() || f != F.DIV);
}

@inline
function row<T>(f: F, a: usize, aStride: u32, b: usize, bStride: u32, y: usize, count: u32): void {
  if (ASC_FEATURE_SIMD && hasVectors<T>(f)) {
    if (aStride == 1 && bStride == 1) {
      for (; count >= 4; count -= 4) {
        v128.store(y, apply4<T>(f, v128.load(a), v128.load(b)));
        a += 16;
        b += 16;
        y += 16;
      }
    } else if (aStride == 1 && bStride == 0) {
      const repeated = v128.load32_splat(b);
      for (; count >= 4; count -= 4) {
        v128.store(y, apply4<T>(f, v128.load(a), repeated));
        a += 16;
        y += 16;
      }
    } else if (aStride == 0 && bStride == 1) {
      const repeated = v128.load32_splat(a);
      for (; count >= 4; count -= 4) {
        v128.store(y, apply4<T>(f, repeated, v128.load(b)));
        b += 16;
        y += 16;
      }
    }
  }
  for (; count; count--) {
    if (isFloat<T>()) store<f32>(y, float1(f, load<f32>(a), load<f32>(b)));
    else store<i32>(y, integer1(f, load<i32>(a), load<i32>(b)));
    a += aStride << 2;
    b += bStride << 2;
    y += 4;
  }
}

@inline
export function each<T>(r: Binary, f: F): void {
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
            row<T>(f, a, r.a5, b, r.b5, y, count);
            a += r.a4 << 2;
            b += r.b4 << 2;
            y += bytes;
          }
        }
      }
    }
  }
}
