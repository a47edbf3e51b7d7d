// Batch normalisation of [rows, columns] over the rows, and its gradient. Sums over the rows add up sixty-four rows at a time: the error of a
// long f32 sum stays small, and the rows stay in the cache while the columns are walked.
import { BatchNorm, BatchNormGrad, BatchNormStats, MovingAverage } from '../records';
import { zeroRow } from './vector_f32';

const CHUNK: usize = 64;

/** mean and biased variance of each column, in two passes. */
export function batch_norm_f32_stats(r: BatchNormStats): void {
  const columns = <usize>r.columns;
  const rows = <usize>r.rows;
  zeroRow(r.mean, columns);
  for (let i: usize = 0; i < rows; i += CHUNK) addSums(r.x + ((i * columns) << 2), r.mean, min(CHUNK, rows - i), columns);
  divideRow(r.mean, columns, <f32>r.rows);
  zeroRow(r.variance, columns);
  for (let i: usize = 0; i < rows; i += CHUNK) addDeviations(r.x + ((i * columns) << 2), r.mean, r.variance, min(CHUNK, rows - i), columns);
  divideRow(r.variance, columns, <f32>r.rows);
}

function divideRow(y: usize, count: usize, by: f32): void {
  for (; count; count--) {
    store<f32>(y, load<f32>(y) / by);
    y += 4;
  }
}

/** sum[c] += Σ x[i, c]. */
function addSums(x: usize, sum: usize, rows: usize, columns: usize): void {
  const stride = columns << 2;
  if (ASC_FEATURE_SIMD) {
    for (; columns >= 8; columns -= 8) {
      let p = x;
      let s0 = f32x4.splat(0),
        s1 = s0;
      for (let i = rows; i; i--) {
        s0 = f32x4.add(s0, v128.load(p));
        s1 = f32x4.add(s1, v128.load(p, 16));
        p += stride;
      }
      v128.store(sum, f32x4.add(v128.load(sum), s0));
      v128.store(sum, f32x4.add(v128.load(sum, 16), s1), 16);
      x += 32;
      sum += 32;
    }
  }
  for (; columns; columns--) {
    let p = x;
    let s: f32 = 0;
    for (let i = rows; i; i--) {
      s += load<f32>(p);
      p += stride;
    }
    store<f32>(sum, load<f32>(sum) + s);
    x += 4;
    sum += 4;
  }
}

/** sum[c] += Σ (x[i, c] - mean[c])². */
function addDeviations(x: usize, mean: usize, sum: usize, rows: usize, columns: usize): void {
  const stride = columns << 2;
  if (ASC_FEATURE_SIMD) {
    for (; columns >= 8; columns -= 8) {
      let p = x;
      const m0 = v128.load(mean),
        m1 = v128.load(mean, 16);
      let s0 = f32x4.splat(0),
        s1 = s0;
      for (let i = rows; i; i--) {
        const d0 = f32x4.sub(v128.load(p), m0),
          d1 = f32x4.sub(v128.load(p, 16), m1);
        s0 = f32x4.add(s0, f32x4.mul(d0, d0));
        s1 = f32x4.add(s1, f32x4.mul(d1, d1));
        p += stride;
      }
      v128.store(sum, f32x4.add(v128.load(sum), s0));
      v128.store(sum, f32x4.add(v128.load(sum, 16), s1), 16);
      x += 32;
      mean += 32;
      sum += 32;
    }
  }
  for (; columns; columns--) {
    let p = x;
    const m = load<f32>(mean);
    let s: f32 = 0;
    for (let i = rows; i; i--) {
      const d: f32 = load<f32>(p) - m;
      s += d * d;
      p += stride;
    }
    store<f32>(sum, load<f32>(sum) + s);
    x += 4;
    mean += 4;
    sum += 4;
  }
}

@inline
function rstd4(variance: usize, at: usize, epsilon: f32): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(v128.load(variance + at), f32x4.splat(epsilon))));
}

