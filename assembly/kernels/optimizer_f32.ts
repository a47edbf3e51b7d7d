// One parameter update each, in PyTorch's formulation. The learning rate (f32) and the step count (i32, completed steps) are read from
// memory; `scale` (0 or the address of an f32) multiplies the gradient first: the factor of global-norm clipping or of accumulation.
import { Adagrad, Adam, ClipScale, Counter, Momentum, RmsProp, Sgd } from '../records';
import { loadPart, storePart } from './vector_f32';

@inline
function gradient(grad: usize, i: usize, count: usize, scale: f32): v128 {
  return f32x4.mul(loadPart(grad + i, 0, count), f32x4.splat(scale));
}

@inline
function factor(scale: usize): f32 {
  return scale ? load<f32>(scale) : 1;
}

/** p -= lr (g + weightDecay p). */
export function sgd_f32(r: Sgd): void {
  const lr = load<f32>(r.learningRate), scale = factor(r.scale), decay = r.weightDecay;
  const bytes = <usize>r.length << 2;
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const count = min<usize>(4, (bytes - i) >> 2);
      const p = loadPart(r.parameter + i, 0, count);
      const g = f32x4.add(gradient(r.gradient, i, count, scale), f32x4.mul(p, f32x4.splat(decay)));
      const next = f32x4.sub(p, f32x4.mul(g, f32x4.splat(lr)));
      storePart(r.parameter + i, next, next, count);
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const p = load<f32>(r.parameter + i);
      const g: f32 = load<f32>(r.gradient + i) * scale + p * decay;
      store<f32>(r.parameter + i, p - g * lr);
    }
  }
}

/** m = momentum m + g; p -= lr m, or p -= lr (g + momentum m) with `nesterov`. */
export function momentum_f32(r: Momentum): void {
  const lr = load<f32>(r.learningRate), scale = factor(r.scale), decay = r.weightDecay, momentum = r.momentum;
  const bytes = <usize>r.length << 2;
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const count = min<usize>(4, (bytes - i) >> 2);
      const p = loadPart(r.parameter + i, 0, count);
      const g = f32x4.add(gradient(r.gradient, i, count, scale), f32x4.mul(p, f32x4.splat(decay)));
      const m = f32x4.add(f32x4.mul(loadPart(r.velocity + i, 0, count), f32x4.splat(momentum)), g);
      storePart(r.velocity + i, m, m, count);
      const d = r.nesterov ? f32x4.add(f32x4.mul(m, f32x4.splat(momentum)), g) : m;
      const next = f32x4.sub(p, f32x4.mul(d, f32x4.splat(lr)));
      storePart(r.parameter + i, next, next, count);
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const p = load<f32>(r.parameter + i);
      const g: f32 = load<f32>(r.gradient + i) * scale + p * decay;
      const m: f32 = load<f32>(r.velocity + i) * momentum + g;
      store<f32>(r.velocity + i, m);
      const d: f32 = r.nesterov ? m * momentum + g : m;
      store<f32>(r.parameter + i, p - d * lr);
    }
  }
}

/** v = rho v + (1 - rho) g²; p -= lr g / (√v + epsilon). */
export function rmsprop_f32(r: RmsProp): void {
  const lr = load<f32>(r.learningRate), scale = factor(r.scale), decay = r.weightDecay, rho = r.rho, epsilon = r.epsilon;
  const rest: f32 = <f32>1 - rho;
  const bytes = <usize>r.length << 2;
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const count = min<usize>(4, (bytes - i) >> 2);
      const p = loadPart(r.parameter + i, 0, count);
      const g = f32x4.add(gradient(r.gradient, i, count, scale), f32x4.mul(p, f32x4.splat(decay)));
      const v = f32x4.add(f32x4.mul(loadPart(r.square + i, 0, count), f32x4.splat(rho)), f32x4.mul(f32x4.mul(g, g), f32x4.splat(rest)));
      storePart(r.square + i, v, v, count);
      const next = f32x4.sub(p, f32x4.div(f32x4.mul(g, f32x4.splat(lr)), f32x4.add(f32x4.sqrt(v), f32x4.splat(epsilon))));
      storePart(r.parameter + i, next, next, count);
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const p = load<f32>(r.parameter + i);
      const g: f32 = load<f32>(r.gradient + i) * scale + p * decay;
      const v: f32 = load<f32>(r.square + i) * rho + g * g * rest;
      store<f32>(r.square + i, v);
      store<f32>(r.parameter + i, p - (g * lr) / (sqrt<f32>(v) + epsilon));
    }
  }
}

