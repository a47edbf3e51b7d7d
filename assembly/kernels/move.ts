// Kernels that move elements: copies between strided views, fills, gathers, resizing.
import { Copy, Fill, FillI32, Gather, Resize, Strided } from '../records';
import { addRow, copyRow, zeroRow } from './vector_f32';

/** Copies bytes; y is x or does not overlap it. */
export function copy_bytes(r: Copy): void {
  if (r.y != r.x) memory.copy(r.y, r.x, r.bytes);
}

export function fill_f32(r: Fill): void {
  fillRow(r.y, reinterpret<i32>(r.value), r.length);
}
export function fill_i32(r: FillI32): void {
  fillRow(r.y, r.value, r.length);
}

function fillRow(y: usize, value: i32, count: u32): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(y, i32x4.splat(value));
      y += 16;
    }
  }
  for (; count; count--) {
    store<i32>(y, value);
    y += 4;
  }
}

export function strided_copy(r: Strided): void {
  strided(r, false);
}

/** Adds (f32) where strided_copy overwrites. */
export function strided_add_f32(r: Strided): void {
  strided(r, true);
}

@inline
function strided(r: Strided, add: bool): void {
  for (let i0: u32 = 0; i0 < r.n0; i0++) {
    for (let i1: u32 = 0; i1 < r.n1; i1++) {
      for (let i2: u32 = 0; i2 < r.n2; i2++) {
        for (let i3: u32 = 0; i3 < r.n3; i3++) {
          const x = <i32>i0 * r.s0 + <i32>i1 * r.s1 + <i32>i2 * r.s2 + <i32>i3 * r.s3;
          const y = <i32>i0 * r.t0 + <i32>i1 * r.t1 + <i32>i2 * r.t2 + <i32>i3 * r.t3;
          plane(r, r.x + (x << 2), r.y + (y << 2), add);
        }
      }
    }
  }
}

@inline
function plane(r: Strided, x: usize, y: usize, add: bool): void {
  const dense = r.s5 == 1 && r.t5 == 1;
  for (let i: u32 = 0; i < r.n4; i++) {
    if (dense) {
      if (add) addRow(y, x, r.n5);
      else copyRow(y, x, r.n5);
    } else lineOf(x, r.s5 << 2, y, r.t5 << 2, r.n5, add);
    x += r.s4 << 2;
    y += r.t4 << 2;
  }
}

function lineOf(x: usize, xStride: usize, y: usize, yStride: usize, count: u32, add: bool): void {
  for (; count; count--) {
    if (add) store<f32>(y, load<f32>(y) + load<f32>(x));
    else store<i32>(y, load<i32>(x));
    x += xStride;
    y += yStride;
  }
}

/** Element `i` of `indices`, limited to 0..length-1. */
@inline
export function limited(indices: usize, i: usize, length: u32): usize {
  return <usize>max<i32>(min<i32>(load<i32>(indices + (i << 2)), <i32>length - 1), 0);
}

export function gather_rows(r: Gather): void {
  const bytes = (<usize>r.inner) << 2;
  let y = r.y;
  for (let o: usize = 0; o < r.outer; o++) {
    for (let i: usize = 0; i < r.count; i++) {
      copyRow(y, r.x + (o * r.length + limited(r.indices, i, r.length)) * bytes, r.inner);
      y += bytes;
    }
  }
}

/** x = Σ of the rows of y gathered from each row, in the order of the indices. */
export function gather_rows_grad(r: Gather): void {
  const bytes = (<usize>r.inner) << 2;
  zeroRow(r.x, r.outer * r.length * r.inner);
  let y = r.y;
  for (let o: usize = 0; o < r.outer; o++) {
    for (let i: usize = 0; i < r.count; i++) {
      addRow(r.x + (o * r.length + limited(r.indices, i, r.length)) * bytes, y, r.inner);
      y += bytes;
    }
  }
}

@inline
function coordinate(i: u32, scale: f32, offset: f32, size: u32): f32 {
  return max<f32>(min<f32>((<f32>i + offset) * scale - offset, <f32>(size - 1)), 0);
}

/** Nearest rounds down (after the offset: half-pixel centres round to nearest, ties down, as the source coordinate floors). */
@inline
export function nearestIndex(i: u32, scale: f32, offset: f32, size: u32): u32 {
  return <u32>min<f32>(max<f32>(floor<f32>((<f32>i + offset) * scale), 0), <f32>(size - 1));
}