@inline
function rstd1(variance: usize, at: usize, epsilon: f32): f32 {
  return <f32>1 / sqrt<f32>(load<f32>(variance + at) + epsilon);
}

/** y = (x - mean) (gamma / √(variance + epsilon)) + beta. y may be x. */
export function batch_norm_f32(r: BatchNorm): void {
  const columns = <usize>r.columns;
  const rows = <usize>r.rows;
  for (let i: usize = 0; i < rows; i += CHUNK) normalizeRows(r, (i * columns) << 2, min(CHUNK, rows - i), columns);
}

function normalizeRows(r: BatchNorm, from: usize, rows: usize, columns: usize): void {
  const stride = columns << 2;
  const mean = r.mean,
    variance = r.variance,
    gamma = r.gamma,
    beta = r.beta,
    epsilon = r.epsilon;
  let x = r.x + from,
    y = r.y + from;
  let at: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; at + 32 <= stride; at += 32) {
      const m0 = v128.load(mean + at),
        m1 = v128.load(mean + at, 16);
      const scale0 = f32x4.mul(rstd4(variance, at, epsilon), v128.load(gamma + at));
      const scale1 = f32x4.mul(rstd4(variance, at + 16, epsilon), v128.load(gamma + at, 16));
      const b0 = v128.load(beta + at),
        b1 = v128.load(beta + at, 16);
      let p = x,
        q = y;
      for (let i = rows; i; i--) {
        v128.store(q, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p), m0), scale0), b0));
        v128.store(q, f32x4.add(f32x4.mul(f32x4.sub(v128.load(p, 16), m1), scale1), b1), 16);
        p += stride;
        q += stride;
      }
      x += 32;
      y += 32;
    }
  }
  for (; at < stride; at += 4) {
    const m = load<f32>(mean + at);
    const scale: f32 = rstd1(variance, at, epsilon) * load<f32>(gamma + at);
    const b = load<f32>(beta + at);
    let p = x,
      q = y;
    for (let i = rows; i; i--) {
      store<f32>(q, (load<f32>(p) - m) * scale + b);
      p += stride;
      q += stride;
    }
    x += 4;
    y += 4;
  }
}

/**
 * Through the batch statistics, with xhat = (x - mean) rstd: dbeta = Σ dy, dgamma = Σ dy xhat,
 * dx = gamma rstd (dy - dbeta / rows - xhat dgamma / rows). dx = 0: not wanted; dx may be dy.
 */
export function batch_norm_f32_grad(r: BatchNormGrad): void {
  const columns = <usize>r.columns;
  const rows = <usize>r.rows;
  zeroRow(r.dgamma, columns);
  zeroRow(r.dbeta, columns);
  for (let i: usize = 0; i < rows; i += CHUNK) addAffineGrads(r, (i * columns) << 2, min(CHUNK, rows - i), columns);
  for (let c: usize = 0; c < columns << 2; c += 4) store<f32>(r.dgamma + c, load<f32>(r.dgamma + c) * rstd1(r.variance, c, r.epsilon));
  if (!r.dx) return;
  for (let i: usize = 0; i < rows; i += CHUNK) inputGrads(r, (i * columns) << 2, min(CHUNK, rows - i), columns);
}

