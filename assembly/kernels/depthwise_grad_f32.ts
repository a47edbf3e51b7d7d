// Gradients of the depthwise convolution, by the same rectangles of pixels (correlation.ts). scratch: a Correlation.
import { Conv2d } from '../records';
import {
  beginLines,
  blockLines,
  Correlation,
  forwardCorrelation,
  nextRectangle,
  phaseFirst,
  phasePad,
  phaseStep,
  phaseTaps,
} from './correlation';
import { correlateChannels } from './depthwise_f32';
import { madd, zeroRow } from './vector_f32';

/** Bytes of x and dy that pass at a time: they stay in the first-level cache while every tap passes by. */
const BLOCK_BYTES: usize = 24576;

/** x = dx, from w and y = dy. Inputs of one phase (position modulo stride) are a correlation of stride 1 of dy with reversed weights. */
export function depthwise_conv2d_f32_grad_input(r: Conv2d): void {
  const c = changetype<Correlation>(r.scratch);
  if (r.outChannels != r.inChannels) {
    gradInputMultiplied(r, c);
    return;
  }
  const pixel = <usize>(r.inChannels << 2);
  const stepY = phaseStep(r.strideY, r.dilationY),
    stepX = phaseStep(r.strideX, r.dilationX);
  c.xPixel = pixel;
  c.xLine = r.outWidth * pixel;
  c.inHeight = r.outHeight;
  c.inWidth = r.outWidth;
  c.yPixel = r.strideX * pixel;
  c.yLine = r.strideY * r.inWidth * pixel;
  c.wTap = -stepX * pixel;
  c.wLine = -stepY * r.kernelWidth * pixel;
  c.strideY = 1;
  c.strideX = 1;
  c.dilationY = (stepY * r.dilationY) / <i32>r.strideY;
  c.dilationX = (stepX * r.dilationX) / <i32>r.strideX;
  for (let py: i32 = 0; py < min<i32>(r.strideY, r.inHeight); py++) {
    const firstY = phaseFirst(py, r.strideY, r.dilationY, r.padTop, stepY);
    c.kernelHeight = phaseTaps(firstY, stepY, r.kernelHeight);
    c.padTop = phasePad(py, r.strideY, r.dilationY, r.padTop, firstY, stepY, c.kernelHeight);
    c.outHeight = (<i32>r.inHeight - py + <i32>r.strideY - 1) / <i32>r.strideY;
    for (let px: i32 = 0; px < min<i32>(r.strideX, r.inWidth); px++) {
      const firstX = phaseFirst(px, r.strideX, r.dilationX, r.padLeft, stepX);
      c.kernelWidth = phaseTaps(firstX, stepX, r.kernelWidth);
      c.padLeft = phasePad(px, r.strideX, r.dilationX, r.padLeft, firstX, stepX, c.kernelWidth);
      c.outWidth = (<i32>r.inWidth - px + <i32>r.strideX - 1) / <i32>r.strideX;
      c.w = r.w + ((firstY + (c.kernelHeight - 1) * stepY) * r.kernelWidth + firstX + (c.kernelWidth - 1) * stepX) * pixel;
      for (let n: usize = 0; n < r.batch; n++) {
        c.x = r.y + n * (r.outHeight * c.xLine);
        c.y = r.x + ((n * r.inHeight + py) * r.inWidth + px) * pixel;
        correlateChannels(c, r.inChannels, r.bias, r.low, r.high);
      }
    }
  }
}

/** With a multiplier: every product is added where it belongs. */
function gradInputMultiplied(r: Conv2d, c: Correlation): void {
  forwardCorrelation(r, c);
  zeroRow(r.x, r.batch * r.inHeight * r.inWidth * r.inChannels);
  for (let n: usize = 0; n < r.batch; n++) {
    c.x = r.x + n * (c.inHeight * c.xLine);
    c.y = r.y + n * (c.outHeight * c.yLine);
    beginLines(c, 0, c.outHeight);
    while (nextRectangle(c)) {
      for (let i = 0; i < c.height; i++)
        for (let j = 0; j < c.width; j++) scatterPixel(c, i, j, r.outChannels, r.outChannels / r.inChannels);
    }
  }
}

function scatterPixel(c: Correlation, i: i32, j: i32, channels: usize, multiplier: usize): void {
  const dy = c.yAt + i * c.yLine + j * c.yPixel;
  for (let line = 0; line < c.lines; line++) {
    for (let tap = 0; tap < c.taps; tap++) {
      const dx = c.xAt + (i * c.strideY + line * c.dilationY) * c.xLine + (j * c.strideX + tap * c.dilationX) * c.xPixel,
        w = c.wAt + line * c.wLine + tap * c.wTap;
      for (let k: usize = 0; k < channels; k++) {
        const at = dx + ((k / multiplier) << 2);
        store<f32>(at, load<f32>(at) + load<f32>(dy + (k << 2)) * load<f32>(w + (k << 2)));
      }
    }
  }
}

