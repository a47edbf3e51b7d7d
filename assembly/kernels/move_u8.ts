// `move.ts` for elements of one byte.
import { FillI32, Gather, Resize, Strided } from '../records';
import { limited, nearestIndex } from './move';

export function fill_u8(r: FillI32): void {
  memory.fill(r.y, <u8>r.value, r.length);
}

export function strided_copy_u8(r: Strided): void {
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          const x = <i32>i0 * r.s0 + <i32>i1 * r.s1 + <i32>i2 * r.s2 + <i32>i3 * r.s3;
          const y = <i32>i0 * r.t0 + <i32>i1 * r.t1 + <i32>i2 * r.t2 + <i32>i3 * r.t3;
          plane(r, r.x + x, r.y + y);
        }
      }
    }
  }
}

function plane(r: Strided, x: usize, y: usize): void {
  if (r.n5 < r.n4 && (r.s5 != 1 || r.t5 != 1)) {
    // The longer axis inside: planes to pixels and back.
    for (let j: u32 = 0; j < r.n5; j++) {
      lineOf(x, r.s4, y, r.t4, r.n4);
      x += r.s5;
      y += r.t5;
    }
    return;
  }
  for (let i: u32 = 0; i < r.n4; i++) {
    if (r.s5 == 1 && r.t5 == 1) copyBytes(y, x, r.n5);
    else lineOf(x, r.s5, y, r.t5, r.n5);
    x += r.s4;
    y += r.t4;
  }
}

function lineOf(x: usize, xStride: usize, y: usize, yStride: usize, count: u32): void {
  for (; count; count--) {
    store<u8>(y, load<u8>(x));
    x += xStride;
    y += yStride;
  }
}

/** Short runs are faster in a loop than in memory.copy, which is a call. */
@inline
function copyBytes(to: usize, from: usize, count: usize): void {
  if (count >= 64) memory.copy(to, from, count);
  else {
    for (; count >= 8; count -= 8) {
      store<u64>(to, load<u64>(from));
      to += 8;
      from += 8;
    }
    for (; count; count--) store<u8>(to++, load<u8>(from++));
  }
}

export function gather_rows_u8(r: Gather): void {
  const bytes = <usize>r.inner;
  let y = r.y;
  for (let o: usize = 0; o < r.outer; o++) {
    for (let i: usize = 0; i < r.count; i++) {
      copyBytes(y, r.x + (o * r.length + limited(r.indices, i, r.length)) * bytes, bytes);
      y += bytes;
    }
  }
}

/** Nearest only. */
export function resize_u8(r: Resize): void {
  const channels = <usize>r.channels;
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    const image = r.x + n * r.inHeight * r.inWidth * channels;
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      const iy = nearestIndex(oy, r.scaleY, r.offset, r.inHeight);
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        copyBytes(y, image + (iy * r.inWidth + nearestIndex(ox, r.scaleX, r.offset, r.inWidth)) * channels, channels);
        y += channels;
      }
    }
  }
}
