// Softmax over the last axis, cross-entropy from logits, and their gradients. Rows are contiguous. Sums over a row run in four lanes
// (lane i takes elements i, i+4, …) and end (l0 + l2) + (l1 + l3).
import {
  exp1,
  exp4,
  expB,
  expBelow1,
  expBelow4,
  expC,
  lane0,
  lane1,
  lane2,
  lane3,
  LN2_HIGH,
  LN2_LOW,
  log1,
  LOG2E,
  LOWEST,
  ROUND,
  ROUND_BIAS,
} from '../math/exp_log';
import { CrossEntropy, CrossEntropyGrad, Rows, RowsGrad } from '../records';
import { loadPart, storePart } from './vector_f32';

/** The largest element that is a number: a NaN comes back in the sum. pmax is one instruction, max seven (see vector_f32.ts). */
function rowMax(x: usize, count: u32): f32 {
  let best: f32 = -Infinity;
  if (ASC_FEATURE_SIMD) {
    let lanes = f32x4.splat(best);
    for (; count >= 4; count -= 4) {
      lanes = f32x4.pmax(lanes, v128.load(x));
      x += 16;
    }
    lanes = f32x4.pmax(lanes, v128.shuffle<f32>(lanes, lanes, 2, 3, 0, 1));
    best = f32x4.extract_lane(f32x4.pmax(lanes, v128.shuffle<f32>(lanes, lanes, 1, 0, 3, 2)), 0);
  }
  for (; count; count--) {
    const v = load<f32>(x);
    best = best < v ? v : best;
    x += 4;
  }
  return best;
}

/**
 * y[i] = e^(x[i] - shift) for x[i] <= shift; returns the sum, in four lanes. With y = 0 it only sums. Below e^-87.6 zero: a power of 2 then takes
 * one shift. The constants are read from the stack (see gelu_f32.ts).
 */
function expRow(x: usize, y: usize, count: usize, shift: f32): f32 {
  let l0: f32 = 0,
    l1: f32 = 0,
    l2: f32 = 0,
    l3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sum = f32x4.splat(0);
    const s = f32x4.splat(shift);
    // Addresses of f32 are multiples of 4.
    const zero = i32x4.splat(<i32>(x & 3));
    const a = v128.or(f32x4(LOG2E, ROUND, -LN2_HIGH, -LN2_LOW), zero),
      b = expB(zero),
      c = expC(zero),
      d = v128.or(f32x4(1, LOWEST, 0, 0), zero);
    const k0 = lane0(a),
      k1 = lane1(a),
      k2 = lane2(a),
      k3 = lane3(a);
    const k4 = lane0(b),
      k5 = lane1(b),
      k6 = lane2(b),
      k7 = lane3(b);
    const k8 = lane0(c),
      k9 = lane1(c),
      lowest = lane1(d);
    const one = lane0(d),
      bias = v128.or(i32x4.splat(ROUND_BIAS), zero);
    for (; count >= 4; count -= 4) {
      const e = expBelow4(f32x4.sub(v128.load(x), s), k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, lowest, one, bias);
      if (y) {
        v128.store(y, e);
        y += 16;
      }
      sum = f32x4.add(sum, e);
      x += 16;
    }
    l0 = f32x4.extract_lane(sum, 0);
    l1 = f32x4.extract_lane(sum, 1);
    l2 = f32x4.extract_lane(sum, 2);
    l3 = f32x4.extract_lane(sum, 3);
    if (count) {
      const e = expBelow4(f32x4.sub(loadPart(x, 0, count), s), k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, lowest, one, bias);
      if (y) storePart(y, e, e, count);
      l0 += f32x4.extract_lane(e, 0);
      if (count > 1) l1 += f32x4.extract_lane(e, 1);
      if (count > 2) l2 += f32x4.extract_lane(e, 2);
    }
  } else {
    for (let i: usize = 0; i < count; i++) {
      const e = expBelow1(load<f32>(x + (i << 2)) - shift);
      if (y) store<f32>(y + (i << 2), e);
      const lane = i & 3;
      if (lane == 0) l0 += e;
      else if (lane == 1) l1 += e;
      else if (lane == 2) l2 += e;
      else l3 += e;
    }
  }
  return l0 + l2 + (l1 + l3);
}

/** y[i] *= scale. */
function scaleRow(y: usize, count: u32, scale: f32): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(y, f32x4.mul(v128.load(y), f32x4.splat(scale)));
      y += 16;
    }
  }
  for (; count; count--) {
    store<f32>(y, load<f32>(y) * scale);
    y += 4;
  }
}

/** y[i] = (x[i] - top) - logSum: in this order nothing is lost where the logits are large. */
function logRow(x: usize, y: usize, count: u32, top: f32, logSum: f32): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(y, f32x4.sub(f32x4.sub(v128.load(x), f32x4.splat(top)), f32x4.splat(logSum)));
      x += 16;
      y += 16;
    }
  }
  for (; count; count--) {
    store<f32>(y, load<f32>(x) - top - logSum);
    x += 4;
    y += 4;
  }
}

export function softmax_f32(r: Rows): void {
  const bytes = (<usize>r.columns) << 2;
  for (let i: usize = 0; i < r.rows; i++) {
    const y = r.y + i * bytes;
    const sum = expRow(r.x + i * bytes, y, r.columns, rowMax(r.x + i * bytes, r.columns));
    scaleRow(y, r.columns, <f32>1 / sum);
  }
}

export function log_softmax_f32(r: Rows): void {
  const bytes = (<usize>r.columns) << 2;
  for (let i: usize = 0; i < r.rows; i++) {
    const x = r.x + i * bytes;
    const top = rowMax(x, r.columns);
    logRow(x, r.y + i * bytes, r.columns, top, log1(expRow(x, 0, r.columns, top)));
  }
}