/** w = dw, from x and y = dy: each tap sums over the output pixels, rectangle by rectangle. */
export function depthwise_conv2d_f32_grad_weight(r: Conv2d): void {
  const c = changetype<Correlation>(r.scratch);
  forwardCorrelation(r, c);
  zeroRow(r.w, r.kernelHeight * r.kernelWidth * r.outChannels);
  const multiplier = <usize>(r.outChannels / max(r.inChannels, 1));
  const block = blockLines(c, BLOCK_BYTES);
  for (let n: usize = 0; n < r.batch; n++) {
    c.x = r.x + n * (c.inHeight * c.xLine);
    c.y = r.y + n * (c.outHeight * c.yLine);
    for (let line = 0; line < c.outHeight; line += block) {
      beginLines(c, line, min(line + block, c.outHeight));
      while (nextRectangle(c)) {
        for (let i = 0; i < c.lines; i++) gradLine(c, c.xAt + i * c.dilationY * c.xLine, c.wAt + i * c.wLine, r.outChannels, multiplier);
      }
    }
  }
}

/** One line of taps: dw[tap, c] += Σ x dy over the rectangle. */
function gradLine(c: Correlation, x: usize, dw: usize, channels: usize, multiplier: usize): void {
  const right = c.strideX * c.xPixel,
    xSkip = c.strideY * c.xLine - c.width * right,
    dySkip = c.yLine - c.width * c.yPixel;
  const xTap = c.dilationX * c.xPixel;
  let k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    if (multiplier == 1) {
      for (; k + 8 <= channels; k += 8) {
        const at = k << 2;
        for (let tap = 0; tap < c.taps; tap += 3) {
          const from = x + at + tap * xTap,
            to = dw + at + tap * c.wTap;
          gradTile8(from, xTap, right, xSkip, c.yAt + at, c.yPixel, dySkip, c.height, c.width, to, c.wTap, c.taps - tap);
        }
      }
      for (; k + 4 <= channels; k += 4) {
        const at = k << 2;
        for (let tap = 0; tap < c.taps; tap++) {
          gradTile4(x + at + tap * xTap, right, xSkip, c.yAt + at, c.yPixel, dySkip, c.height, c.width, dw + at + tap * c.wTap);
        }
      }
    }
  }
  for (; k < channels; k++) {
    const xAt = x + ((k / multiplier) << 2),
      at = k << 2;
    for (let tap = 0; tap < c.taps; tap++) {
      gradScalar(xAt + tap * xTap, right, xSkip, c.yAt + at, c.yPixel, dySkip, c.height, c.width, dw + at + tap * c.wTap);
    }
  }
}

/** Up to 3 taps by 8 channels. Taps that are not there repeat the first and are not stored. */
function gradTile8(
  x: usize,
  xTap: usize,
  xPixel: usize,
  xSkip: usize,
  dy: usize,
  dyPixel: usize,
  dySkip: usize,
  height: i32,
  width: i32,
  dw: usize,
  wTap: usize,
  taps: i32,
): void {
  let a0 = v128.load(dw),
    a1 = v128.load(dw, 16),
    b0 = a0,
    b1 = a1,
    c0 = a0,
    c1 = a1;
  const w1 = dw + wTap,
    w2 = w1 + wTap;
  if (taps > 1) {
    b0 = v128.load(w1);
    b1 = v128.load(w1, 16);
  }
  if (taps > 2) {
    c0 = v128.load(w2);
    c1 = v128.load(w2, 16);
  }
  let x1 = taps > 1 ? x + xTap : x,
    x2 = taps > 2 ? x + (xTap << 1) : x;
  for (; height; height--) {
    for (let pixel = width; pixel; pixel--) {
      const g0 = v128.load(dy),
        g1 = v128.load(dy, 16);
      a0 = madd(v128.load(x), g0, a0);
      a1 = madd(v128.load(x, 16), g1, a1);
      b0 = madd(v128.load(x1), g0, b0);
      b1 = madd(v128.load(x1, 16), g1, b1);
      c0 = madd(v128.load(x2), g0, c0);
      c1 = madd(v128.load(x2, 16), g1, c1);
      x += xPixel;
      x1 += xPixel;
      x2 += xPixel;
      dy += dyPixel;
    }
    x += xSkip;
    x1 += xSkip;
    x2 += xSkip;
    dy += dySkip;
  }
  v128.store(dw, a0);
  v128.store(dw, a1, 16);
  if (taps > 1) {
    v128.store(w1, b0);
    v128.store(w1, b1, 16);
  }
  if (taps > 2) {
    v128.store(w2, c0);
    v128.store(w2, c1, 16);
  }
}

/** One tap by 4 channels. */
function gradTile4(
  x: usize,
  xPixel: usize,
  xSkip: usize,
  dy: usize,
  dyPixel: usize,
  dySkip: usize,
  height: i32,
  width: i32,
  dw: usize,
): void {
  let sum = v128.load(dw);
  for (; height; height--) {
    for (let pixel = width; pixel; pixel--) {
      sum = madd(v128.load(x), v128.load(dy), sum);
      x += xPixel;
      dy += dyPixel;
    }
    x += xSkip;
    dy += dySkip;
  }
  v128.store(dw, sum);
}

/** One tap of one channel. */
function gradScalar(
  x: usize,
  xPixel: usize,
  xSkip: usize,
  dy: usize,
  dyPixel: usize,
  dySkip: usize,
  height: i32,
  width: i32,
  dw: usize,
): void {
  let sum = load<f32>(dw);
  for (; height; height--) {
    for (let pixel = width; pixel; pixel--) {
      sum += load<f32>(x) * load<f32>(dy);
      x += xPixel;
      dy += dyPixel;
    }
    x += xSkip;
    dy += dySkip;
  }
  store<f32>(dw, sum);
}