/** dgamma += Σ dy (x - mean), without its factor rstd; dbeta += Σ dy. */
function addAffineGrads(r: BatchNormGrad, from: usize, rows: usize, columns: usize): void {
  const stride = columns << 2;
  const mean = r.mean,
    dgamma = r.dgamma,
    dbeta = r.dbeta;
  let x = r.x + from,
    dy = r.dy + from;
  let at: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; at + 32 <= stride; at += 32) {
      const m0 = v128.load(mean + at),
        m1 = v128.load(mean + at, 16);
      let g0 = f32x4.splat(0),
        g1 = g0,
        b0 = g0,
        b1 = g0;
      let p = x,
        q = dy;
      for (let i = rows; i; i--) {
        const d0 = v128.load(q),
          d1 = v128.load(q, 16);
        g0 = f32x4.add(g0, f32x4.mul(d0, f32x4.sub(v128.load(p), m0)));
        g1 = f32x4.add(g1, f32x4.mul(d1, f32x4.sub(v128.load(p, 16), m1)));
        b0 = f32x4.add(b0, d0);
        b1 = f32x4.add(b1, d1);
        p += stride;
        q += stride;
      }
      v128.store(dgamma + at, f32x4.add(v128.load(dgamma + at), g0));
      v128.store(dgamma + at, f32x4.add(v128.load(dgamma + at, 16), g1), 16);
      v128.store(dbeta + at, f32x4.add(v128.load(dbeta + at), b0));
      v128.store(dbeta + at, f32x4.add(v128.load(dbeta + at, 16), b1), 16);
      x += 32;
      dy += 32;
    }
  }
  for (; at < stride; at += 4) {
    const m = load<f32>(mean + at);
    let g: f32 = 0,
      b: f32 = 0;
    let p = x,
      q = dy;
    for (let i = rows; i; i--) {
      const d = load<f32>(q);
      g += d * (load<f32>(p) - m);
      b += d;
      p += stride;
      q += stride;
    }
    store<f32>(dgamma + at, load<f32>(dgamma + at) + g);
    store<f32>(dbeta + at, load<f32>(dbeta + at) + b);
    x += 4;
    dy += 4;
  }
}

function inputGrads(r: BatchNormGrad, from: usize, rows: usize, columns: usize): void {
  const stride = columns << 2;
  const mean = r.mean,
    variance = r.variance,
    gamma = r.gamma,
    dgamma = r.dgamma,
    dbeta = r.dbeta,
    epsilon = r.epsilon;
  const inverse: f32 = <f32>1 / <f32>r.rows;
  let x = r.x + from,
    dy = r.dy + from,
    dx = r.dx + from;
  let at: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; at + 16 <= stride; at += 16) {
      const rstd = rstd4(variance, at, epsilon);
      const scale = f32x4.mul(rstd, v128.load(gamma + at));
      const shift = f32x4.mul(v128.load(dbeta + at), f32x4.splat(inverse));
      const slope = f32x4.mul(rstd, f32x4.mul(v128.load(dgamma + at), f32x4.splat(inverse)));
      const m = v128.load(mean + at);
      let p = x,
        q = dy,
        t = dx;
      for (let i = rows; i; i--) {
        const along = f32x4.mul(f32x4.sub(v128.load(p), m), slope);
        v128.store(t, f32x4.mul(f32x4.sub(f32x4.sub(v128.load(q), shift), along), scale));
        p += stride;
        q += stride;
        t += stride;
      }
      x += 16;
      dy += 16;
      dx += 16;
    }
  }
  for (; at < stride; at += 4) {
    const rstd = rstd1(variance, at, epsilon);
    const scale: f32 = rstd * load<f32>(gamma + at);
    const shift: f32 = load<f32>(dbeta + at) * inverse;
    const slope: f32 = rstd * (load<f32>(dgamma + at) * inverse);
    const m = load<f32>(mean + at);
    let p = x,
      q = dy,
      t = dx;
    for (let i = rows; i; i--) {
      const along: f32 = (load<f32>(p) - m) * slope;
      store<f32>(t, (load<f32>(q) - shift - along) * scale);
      p += stride;
      q += stride;
      t += stride;
    }
    x += 4;
    dy += 4;
    dx += 4;
  }
}

/** state = momentum state + (1 - momentum) scale value. */
export function moving_average_f32(r: MovingAverage): void {
  const momentum = r.momentum;
  const rest: f32 = (<f32>1 - momentum) * r.scale;
  let state = r.state,
    value = r.value;
  for (let count = r.length; count; count--) {
    store<f32>(state, load<f32>(state) * momentum + load<f32>(value) * rest);
    state += 4;
    value += 4;
  }
}