/** Σ a[i] b[i], or Σ b[i] with a = 0. */
function dotRow(a: usize, b: usize, count: u32): f32 {
  let l0: f32 = 0,
    l1: f32 = 0,
    l2: f32 = 0,
    l3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sum = f32x4.splat(0);
    for (; count >= 4; count -= 4) {
      let v = v128.load(b);
      if (a) {
        v = f32x4.mul(v128.load(a), v);
        a += 16;
      }
      sum = f32x4.add(sum, v);
      b += 16;
    }
    l0 = f32x4.extract_lane(sum, 0);
    l1 = f32x4.extract_lane(sum, 1);
    l2 = f32x4.extract_lane(sum, 2);
    l3 = f32x4.extract_lane(sum, 3);
  } else {
    for (; count >= 4; count -= 4) {
      l0 += term(a, b, 0);
      l1 += term(a, b, 4);
      l2 += term(a, b, 8);
      l3 += term(a, b, 12);
      if (a) a += 16;
      b += 16;
    }
  }
  if (count > 0) l0 += term(a, b, 0);
  if (count > 1) l1 += term(a, b, 4);
  if (count > 2) l2 += term(a, b, 8);
  return l0 + l2 + (l1 + l3);
}

@inline
function term(a: usize, b: usize, at: usize): f32 {
  return a ? load<f32>(a + at) * load<f32>(b + at) : load<f32>(b + at);
}

/** dx = y (dy - Σ y dy), from softmax's output y. */
export function softmax_f32_grad(r: RowsGrad): void {
  const bytes = (<usize>r.columns) << 2;
  for (let i: usize = 0; i < r.rows; i++) {
    const y = r.y + i * bytes,
      dy = r.dy + i * bytes;
    softmaxGradRow(y, dy, r.dx + i * bytes, r.columns, dotRow(y, dy, r.columns));
  }
}

function softmaxGradRow(y: usize, dy: usize, dx: usize, count: u32, dot: f32): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(dx, f32x4.mul(v128.load(y), f32x4.sub(v128.load(dy), f32x4.splat(dot))));
      y += 16;
      dy += 16;
      dx += 16;
    }
  }
  for (; count; count--) {
    store<f32>(dx, load<f32>(y) * (load<f32>(dy) - dot));
    y += 4;
    dy += 4;
    dx += 4;
  }
}

/** dx = dy - e^y Σ dy, from log-softmax's output y. */
export function log_softmax_f32_grad(r: RowsGrad): void {
  const bytes = (<usize>r.columns) << 2;
  for (let i: usize = 0; i < r.rows; i++) {
    const dy = r.dy + i * bytes;
    logSoftmaxGradRow(r.y + i * bytes, dy, r.dx + i * bytes, r.columns, dotRow(0, dy, r.columns));
  }
}

function logSoftmaxGradRow(y: usize, dy: usize, dx: usize, count: u32, sum: f32): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(dx, f32x4.sub(v128.load(dy), f32x4.mul(exp4(v128.load(y)), f32x4.splat(sum))));
      y += 16;
      dy += 16;
      dx += 16;
    }
    if (count) {
      const v = f32x4.sub(loadPart(dy, 0, count), f32x4.mul(exp4(loadPart(y, 0, count)), f32x4.splat(sum)));
      storePart(dx, v, v, count);
    }
  } else {
    for (; count; count--) {
      store<f32>(dx, load<f32>(dy) - exp1(load<f32>(y)) * sum);
      y += 4;
      dy += 4;
      dx += 4;
    }
  }
}

/** The target of class j under label smoothing; labels are i32 class indexes, or f32 rows with `oneHot`. */
@inline
function target(labels: usize, oneHot: u32, row: usize, j: usize, columns: usize, smoothing: f32): f32 {
  const t: f32 = oneHot ? load<f32>(labels + ((row * columns + j) << 2)) : load<i32>(labels + (row << 2)) == <i32>j ? 1 : 0;
  return t * (<f32>1 - smoothing) + smoothing / <f32>columns;
}

/** loss[row] = Σ_j t_j (log Σ e^x - x_j). */
export function softmax_cross_entropy_f32(r: CrossEntropy): void {
  const columns = <usize>r.columns;
  for (let i: usize = 0; i < r.rows; i++) {
    const x = r.x + ((i * columns) << 2);
    const top = rowMax(x, columns);
    const logSum = log1(expRow(x, 0, columns, top));
    let loss: f32 = 0;
    for (let j: usize = 0; j < columns; j++) {
      const t = target(r.labels, r.oneHot, i, j, columns, r.smoothing);
      if (t != 0) loss += t * (top - load<f32>(x + (j << 2)) + logSum);
    }
    store<f32>(r.loss + (i << 2), loss);
  }
}

/** dx[row, j] = dLoss[row] (softmax(x)_j Σ t - t_j). */
export function softmax_cross_entropy_f32_grad(r: CrossEntropyGrad): void {
  const columns = <usize>r.columns;
  for (let i: usize = 0; i < r.rows; i++) {
    const x = r.x + ((i * columns) << 2);
    const dx = r.dx + ((i * columns) << 2);
    const g = load<f32>(r.dLoss + (i << 2));
    let total: f32 = 0;
    for (let j: usize = 0; j < columns; j++) total += target(r.labels, r.oneHot, i, j, columns, r.smoothing);
    const sum = expRow(x, dx, columns, rowMax(x, columns));
    const scale: f32 = total / sum;
    for (let j: usize = 0; j < columns; j++) {
      const t = target(r.labels, r.oneHot, i, j, columns, r.smoothing);
      store<f32>(dx + (j << 2), g * (load<f32>(dx + (j << 2)) * scale - t));
    }
  }
}
