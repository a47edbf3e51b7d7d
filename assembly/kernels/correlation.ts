// How depthwise convolutions and their gradients go over an image without copying it: its output is cut into rectangles of pixels that have
// the same taps inside the image. Taps in the padding are skipped, not multiplied by zero.
import { Conv2d } from '../records';

/** A correlation of one image, in bytes and taps, and its current rectangle. Lives in scratch (`correlationBytes` of kernels/scratch.ts). */
@unmanaged
export class Correlation {
  x: usize;
  /** Bytes from one line or pixel of x to the next. */
  xLine: usize;
  xPixel: usize;
  inHeight: i32;
  inWidth: i32;
  y: usize;
  yLine: usize;
  yPixel: usize;
  outHeight: i32;
  outWidth: i32;
  w: usize;
  /** Bytes from one line or tap of weights to the next; negative where they are used in reverse. */
  wLine: usize;
  wTap: usize;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  dilationY: i32;
  dilationX: i32;
  padTop: i32;
  padLeft: i32;
  /** The rectangle: outputs top … top+height-1 by left … left+width-1. */
  top: i32;
  left: i32;
  height: i32;
  width: i32;
  /** The last output line + 1 that `nextRectangle` goes to. */
  bottom: i32;
  /** Its taps inside the image, and the addresses of its first pixel's first of them. */
  lines: i32;
  taps: i32;
  xAt: usize;
  yAt: usize;
  wAt: usize;
  /** What sums start from, and the bytes to that of the next 4 channels. */
  start: usize;
  startStep: usize;
  low: f32;
  high: f32;
  /** 16 bytes to start from where there is no bias. */
  zero0: u64;
  zero1: u64;
}

/** The record as a correlation from x to y of depthwise weights; the images x and y are left to set. */
export function forwardCorrelation(r: Conv2d, c: Correlation): void {
  c.xPixel = r.inChannels << 2;
  c.xLine = r.inWidth * c.xPixel;
  c.inHeight = r.inHeight;
  c.inWidth = r.inWidth;
  c.yPixel = r.outChannels << 2;
  c.yLine = r.outWidth * c.yPixel;
  c.outHeight = r.outHeight;
  c.outWidth = r.outWidth;
  c.w = r.w;
  c.wTap = c.yPixel;
  c.wLine = r.kernelWidth * c.wTap;
  c.kernelHeight = r.kernelHeight;
  c.kernelWidth = r.kernelWidth;
  c.strideY = r.strideY;
  c.strideX = r.strideX;
  c.dilationY = r.dilationY;
  c.dilationX = r.dilationX;
  c.padTop = r.padTop;
  c.padLeft = r.padLeft;
}

/** Lines and columns change places. */
export function turn(c: Correlation): void {
  let line = c.xLine;
  c.xLine = c.xPixel;
  c.xPixel = line;
  line = c.yLine;
  c.yLine = c.yPixel;
  c.yPixel = line;
  line = c.wLine;
  c.wLine = c.wTap;
  c.wTap = line;
  let extent = c.inHeight;
  c.inHeight = c.inWidth;
  c.inWidth = extent;
  extent = c.outHeight;
  c.outHeight = c.outWidth;
  c.outWidth = extent;
  extent = c.kernelHeight;
  c.kernelHeight = c.kernelWidth;
  c.kernelWidth = extent;
  extent = c.strideY;
  c.strideY = c.strideX;
  c.strideX = extent;
  extent = c.dilationY;
  c.dilationY = c.dilationX;
  c.dilationX = extent;
  extent = c.padTop;
  c.padTop = c.padLeft;
  c.padLeft = extent;
}

/** Output lines of which x and y together are about `bytes`. */
@inline
export function blockLines(c: Correlation, bytes: usize): i32 {
  return max(<i32>(bytes / max<usize>(c.yLine + c.strideY * c.xLine, 1)), 1);
}