export function resize_f32(r: Resize): void {
  const channels = <usize>r.channels,
    bytes = channels << 2;
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        const image = r.x + n * r.inHeight * r.inWidth * bytes;
        if (r.mode == 0) {
          const iy = nearestIndex(oy, r.scaleY, r.offset, r.inHeight),
            ix = nearestIndex(ox, r.scaleX, r.offset, r.inWidth);
          copyRow(y, image + (iy * r.inWidth + ix) * bytes, channels);
        } else {
          const fy = coordinate(oy, r.scaleY, r.offset, r.inHeight),
            fx = coordinate(ox, r.scaleX, r.offset, r.inWidth);
          const y0 = <u32>fy,
            x0 = <u32>fx,
            y1 = min<u32>(y0 + 1, r.inHeight - 1),
            x1 = min<u32>(x0 + 1, r.inWidth - 1);
          // The last row and column are blended with themselves, half and half.
          blend(
            y,
            image + (y0 * r.inWidth + x0) * bytes,
            image + (y0 * r.inWidth + x1) * bytes,
            image + (y1 * r.inWidth + x0) * bytes,
            image + (y1 * r.inWidth + x1) * bytes,
            y0 == y1 ? 0.5 : fy - <f32>y0,
            x0 == x1 ? 0.5 : fx - <f32>x0,
            channels,
          );
        }
        y += bytes;
      }
    }
  }
}

/** Weights first, then a sum from the upper left pixel on: the bits of ONNX Runtime, whose 8-bit results depend on how ties of blended steps round. */
function blend(y: usize, a: usize, b: usize, c: usize, d: usize, v: f32, u: f32, count: usize): void {
  const wa: f32 = (<f32>1 - u) * (<f32>1 - v),
    wb: f32 = u * (<f32>1 - v),
    wc: f32 = (<f32>1 - u) * v,
    wd: f32 = u * v;
  const end = count << 2;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const va = f32x4.splat(wa),
      vb = f32x4.splat(wb),
      vc = f32x4.splat(wc),
      vd = f32x4.splat(wd);
    for (; i + 16 <= end; i += 16) {
      const top = f32x4.add(f32x4.mul(va, v128.load(a + i)), f32x4.mul(vb, v128.load(b + i)));
      const three = f32x4.add(top, f32x4.mul(vc, v128.load(c + i)));
      v128.store(y + i, f32x4.add(three, f32x4.mul(vd, v128.load(d + i))));
    }
  }
  for (; i < end; i += 4) {
    const top: f32 = wa * load<f32>(a + i) + wb * load<f32>(b + i);
    store<f32>(y + i, top + wc * load<f32>(c + i) + wd * load<f32>(d + i));
  }
}

/** x = dx: each output's gradient goes back to the pixels it was blended from. */
export function resize_f32_grad(r: Resize): void {
  const channels = <usize>r.channels,
    bytes = channels << 2;
  zeroRow(r.x, r.batch * r.inHeight * r.inWidth * r.channels);
  let dy = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        const image = r.x + n * r.inHeight * r.inWidth * bytes;
        if (r.mode == 0) {
          const iy = nearestIndex(oy, r.scaleY, r.offset, r.inHeight),
            ix = nearestIndex(ox, r.scaleX, r.offset, r.inWidth);
          addRow(image + (iy * r.inWidth + ix) * bytes, dy, channels);
        } else {
          const fy = coordinate(oy, r.scaleY, r.offset, r.inHeight),
            fx = coordinate(ox, r.scaleX, r.offset, r.inWidth);
          const y0 = <u32>fy,
            x0 = <u32>fx,
            y1 = min<u32>(y0 + 1, r.inHeight - 1),
            x1 = min<u32>(x0 + 1, r.inWidth - 1);
          const v: f32 = fy - <f32>y0,
            u: f32 = fx - <f32>x0;
          addScaled(image + (y0 * r.inWidth + x0) * bytes, dy, (<f32>1 - v) * (<f32>1 - u), channels);
          addScaled(image + (y0 * r.inWidth + x1) * bytes, dy, (<f32>1 - v) * u, channels);
          addScaled(image + (y1 * r.inWidth + x0) * bytes, dy, v * (<f32>1 - u), channels);
          addScaled(image + (y1 * r.inWidth + x1) * bytes, dy, v * u, channels);
        }
        dy += bytes;
      }
    }
  }
}

function addScaled(to: usize, from: usize, scale: f32, count: usize): void {
  for (let i: usize = 0; i < count << 2; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i) * scale);
}
