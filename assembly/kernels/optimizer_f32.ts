// One parameter update each, in PyTorch's formulation. The learning rate (f32) and the step count (i32, completed steps) are read from
// memory; `scale` (0 or the address of an f32) multiplies the gradient first: the factor of global-norm clipping or of accumulation.
// Every kernel is a vector loop and a scalar loop of the same operations, which the simd flavour runs for its tail.
import { Adagrad, Adam, ClipScale, Counter, Momentum, RmsProp, Sgd } from '../records';

@inline
function factor(scale: usize): f32 {
  return scale ? load<f32>(scale) : 1;
}

/** g = scale gradient + decay p. */
@inline
function gradient4(at: usize, p: v128, scale: f32, decay: f32): v128 {
  return f32x4.add(f32x4.mul(v128.load(at), f32x4.splat(scale)), f32x4.mul(p, f32x4.splat(decay)));
}

@inline
function gradient1(at: usize, p: f32, scale: f32, decay: f32): f32 {
  return load<f32>(at) * scale + p * decay;
}

/** p - lr g / (√v + epsilon). */
@inline
function rooted4(p: v128, g: v128, v: v128, lr: f32, epsilon: f32): v128 {
  return f32x4.sub(p, f32x4.div(f32x4.mul(g, f32x4.splat(lr)), f32x4.add(f32x4.sqrt(v), f32x4.splat(epsilon))));
}

@inline
function rooted1(p: f32, g: f32, v: f32, lr: f32, epsilon: f32): f32 {
  return p - (g * lr) / (sqrt<f32>(v) + epsilon);
}

/** p -= lr (g + weightDecay p). */
export function sgd_f32(r: Sgd): void {
  const lr = load<f32>(r.learningRate),
    scale = factor(r.scale),
    decay = r.weightDecay;
  const parameter = r.parameter,
    gradient = r.gradient;
  const bytes = (<usize>r.length) << 2;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      const p = v128.load(parameter + i);
      v128.store(parameter + i, f32x4.sub(p, f32x4.mul(gradient4(gradient + i, p, scale, decay), f32x4.splat(lr))));
    }
  }
  for (; i < bytes; i += 4) {
    const p = load<f32>(parameter + i);
    store<f32>(parameter + i, p - gradient1(gradient + i, p, scale, decay) * lr);
  }
}

/** m = momentum m + g; p -= lr m, or p -= lr (g + momentum m) with `nesterov`. */
export function momentum_f32(r: Momentum): void {
  const lr = load<f32>(r.learningRate),
    scale = factor(r.scale),
    decay = r.weightDecay,
    momentum = r.momentum;
  const parameter = r.parameter,
    gradient = r.gradient,
    velocity = r.velocity,
    nesterov = r.nesterov;
  const bytes = (<usize>r.length) << 2;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      const p = v128.load(parameter + i);
      const g = gradient4(gradient + i, p, scale, decay);
      const m = f32x4.add(f32x4.mul(v128.load(velocity + i), f32x4.splat(momentum)), g);
      v128.store(velocity + i, m);
      const d = nesterov ? f32x4.add(f32x4.mul(m, f32x4.splat(momentum)), g) : m;
      v128.store(parameter + i, f32x4.sub(p, f32x4.mul(d, f32x4.splat(lr))));
    }
  }
  for (; i < bytes; i += 4) {
    const p = load<f32>(parameter + i);
    const g = gradient1(gradient + i, p, scale, decay);
    const m: f32 = load<f32>(velocity + i) * momentum + g;
    store<f32>(velocity + i, m);
    const d: f32 = nesterov ? m * momentum + g : m;
    store<f32>(parameter + i, p - d * lr);
  }
}