/** Output lines `from` … `to`-1 come next. */
@inline
export function beginLines(c: Correlation, from: i32, to: i32): void {
  c.top = from;
  c.height = 0;
  c.left = 0;
  c.width = c.outWidth;
  c.bottom = to;
}

/** Moves on to the next rectangle; false after the last. */
export function nextRectangle(c: Correlation): bool {
  c.left += c.width;
  if (c.left >= c.outWidth) {
    c.top += c.height;
    if (c.top >= c.bottom || c.outWidth == 0) return false;
    c.left = 0;
    c.height = min(sameTaps(c.top, c.outHeight, c.inHeight, c.kernelHeight, c.strideY, c.dilationY, c.padTop), c.bottom - c.top);
  }
  c.width = sameTaps(c.left, c.outWidth, c.inWidth, c.kernelWidth, c.strideX, c.dilationX, c.padLeft);
  const iy = c.top * c.strideY - c.padTop,
    ix = c.left * c.strideX - c.padLeft;
  const line = firstTap(iy, c.dilationY, c.kernelHeight),
    tap = firstTap(ix, c.dilationX, c.kernelWidth);
  c.lines = max(endTap(iy, c.dilationY, c.kernelHeight, c.inHeight) - line, 0);
  c.taps = max(endTap(ix, c.dilationX, c.kernelWidth, c.inWidth) - tap, 0);
  c.xAt = c.x + (iy + line * c.dilationY) * c.xLine + (ix + tap * c.dilationX) * c.xPixel;
  c.yAt = c.y + c.top * c.yLine + c.left * c.yPixel;
  c.wAt = c.w + line * c.wLine + tap * c.wTap;
  return true;
}

/** How many outputs from `o` on have the same taps inside: all whose taps are all inside, or this one alone. */
function sameTaps(o: i32, outputs: i32, inputs: i32, kernel: i32, stride: i32, dilation: i32, pad: i32): i32 {
  const last = inputs - 1 - (kernel - 1) * dilation + pad;
  const end = last < 0 ? 0 : min(last / stride + 1, outputs);
  return o * stride >= pad && o < end ? end - o : 1;
}

/** The first tap at or right of 0, from `origin` in steps of `dilation`. */
@inline
export function firstTap(origin: i32, dilation: i32, kernel: i32): i32 {
  return origin >= 0 ? 0 : min((dilation - 1 - origin) / dilation, kernel);
}

/** The last tap left of `inputs`, + 1. */
@inline
export function endTap(origin: i32, dilation: i32, kernel: i32, inputs: i32): i32 {
  return origin >= inputs ? 0 : min((inputs - origin + dilation - 1) / dilation, kernel);
}

/**
 * One axis of an input gradient: inputs `phase`, `phase + stride`, … are a correlation of stride 1 of dy with every `step`-th weight from
 * the last to `first`, in reverse. These are the weights that ever meet such an input.
 */
export function phaseStep(stride: i32, dilation: i32): i32 {
  let a = stride,
    b = dilation;
  while (b) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return stride / a;
}

/** The first weight that meets input `phase`; at least `step` where none does. */
export function phaseFirst(phase: i32, stride: i32, dilation: i32, pad: i32, step: i32): i32 {
  let first = 0;
  while (first < step && (phase + pad - first * dilation) % stride != 0) first++;
  return first;
}

/** How many weights meet the inputs of a phase. */
@inline
export function phaseTaps(first: i32, step: i32, kernel: i32): i32 {
  return first < min(step, kernel) ? (kernel - 1 - first) / step + 1 : 0;
}

/** Padding of the correlation with `taps` weights at a distance of `dilation` in dy. */
@inline
export function phasePad(phase: i32, stride: i32, dilation: i32, pad: i32, first: i32, step: i32, taps: i32): i32 {
  return taps ? ((taps - 1) * step * dilation - (phase + pad - first * dilation)) / stride : 0;
}
