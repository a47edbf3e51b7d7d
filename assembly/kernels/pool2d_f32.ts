// Pooling windows over NHWC. Padding never wins a maximum; averages count it only with includePad.
import { Pool2d } from '../records';
import { zeroRow } from './vector_f32';

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
  const pixel = (<usize>r.channels) << 2;
  const first = x + <usize>(<u32>(y0 + <i32>ky0) * r.inWidth + <u32>(x0 + <i32>kx0)) * pixel;
  const height: u32 = ky1 > ky0 && kx1 > kx0 ? ky1 - ky0 : 0;
  if (largest) poolMax(first, y, height, kx1 - kx0, <usize>r.inWidth * pixel, pixel, r.channels);
  else poolSum(first, y, height, kx1 - kx0, <usize>r.inWidth * pixel, pixel, r.channels, divisor(r, ky0, ky1, kx0, kx1));
}

function poolMax(x: usize, y: usize, height: u32, width: u32, line: usize, pixel: usize, channels: usize): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 4 <= channels; c += 4) {
      let best = f32x4.splat(-Infinity);
      let row = x + (c << 2);
      for (let ky: u32 = 0; ky < height; ky++) {
        let tap = row;
        for (let kx: u32 = 0; kx < width; kx++) {
          best = f32x4.max(best, v128.load(tap));
          tap += pixel;
        }
        row += line;
      }
      v128.store(y + (c << 2), best);
    }
  }
  for (; c < channels; c++) {
    let best: f32 = -Infinity;
    let row = x + (c << 2);
    for (let ky: u32 = 0; ky < height; ky++) {
      let tap = row;
      for (let kx: u32 = 0; kx < width; kx++) {
        best = max<f32>(best, load<f32>(tap));
        tap += pixel;
      }
      row += line;
    }
    store<f32>(y + (c << 2), best);
  }
}

function poolSum(x: usize, y: usize, height: u32, width: u32, line: usize, pixel: usize, channels: usize, scale: f32): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 4 <= channels; c += 4) {
      let sum = f32x4.splat(0);
      let row = x + (c << 2);
      for (let ky: u32 = 0; ky < height; ky++) {
        let tap = row;
        for (let kx: u32 = 0; kx < width; kx++) {
          sum = f32x4.add(sum, v128.load(tap));
          tap += pixel;
        }
        row += line;
      }
      v128.store(y + (c << 2), f32x4.div(sum, f32x4.splat(scale)));
    }
  }
  for (; c < channels; c++) {
    let sum: f32 = 0;
    let row = x + (c << 2);
    for (let ky: u32 = 0; ky < height; ky++) {
      let tap = row;
      for (let kx: u32 = 0; kx < width; kx++) {
        sum += load<f32>(tap);
        tap += pixel;
      }
      row += line;
    }
    store<f32>(y + (c << 2), sum / scale);
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
  if (ky1 <= ky0 || kx1 <= kx0) return;
  const pixel = (<usize>r.channels) << 2;
  const first = <usize>((n * r.inHeight + <u32>(y0 + <i32>ky0)) * r.inWidth + <u32>(x0 + <i32>kx0)) * pixel;
  routeMax(r.x + first, r.dx + first, r.y + at, r.dy + at, ky1 - ky0, kx1 - kx0, <usize>r.inWidth * pixel, pixel, r.channels);
}

/** Adds dy to dx at the first of height × width taps whose x equals y, channel by channel. */
function routeMax(x: usize, dx: usize, y: usize, dy: usize, height: u32, width: u32, line: usize, pixel: usize, channels: usize): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 4 <= channels; c += 4) {
      const top = v128.load(y);
      let left = v128.load(dy);
      let row: usize = c << 2;
      for (let ky: u32 = 0; ky < height; ky++) {
        let tap = row;
        for (let kx: u32 = 0; kx < width; kx++) {
          const here = f32x4.eq(v128.load(x + tap), top);
          v128.store(dx + tap, f32x4.add(v128.load(dx + tap), v128.and(left, here)));
          left = v128.andnot(left, here);
          tap += pixel;
        }
        row += line;
      }
      y += 16;
      dy += 16;
    }
  }
  for (; c < channels; c++) {
    const top = load<f32>(y);
    let left = load<f32>(dy);
    let row: usize = c << 2;
    for (let ky: u32 = 0; ky < height; ky++) {
      let tap = row;
      for (let kx: u32 = 0; kx < width; kx++) {
        const here = load<f32>(x + tap) == top;
        store<f32>(dx + tap, load<f32>(dx + tap) + (here ? left : 0));
        if (here) left = 0;
        tap += pixel;
      }
      row += line;
    }
    y += 4;
    dy += 4;
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
