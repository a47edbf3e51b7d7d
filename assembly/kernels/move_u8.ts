// `move.ts` for elements of one byte.
import { FillI32, Gather, Resize, Strided } from '../records';
import { limited, nearestIndex } from './move';
import { zip8, zip8High } from './zip';

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
  if (ASC_FEATURE_SIMD) {
    if (r.n5 == 3 && r.s4 == 1 && r.t4 == 3 && r.t5 == 1) return pixelsOf3(x, x + r.s5, x + (r.s5 << 1), y, r.n4);
  }
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

/** Pixels of three planes, the layout pictures come in, 16 at a time. */
function pixelsOf3(red: usize, green: usize, blue: usize, y: usize, count: u32): void {
  // Four pixels are stored as 16 bytes, of which the next ones overwrite the last 4.
  for (; count >= 18; count -= 16) {
    const r = v128.load(red),
      g = v128.load(green),
      b = v128.load(blue);
    const low = zip8(r, g),
      high = zip8High(r, g);
    v128.store(y, v128.shuffle<i8>(low, b, 0, 1, 16, 2, 3, 17, 4, 5, 18, 6, 7, 19, 0, 0, 0, 0));
    v128.store(y, v128.shuffle<i8>(low, b, 8, 9, 20, 10, 11, 21, 12, 13, 22, 14, 15, 23, 0, 0, 0, 0), 12);
    v128.store(y, v128.shuffle<i8>(high, b, 0, 1, 24, 2, 3, 25, 4, 5, 26, 6, 7, 27, 0, 0, 0, 0), 24);
    v128.store(y, v128.shuffle<i8>(high, b, 8, 9, 28, 10, 11, 29, 12, 13, 30, 14, 15, 31, 0, 0, 0, 0), 36);
    red += 16;
    green += 16;
    blue += 16;
    y += 48;
  }
  for (; count; count--) {
    store<u8>(y, load<u8>(red++));
    store<u8>(y, load<u8>(green++), 1);
    store<u8>(y, load<u8>(blue++), 2);
    y += 3;
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
