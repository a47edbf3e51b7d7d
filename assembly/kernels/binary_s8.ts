// Element-wise arithmetic on two i8, under broadcasting; y may be a or b.
import { limited, limitedFloat, scaled } from '../math/requantize';
import { Binary, BinaryInt8 } from '../records';

@inline
function sum(r: BinaryInt8, a: i32, b: i32): i32 {
  if (r.rounding == 2) return limitedFloat(<f32>a * r.aScale + <f32>r.bSign * (<f32>b * r.bScale), r.yZero, r.low, r.high);
  const left = scaled(a << r.leftShift, r.aMultiplier, r.aShift, r.rounding),
    right = scaled(b << r.leftShift, r.bMultiplier, r.bShift, r.rounding);
  return limited(scaled(left + r.bSign * right, r.yMultiplier, r.yShift, r.rounding), r.yZero, r.low, r.high);
}

@inline
function product(r: BinaryInt8, a: i32, b: i32): i32 {
  if (r.rounding == 2) return limitedFloat(<f32>(a * b) * r.aScale, r.yZero, r.low, r.high);
  return limited(scaled(a * b, r.yMultiplier, r.yShift, r.rounding), r.yZero, r.low, r.high);
}

export function add_s8(r: BinaryInt8): void {
  arithmetic(r, false);
}
export function mul_s8(r: BinaryInt8): void {
  arithmetic(r, true);
}

@inline
function arithmetic(r: BinaryInt8, multiply: bool): void {
  let y = r.y;
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          for (let i4: u32 = 0; i4 < r.n4; i4++) {
            const a = r.a + i0 * r.a0 + i1 * r.a1 + i2 * r.a2 + i3 * r.a3 + i4 * r.a4,
              b = r.b + i0 * r.b0 + i1 * r.b1 + i2 * r.b2 + i3 * r.b3 + i4 * r.b4;
            if (multiply) productLine(r, a, b, y);
            else sumLine(r, a, b, y);
            y += r.n5;
          }
        }
      }
    }
  }
}

function sumLine(r: BinaryInt8, a: usize, b: usize, y: usize): void {
  for (let i: usize = 0; i < r.n5; i++) {
    store<i8>(y + i, sum(r, <i32>load<i8>(a) - r.aZero, <i32>load<i8>(b) - r.bZero));
    a += r.a5;
    b += r.b5;
  }
}

function productLine(r: BinaryInt8, a: usize, b: usize, y: usize): void {
  for (let i: usize = 0; i < r.n5; i++) {
    store<i8>(y + i, product(r, <i32>load<i8>(a) - r.aZero, <i32>load<i8>(b) - r.bZero));
    a += r.a5;
    b += r.b5;
  }
}

export function max_s8(r: Binary): void {
  extremum(r, true);
}
export function min_s8(r: Binary): void {
  extremum(r, false);
}

@inline
function extremum(r: Binary, largest: bool): void {
  let y = r.y;
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          for (let i4: u32 = 0; i4 < r.n4; i4++) {
            const a = r.a + i0 * r.a0 + i1 * r.a1 + i2 * r.a2 + i3 * r.a3 + i4 * r.a4,
              b = r.b + i0 * r.b0 + i1 * r.b1 + i2 * r.b2 + i3 * r.b3 + i4 * r.b4;
            extremumLine(a, r.a5, b, r.b5, y, r.n5, largest);
            y += r.n5;
          }
        }
      }
    }
  }
}

function extremumLine(a: usize, aStride: usize, b: usize, bStride: usize, y: usize, count: usize, largest: bool): void {
  if (ASC_FEATURE_SIMD) {
    if (aStride <= 1 && bStride <= 1) {
      for (; count >= 16; count -= 16) {
        const p = aStride ? v128.load(a) : v128.load8_splat(a),
          q = bStride ? v128.load(b) : v128.load8_splat(b);
        v128.store(y, largest ? i8x16.max_s(p, q) : i8x16.min_s(p, q));
        a += aStride << 4;
        b += bStride << 4;
        y += 16;
      }
    }
  }
  for (; count; count--) {
    const p = <i32>load<i8>(a),
      q = <i32>load<i8>(b);
    store<i8>(y, largest ? max<i32>(p, q) : min<i32>(p, q));
    a += aStride;
    b += bStride;
    y++;
  }
}
