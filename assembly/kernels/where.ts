// A choice between two operands, element by element, under broadcasting: six collapsed axes, a stride of 0 repeats an operand along an axis.
// Elements are any 4 bytes.
import { Where } from '../records';

function row(condition: usize, cStride: usize, a: usize, aStride: usize, b: usize, bStride: usize, y: usize, count: u32): void {
  if (ASC_FEATURE_SIMD) {
    if (cStride == 4 && aStride == 4 && bStride == 4) {
      for (; count >= 4; count -= 4) {
        v128.store(y, v128.bitselect(v128.load(b), v128.load(a), i32x4.eq(v128.load(condition), i32x4.splat(0))));
        condition += 16;
        a += 16;
        b += 16;
        y += 16;
      }
    }
  }
  for (; count; count--) {
    store<i32>(y, load<i32>(condition) ? load<i32>(a) : load<i32>(b));
    condition += cStride;
    a += aStride;
    b += bStride;
    y += 4;
  }
}

/** y = condition ? a : b. Element i of each is read before y[i] is written, so y may be any of them. */
export function where(r: Where): void {
  const count = r.n5;
  if (!count) return;
  let y = r.y;
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          let c = r.condition + ((i0 * r.c0 + i1 * r.c1 + i2 * r.c2 + i3 * r.c3) << 2);
          let a = r.a + ((i0 * r.a0 + i1 * r.a1 + i2 * r.a2 + i3 * r.a3) << 2);
          let b = r.b + ((i0 * r.b0 + i1 * r.b1 + i2 * r.b2 + i3 * r.b3) << 2);
          for (let i4: u32 = 0; i4 < r.n4; i4++) {
            row(c, r.c5 << 2, a, r.a5 << 2, b, r.b5 << 2, y, count);
            c += r.c4 << 2;
            a += r.a4 << 2;
            b += r.b4 << 2;
            y += (<usize>count) << 2;
          }
        }
      }
    }
  }
}
