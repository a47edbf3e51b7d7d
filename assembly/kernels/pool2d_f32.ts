// Pooling windows over NHWC. Padding never wins a maximum; averages count it only with includePad.
import { Pool2d } from '../records';
import { loadPart, storePart, zeroRow } from './vector_f32';

@inline
function image(r: Pool2d, base: usize, n: u32): usize {
  return base + ((n * r.inHeight * r.inWidth * r.channels) << 2);
}

/** The taps of a window that lie inside the image: first and one past the last, along one axis. */
@inline
function firstTap(start: i32): u32 {
  return <u32>max<i32>(-start, 0);
}

@inline
function endTap(start: i32, kernel: u32, size: u32): u32 {
  return <u32>max<i32>(min<i32>(<i32>kernel, <i32>size - start), 0);
}

export function max_pool2d_f32(r: Pool2d): void {
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        window(r, image(r, r.x, n), oy, ox, y, true);
        y += r.channels << 2;
      }
    }
  }
}

export function average_pool2d_f32(r: Pool2d): void {
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        window(r, image(r, r.x, n), oy, ox, y, false);
        y += r.channels << 2;
      }
    }
  }
}

function window(r: Pool2d, x: usize, oy: u32, ox: u32, y: usize, largest: bool): void {
  const y0 = <i32>(oy * r.strideY) - r.padTop,
    x0 = <i32>(ox * r.strideX) - r.padLeft;
  const ky0 = firstTap(y0),
    ky1 = endTap(y0, r.kernelHeight, r.inHeight);
  const kx0 = firstTap(x0),
    kx1 = endTap(x0, r.kernelWidth, r.inWidth);
  const channels = <usize>r.channels;
  const scale = divisor(r, ky0, ky1, kx0, kx1);
  if (ASC_FEATURE_SIMD) {
    for (let c: usize = 0; c < channels; c += 4) {
      const count = min<usize>(4, channels - c);
      let best = f32x4.splat(largest ? -Infinity : 0);
      for (let ky = ky0; ky < ky1; ky++) {
        for (let kx = kx0; kx < kx1; kx++) {
          const p = x + ((<usize>((<u32>y0 + ky) * r.inWidth + <u32>x0 + kx) * channels + c) << 2);
          const v = count == 4 ? v128.load(p) : loadPart(p, 0, count);
          best = largest ? f32x4.max(best, v) : f32x4.add(best, v);
        }
      }
      if (!largest) best = f32x4.div(best, f32x4.splat(scale));
      storePart(y + (c << 2), best, best, count);
    }
  } else {
    for (let c: usize = 0; c < channels; c++) {
      let best: f32 = largest ? -Infinity : 0;
      for (let ky = ky0; ky < ky1; ky++) {
        for (let kx = kx0; kx < kx1; kx++) {
          const v = load<f32>(x + ((<usize>((<u32>y0 + ky) * r.inWidth + <u32>x0 + kx) * channels + c) << 2));
          best = largest ? max<f32>(best, v) : best + v;
        }
      }
      store<f32>(y + (c << 2), largest ? best : best / scale);
    }
  }
}

@inline
function divisor(r: Pool2d, ky0: u32, ky1: u32, kx0: u32, kx1: u32): f32 {
  if (r.includePad) return <f32>(r.kernelHeight * r.kernelWidth);
  const inside = ky1 > ky0 && kx1 > kx0 ? (ky1 - ky0) * (kx1 - kx0) : 0;
  return <f32>max<u32>(inside, 1);
}

/** dx += dy at the first tap that holds the maximum y. */
export function max_pool2d_f32_grad(r: Pool2d): void {
  zeroRow(r.dx, r.batch * r.inHeight * r.inWidth * r.channels);
  let at: usize = 0;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        windowMaxGrad(r, n, oy, ox, at);
        at += r.channels << 2;
      }
    }
  }
}

function windowMaxGrad(r: Pool2d, n: u32, oy: u32, ox: u32, at: usize): void {
  const y0 = <i32>(oy * r.strideY) - r.padTop,
    x0 = <i32>(ox * r.strideX) - r.padLeft;
  const ky0 = firstTap(y0),
    ky1 = endTap(y0, r.kernelHeight, r.inHeight);
  const kx0 = firstTap(x0),
    kx1 = endTap(x0, r.kernelWidth, r.inWidth);
  const channels = <usize>r.channels;
  const step: usize = ASC_FEATURE_SIMD ? 4 : 1;
  for (let c: usize = 0; c < channels; c += step) {
    const count = min<usize>(step, channels - c);
    if (ASC_FEATURE_SIMD) {
      const y = loadPart(r.y + at + (c << 2), 0, count);
      let left = loadPart(r.dy + at + (c << 2), 0, count);
      for (let ky = ky0; ky < ky1; ky++) {
        for (let kx = kx0; kx < kx1; kx++) {
          const offset = (<usize>((n * r.inHeight + <u32>y0 + ky) * r.inWidth + <u32>x0 + kx) * channels + c) << 2;
          const here = f32x4.eq(loadPart(r.x + offset, 0, count), y);
          const dx = f32x4.add(loadPart(r.dx + offset, 0, count), v128.and(left, here));
          storePart(r.dx + offset, dx, dx, count);
          left = v128.andnot(left, here);
        }
      }
    } else {
      const y = load<f32>(r.y + at + (c << 2));
      let left = load<f32>(r.dy + at + (c << 2));
      for (let ky = ky0; ky < ky1; ky++) {
        for (let kx = kx0; kx < kx1; kx++) {
          const offset = (<usize>((n * r.inHeight + <u32>y0 + ky) * r.inWidth + <u32>x0 + kx) * channels + c) << 2;
          const here = load<f32>(r.x + offset) == y;
          store<f32>(r.dx + offset, load<f32>(r.dx + offset) + (here ? left : 0));
          if (here) left = 0;
        }
      }
    }
  }
}

/** dx += dy / (taps counted). */
export function average_pool2d_f32_grad(r: Pool2d): void {
  zeroRow(r.dx, r.batch * r.inHeight * r.inWidth * r.channels);
  let dy = r.dy;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        windowAverageGrad(r, image(r, r.dx, n), oy, ox, dy);
        dy += r.channels << 2;
      }
    }
  }
}

function windowAverageGrad(r: Pool2d, dx: usize, oy: u32, ox: u32, dy: usize): void {
  const y0 = <i32>(oy * r.strideY) - r.padTop,
    x0 = <i32>(ox * r.strideX) - r.padLeft;
  const ky0 = firstTap(y0),
    ky1 = endTap(y0, r.kernelHeight, r.inHeight);
  const kx0 = firstTap(x0),
    kx1 = endTap(x0, r.kernelWidth, r.inWidth);
  const scale = divisor(r, ky0, ky1, kx0, kx1);
  for (let ky = ky0; ky < ky1; ky++) {
    for (let kx = kx0; kx < kx1; kx++) {
      let p = dx + ((<usize>((<u32>y0 + ky) * r.inWidth + <u32>x0 + kx) * r.channels) << 2);
      let g = dy;
      for (let c: u32 = 0; c < r.channels; c++) {
        store<f32>(p, load<f32>(p) + load<f32>(g) / scale);
        p += 4;
        g += 4;
      }
    }
  }
}