/** v += g²; p -= lr g / (√v + epsilon). */
export function adagrad_f32(r: Adagrad): void {
  const lr = load<f32>(r.learningRate), scale = factor(r.scale), decay = r.weightDecay, epsilon = r.epsilon;
  const bytes = <usize>r.length << 2;
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const count = min<usize>(4, (bytes - i) >> 2);
      const p = loadPart(r.parameter + i, 0, count);
      const g = f32x4.add(gradient(r.gradient, i, count, scale), f32x4.mul(p, f32x4.splat(decay)));
      const v = f32x4.add(loadPart(r.square + i, 0, count), f32x4.mul(g, g));
      storePart(r.square + i, v, v, count);
      const next = f32x4.sub(p, f32x4.div(f32x4.mul(g, f32x4.splat(lr)), f32x4.add(f32x4.sqrt(v), f32x4.splat(epsilon))));
      storePart(r.parameter + i, next, next, count);
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const p = load<f32>(r.parameter + i);
      const g: f32 = load<f32>(r.gradient + i) * scale + p * decay;
      const v: f32 = load<f32>(r.square + i) + g * g;
      store<f32>(r.square + i, v);
      store<f32>(r.parameter + i, p - (g * lr) / (sqrt<f32>(v) + epsilon));
    }
  }
}

function integerPower(base: f64, exponent: i32): f64 {
  let product: f64 = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) product *= base;
    base *= base;
  }
  return product;
}

/**
 * Adam (Kingma and Ba 2015) and, with `decoupled`, AdamW (Loshchilov and Hutter 2019): p -= lr decay p first, and no decay in g.
 * m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; p -= lr / (1 - b1^t) m / (√v / √(1 - b2^t) + epsilon).
 */
export function adam_f32(r: Adam): void {
  const t = load<i32>(r.step) + 1;
  const rate = load<f32>(r.learningRate), scale = factor(r.scale), b1 = r.beta1, b2 = r.beta2, epsilon = r.epsilon;
  const lr = <f32>(<f64>rate / (1 - integerPower(b1, t)));
  const root = <f32>(1 / sqrt<f64>(1 - integerPower(b2, t)));
  const keep: f32 = r.decoupled ? <f32>1 - rate * r.weightDecay : 1;
  const decay: f32 = r.decoupled ? 0 : r.weightDecay;
  const rest1: f32 = <f32>1 - b1, rest2: f32 = <f32>1 - b2;
  const bytes = <usize>r.length << 2;
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const count = min<usize>(4, (bytes - i) >> 2);
      const p = loadPart(r.parameter + i, 0, count);
      const g = f32x4.add(gradient(r.gradient, i, count, scale), f32x4.mul(p, f32x4.splat(decay)));
      const m = f32x4.add(f32x4.mul(loadPart(r.mean + i, 0, count), f32x4.splat(b1)), f32x4.mul(g, f32x4.splat(rest1)));
      const v = f32x4.add(f32x4.mul(loadPart(r.square + i, 0, count), f32x4.splat(b2)), f32x4.mul(f32x4.mul(g, g), f32x4.splat(rest2)));
      storePart(r.mean + i, m, m, count);
      storePart(r.square + i, v, v, count);
      const d = f32x4.add(f32x4.mul(f32x4.sqrt(v), f32x4.splat(root)), f32x4.splat(epsilon));
      const next = f32x4.sub(f32x4.mul(p, f32x4.splat(keep)), f32x4.div(f32x4.mul(m, f32x4.splat(lr)), d));
      storePart(r.parameter + i, next, next, count);
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const p = load<f32>(r.parameter + i);
      const g: f32 = load<f32>(r.gradient + i) * scale + p * decay;
      const m: f32 = load<f32>(r.mean + i) * b1 + g * rest1;
      const v: f32 = load<f32>(r.square + i) * b2 + g * g * rest2;
      store<f32>(r.mean + i, m);
      store<f32>(r.square + i, v);
      const d: f32 = sqrt<f32>(v) * root + epsilon;
      store<f32>(r.parameter + i, p * keep - (m * lr) / d);
    }
  }
}

/** y = min(1, limit / (√Σsquares + 1e-6)): the factor that brings the global norm of the gradients down to `limit`. */
export function clip_scale_f32(r: ClipScale): void {
  store<f32>(r.y, min<f32>(1, r.limit / (sqrt<f32>(load<f32>(r.squares)) + <f32>1e-6)));
}

/** Adds one to an i32. */
export function increment_i32(r: Counter): void {
  store<i32>(r.counter, load<i32>(r.counter) + 1);
}
