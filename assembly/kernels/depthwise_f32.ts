// Depthwise convolution over NHWC: output channel c · m + j is input channel c through filter w[:, :, c · m + j], m = outChannels / inChannels.
// w is [kernelHeight, kernelWidth, outChannels]; with m = 1 channels run in vectors.
import { Conv2d } from '../records';
import { loadPart, madd, storePart, zeroRow } from './vector_f32';

export function depthwise_conv2d_f32(r: Conv2d): void {
  const vector = r.outChannels == r.inChannels;
  let y = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        if (vector) pixelForward(r, n, oy, ox, y);
        else pixelForwardMultiplied(r, n, oy, ox, y);
        y += r.outChannels << 2;
      }
    }
  }
}

/** Address of pixel (iy, ix) of image n, or 0 where it is padding. */
@inline
function source(r: Conv2d, n: u32, oy: u32, ox: u32, ky: u32, kx: u32): usize {
  const iy = <i32>(oy * r.strideY + ky * r.dilationY) - r.padTop,
    ix = <i32>(ox * r.strideX + kx * r.dilationX) - r.padLeft;
  if (<u32>iy >= r.inHeight || <u32>ix >= r.inWidth) return 0;
  return r.x + ((((n * r.inHeight + <u32>iy) * r.inWidth + <u32>ix) * r.inChannels) << 2);
}

function pixelForward(r: Conv2d, n: u32, oy: u32, ox: u32, y: usize): void {
  const channels = <usize>r.inChannels;
  if (ASC_FEATURE_SIMD) {
    for (let c: usize = 0; c < channels; c += 4) {
      const count = min<usize>(4, channels - c);
      let sum = r.bias ? loadPart(r.bias + (c << 2), 0, count) : f32x4.splat(0);
      let w = r.w + (c << 2);
      for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
        for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
          const x = source(r, n, oy, ox, ky, kx);
          if (x) {
            if (count == 4) sum = madd(v128.load(x + (c << 2)), v128.load(w), sum);
            else sum = madd(loadPart(x + (c << 2), 0, count), loadPart(w, 0, count), sum);
          }
          w += channels << 2;
        }
      }
      sum = f32x4.min(f32x4.max(sum, f32x4.splat(r.low)), f32x4.splat(r.high));
      storePart(y + (c << 2), sum, sum, count);
    }
  } else pixelForwardMultiplied(r, n, oy, ox, y);
}

function pixelForwardMultiplied(r: Conv2d, n: u32, oy: u32, ox: u32, y: usize): void {
  const multiplier = r.outChannels / r.inChannels;
  for (let c: u32 = 0; c < r.outChannels; c++) {
    let sum: f32 = r.bias ? load<f32>(r.bias + (c << 2)) : 0;
    let w = r.w + (c << 2);
    for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
      for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
        const x = source(r, n, oy, ox, ky, kx);
        if (x) sum += load<f32>(x + ((c / multiplier) << 2)) * load<f32>(w);
        w += r.outChannels << 2;
      }
    }
    store<f32>(y + (c << 2), min<f32>(max<f32>(sum, r.low), r.high));
  }
}

/** x = dx, from w and y = dy. */
export function depthwise_conv2d_f32_grad_input(r: Conv2d): void {
  zeroRow(r.x, r.batch * r.inHeight * r.inWidth * r.inChannels);
  let dy = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        let w = r.w;
        for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
          for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
            const dx = source(r, n, oy, ox, ky, kx);
            if (dx) accumulate(dx, dy, w, r.outChannels, r.outChannels / r.inChannels);
            w += r.outChannels << 2;
          }
        }
        dy += r.outChannels << 2;
      }
    }
  }
}

/** dx[c] += dy[c · m + j] w[c · m + j]. */
function accumulate(dx: usize, dy: usize, w: usize, count: usize, multiplier: u32): void {
  if (ASC_FEATURE_SIMD) {
    if (multiplier == 1) {
      for (let c: usize = 0; c < count; c += 4) {
        const n = min<usize>(4, count - c);
        const sum = f32x4.add(loadPart(dx, 0, n), f32x4.mul(loadPart(dy, 0, n), loadPart(w, 0, n)));
        storePart(dx, sum, sum, n);
        dx += 16;
        dy += 16;
        w += 16;
      }
      return;
    }
  }
  for (let c: u32 = 0; c < <u32>count; c++) {
    const at = dx + ((c / multiplier) << 2);
    store<f32>(at, load<f32>(at) + load<f32>(dy + (c << 2)) * load<f32>(w + (c << 2)));
  }
}

/** w = dw, from x and y = dy: each tap sums over the output pixels in their order. */
export function depthwise_conv2d_f32_grad_weight(r: Conv2d): void {
  zeroRow(r.w, r.kernelHeight * r.kernelWidth * r.outChannels);
  let dy = r.y;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        let dw = r.w;
        for (let ky: u32 = 0; ky < r.kernelHeight; ky++) {
          for (let kx: u32 = 0; kx < r.kernelWidth; kx++) {
            const x = source(r, n, oy, ox, ky, kx);
            if (x) accumulateWeight(dw, dy, x, r.outChannels, r.outChannels / r.inChannels);
            dw += r.outChannels << 2;
          }
        }
        dy += r.outChannels << 2;
      }
    }
  }
}

/** dw[c · m + j] += dy[c · m + j] x[c]. */
function accumulateWeight(dw: usize, dy: usize, x: usize, count: usize, multiplier: u32): void {
  if (ASC_FEATURE_SIMD) {
    if (multiplier == 1) {
      accumulate(dw, dy, x, count, 1);
      return;
    }
  }
  for (let c: u32 = 0; c < <u32>count; c++) {
    const at = dw + (c << 2);
    store<f32>(at, load<f32>(at) + load<f32>(dy + (c << 2)) * load<f32>(x + ((c / multiplier) << 2)));
  }
}