/** v = rho v + (1 - rho) g²; p -= lr g / (√v + epsilon). */
export function rmsprop_f32(r: RmsProp): void {
  const lr = load<f32>(r.learningRate),
    scale = factor(r.scale),
    decay = r.weightDecay,
    rho = r.rho,
    epsilon = r.epsilon;
  const parameter = r.parameter,
    gradient = r.gradient,
    square = r.square;
  const rest: f32 = <f32>1 - rho;
  const bytes = (<usize>r.length) << 2;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      const p = v128.load(parameter + i);
      const g = gradient4(gradient + i, p, scale, decay);
      const v = f32x4.add(f32x4.mul(v128.load(square + i), f32x4.splat(rho)), f32x4.mul(f32x4.mul(g, g), f32x4.splat(rest)));
      v128.store(square + i, v);
      v128.store(parameter + i, rooted4(p, g, v, lr, epsilon));
    }
  }
  for (; i < bytes; i += 4) {
    const p = load<f32>(parameter + i);
    const g = gradient1(gradient + i, p, scale, decay);
    const v: f32 = load<f32>(square + i) * rho + g * g * rest;
    store<f32>(square + i, v);
    store<f32>(parameter + i, rooted1(p, g, v, lr, epsilon));
  }
}

/** v += g²; p -= lr g / (√v + epsilon). */
export function adagrad_f32(r: Adagrad): void {
  const lr = load<f32>(r.learningRate),
    scale = factor(r.scale),
    decay = r.weightDecay,
    epsilon = r.epsilon;
  const parameter = r.parameter,
    gradient = r.gradient,
    square = r.square;
  const bytes = (<usize>r.length) << 2;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      const p = v128.load(parameter + i);
      const g = gradient4(gradient + i, p, scale, decay);
      const v = f32x4.add(v128.load(square + i), f32x4.mul(g, g));
      v128.store(square + i, v);
      v128.store(parameter + i, rooted4(p, g, v, lr, epsilon));
    }
  }
  for (; i < bytes; i += 4) {
    const p = load<f32>(parameter + i);
    const g = gradient1(gradient + i, p, scale, decay);
    const v: f32 = load<f32>(square + i) + g * g;
    store<f32>(square + i, v);
    store<f32>(parameter + i, rooted1(p, g, v, lr, epsilon));
  }
}

function integerPower(base: f64, exponent: u32): f64 {
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
  const t = load<u32>(r.step) + 1;
  const rate = load<f32>(r.learningRate),
    scale = factor(r.scale),
    b1 = r.beta1,
    b2 = r.beta2,
    epsilon = r.epsilon;
  const parameter = r.parameter,
    gradient = r.gradient,
    mean = r.mean,
    square = r.square;
  const lr = <f32>(<f64>rate / (1 - integerPower(b1, t)));
  const root = <f32>(1 / sqrt<f64>(1 - integerPower(b2, t)));
  const keep: f32 = r.decoupled ? <f32>1 - rate * r.weightDecay : 1;
  const decay: f32 = r.decoupled ? 0 : r.weightDecay;
  const rest1: f32 = <f32>1 - b1,
    rest2: f32 = <f32>1 - b2;
  const bytes = (<usize>r.length) << 2;
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      const p = v128.load(parameter + i);
      const g = gradient4(gradient + i, p, scale, decay);
      const m = f32x4.add(f32x4.mul(v128.load(mean + i), f32x4.splat(b1)), f32x4.mul(g, f32x4.splat(rest1)));
      const v = f32x4.add(f32x4.mul(v128.load(square + i), f32x4.splat(b2)), f32x4.mul(f32x4.mul(g, g), f32x4.splat(rest2)));
      v128.store(mean + i, m);
      v128.store(square + i, v);
      const d = f32x4.add(f32x4.mul(f32x4.sqrt(v), f32x4.splat(root)), f32x4.splat(epsilon));
      v128.store(parameter + i, f32x4.sub(f32x4.mul(p, f32x4.splat(keep)), f32x4.div(f32x4.mul(m, f32x4.splat(lr)), d)));
    }
  }
  for (; i < bytes; i += 4) {
    const p = load<f32>(parameter + i);
    const g = gradient1(gradient + i, p, scale, decay);
    const m: f32 = load<f32>(mean + i) * b1 + g * rest1;
    const v: f32 = load<f32>(square + i) * b2 + g * g * rest2;
    store<f32>(mean + i, m);
    store<f32>(square + i, v);
    const d: f32 = sqrt<f32>(v) * root + epsilon;
    store<f32>(parameter + i, p * keep - (m * lr) / d);
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
