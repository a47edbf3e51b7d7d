// Element-wise functions of one operand: y[i] = f(x[i]). All share one loop; `apply4` and `apply1` are the functions, chosen by a constant
// that the compiler folds. Reading x[i] precedes writing y[i], so y may be x.
import { exp1, exp4, expA, expB, expC, expD, expm11, expm14, expOf4, log1, log1p1, log1p4, log4 } from '../math/exp_log';
import { erf1, erfcA, erfcB, erfcC, erfOf4, sigmoid1, sigmoidOf4, tanh1, tanhOf4 } from '../math/tanh_erf';
import { Unary } from '../records';
import { loadPart, storePart } from './vector_f32';

enum F {
  NEG,
  ABS,
  EXP,
  LOG,
  SQRT,
  SQUARE,
  RECIPROCAL,
  SIGN,
  ERF,
  RELU,
  CLIP,
  LEAKY_RELU,
  ELU,
  SELU,
  SIGMOID,
  TANH,
  SOFTPLUS,
  SOFTSIGN,
  GELU_TANH,
  SILU,
  HARD_SIGMOID,
  HARD_SWISH,
  MISH,
  CEIL,
  FLOOR,
  ROUND,
}

/** ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), which does not overflow. */
@inline
function softplusOf4(x: v128, a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.max(x, f32x4.splat(0)), log1p4(expOf4(f32x4.neg(f32x4.abs(x)), a, b, c, d)));
}
export function softplus1(x: f32): f32 {
  return max<f32>(x, 0) + log1p1(exp1(-abs<f32>(x)));
}

/** 2 √(2/π) (x + 0.044715 x³): GELU's tanh form (Hendrycks and Gimpel 2016) is x sigmoid(this), since (1 + tanh t) / 2 = sigmoid(2 t). */
@inline
export function geluInner4(x: v128): v128 {
  const cubic = f32x4.mul(f32x4.mul(f32x4.mul(x, x), x), f32x4.splat(0.044715));
  return f32x4.mul(f32x4.splat(1.5957691216057308), f32x4.add(x, cubic));
}
export function geluInner1(x: f32): f32 {
  return <f32>1.5957691216057308 * (x + x * x * x * <f32>0.044715);
}

@inline
function hardSigmoid4(x: v128, alpha: f32, beta: f32): v128 {
  return f32x4.max(f32x4.min(f32x4.add(f32x4.mul(x, f32x4.splat(alpha)), f32x4.splat(beta)), f32x4.splat(1)), f32x4.splat(0));
}
function hardSigmoid1(x: f32, alpha: f32, beta: f32): f32 {
  return max<f32>(min<f32>(x * alpha + beta, 1), 0);
}

/** In TFLite's order, to its bits: quantized models round what follows from them. */
@inline
function hardSwish4(x: v128, shift: f32, top: f32): v128 {
  const t = f32x4.splat(top);
  return f32x4.div(f32x4.mul(x, f32x4.min(f32x4.max(f32x4.add(x, f32x4.splat(shift)), f32x4.splat(0)), t)), t);
}
function hardSwish1(x: f32, shift: f32, top: f32): f32 {
  return (x * min<f32>(max<f32>(x + shift, 0), top)) / top;
}

/** tanh(softplus(x)) = (n² + 2n) / (n² + 2n + 2) with n = e^x; 1 from x = 20 on. */
@inline
export function mishGate4(x: v128): v128 {
  const n = exp4(f32x4.min(x, f32x4.splat(20)));
  const m = f32x4.mul(n, f32x4.add(n, f32x4.splat(2)));
  return f32x4.div(m, f32x4.add(m, f32x4.splat(2)));
}
export function mishGate1(x: f32): f32 {
  const n = exp1(min<f32>(x, 20));
  const m: f32 = n * (n + 2);
  return m / (m + 2);
}

@inline
function apply4(k: F, x: v128, alpha: f32, beta: f32, a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128): v128 {
  if (k == F.NEG) return f32x4.neg(x);
  if (k == F.ABS) return f32x4.abs(x);
  if (k == F.EXP) return expOf4(x, a, b, c, d);
  if (k == F.LOG) return log4(x);
  if (k == F.SQRT) return f32x4.sqrt(x);
  if (k == F.SQUARE) return f32x4.mul(x, x);
  if (k == F.RECIPROCAL) return f32x4.div(f32x4.splat(1), x);
  if (k == F.SIGN)
    return f32x4.sub(v128.and(f32x4.gt(x, f32x4.splat(0)), f32x4.splat(1)), v128.and(f32x4.lt(x, f32x4.splat(0)), f32x4.splat(1)));
  if (k == F.ERF) return erfOf4(x, a, b, c, d, e, f, g);
  if (k == F.RELU) return f32x4.max(x, f32x4.splat(0));
  if (k == F.CLIP) return f32x4.min(f32x4.max(x, f32x4.splat(alpha)), f32x4.splat(beta));
  if (k == F.LEAKY_RELU) return v128.bitselect(x, f32x4.mul(x, f32x4.splat(alpha)), f32x4.gt(x, f32x4.splat(0)));
  if (k == F.ELU)
    return v128.bitselect(x, f32x4.mul(f32x4.splat(alpha), expm14(f32x4.min(x, f32x4.splat(0)))), f32x4.gt(x, f32x4.splat(0)));
  if (k == F.SELU)
    return f32x4.mul(
      f32x4.splat(beta),
      v128.bitselect(x, f32x4.mul(f32x4.splat(alpha), expm14(f32x4.min(x, f32x4.splat(0)))), f32x4.gt(x, f32x4.splat(0))),
    );
  if (k == F.SIGMOID) return sigmoidOf4(x, a, b, c, d);
  if (k == F.TANH) return tanhOf4(x, a, b, c, d);
  if (k == F.SOFTPLUS) return softplusOf4(x, a, b, c, d);
  if (k == F.SOFTSIGN) return f32x4.div(x, f32x4.add(f32x4.splat(1), f32x4.abs(x)));
  if (k == F.GELU_TANH) return f32x4.mul(x, sigmoidOf4(geluInner4(x), a, b, c, d));
  if (k == F.SILU) return f32x4.mul(x, sigmoidOf4(x, a, b, c, d));
  if (k == F.HARD_SIGMOID) return hardSigmoid4(x, alpha, beta);
  if (k == F.HARD_SWISH) return hardSwish4(x, alpha, beta);
  if (k == F.MISH) return f32x4.mul(x, mishGate4(x));
  if (k == F.CEIL) return f32x4.ceil(x);
  if (k == F.FLOOR) return f32x4.floor(x);
  if (k == F.ROUND) return f32x4.nearest(x);
  return x;
}

@inline
function apply1(f: F, x: f32, alpha: f32, beta: f32): f32 {
  if (f == F.NEG) return -x;
  if (f == F.ABS) return abs<f32>(x);
  if (f == F.EXP) return exp1(x);
  if (f == F.LOG) return log1(x);
  if (f == F.SQRT) return sqrt<f32>(x);
  if (f == F.SQUARE) return x * x;
  if (f == F.RECIPROCAL) return <f32>1 / x;
  if (f == F.SIGN) return <f32>(x > 0 ? 1 : 0) - <f32>(x < 0 ? 1 : 0);
  if (f == F.ERF) return erf1(x);
  if (f == F.RELU) return max<f32>(x, 0);
  if (f == F.CLIP) return min<f32>(max<f32>(x, alpha), beta);
  if (f == F.LEAKY_RELU) return x > 0 ? x : x * alpha;
  if (f == F.ELU) return x > 0 ? x : alpha * expm11(min<f32>(x, 0));
  if (f == F.SELU) return beta * (x > 0 ? x : alpha * expm11(min<f32>(x, 0)));
  if (f == F.SIGMOID) return sigmoid1(x);
  if (f == F.TANH) return tanh1(x);
  if (f == F.SOFTPLUS) return softplus1(x);
  if (f == F.SOFTSIGN) return x / (<f32>1 + abs<f32>(x));
  if (f == F.GELU_TANH) return x * sigmoid1(geluInner1(x));
  if (f == F.SILU) return x * sigmoid1(x);
  if (f == F.HARD_SIGMOID) return hardSigmoid1(x, alpha, beta);
  if (f == F.HARD_SWISH) return hardSwish1(x, alpha, beta);
  if (f == F.MISH) return x * mishGate1(x);
  if (f == F.CEIL) return ceil<f32>(x);
  if (f == F.FLOOR) return floor<f32>(x);
  if (f == F.ROUND) return nearest<f32>(x);
  return x;
}

@inline
function each(r: Unary, f: F): void {
  const alpha = r.alpha;
  const beta = r.beta;
  let x = r.x;
  let y = r.y;
  let count = <usize>r.length;
  if (ASC_FEATURE_SIMD) {
    // Lengths are below 2^31.
    const zero = i32x4.splat(<i32>(r.length >> 31));
    const k0 = expA(zero),
      k1 = expB(zero),
      k2 = expC(zero),
      k3 = expD(zero);
    const k4 = erfcA(zero),
      k5 = erfcB(zero),
      k6 = erfcC(zero);
    for (; count >= 4; count -= 4) {
      v128.store(y, apply4(f, v128.load(x), alpha, beta, k0, k1, k2, k3, k4, k5, k6));
      x += 16;
      y += 16;
    }
    if (count) storePart(y, apply4(f, loadPart(x, 0, count), alpha, beta, k0, k1, k2, k3, k4, k5, k6), f32x4.splat(0), count);
  } else {
    for (; count; count--) {
      store<f32>(y, apply1(f, load<f32>(x), alpha, beta));
      x += 4;
      y += 4;
    }
  }
}

export function neg_f32(r: Unary): void {
  each(r, F.NEG);
}
export function abs_f32(r: Unary): void {
  each(r, F.ABS);
}
export function exp_f32(r: Unary): void {
  each(r, F.EXP);
}
export function log_f32(r: Unary): void {
  each(r, F.LOG);
}
export function sqrt_f32(r: Unary): void {
  each(r, F.SQRT);
}
export function square_f32(r: Unary): void {
  each(r, F.SQUARE);
}
export function reciprocal_f32(r: Unary): void {
  each(r, F.RECIPROCAL);
}
export function sign_f32(r: Unary): void {
  each(r, F.SIGN);
}
export function erf_f32(r: Unary): void {
  each(r, F.ERF);
}
export function relu_f32(r: Unary): void {
  each(r, F.RELU);
}
/** min(max(x, alpha), beta). */
export function clip_f32(r: Unary): void {
  each(r, F.CLIP);
}
/** x > 0 ? x : alpha x. */
export function leaky_relu_f32(r: Unary): void {
  each(r, F.LEAKY_RELU);
}
/** x > 0 ? x : alpha (e^x - 1). */
export function elu_f32(r: Unary): void {
  each(r, F.ELU);
}
/** beta elu(x, alpha). */
export function selu_f32(r: Unary): void {
  each(r, F.SELU);
}
export function sigmoid_f32(r: Unary): void {
  each(r, F.SIGMOID);
}
export function tanh_f32(r: Unary): void {
  each(r, F.TANH);
}
export function softplus_f32(r: Unary): void {
  each(r, F.SOFTPLUS);
}
export function softsign_f32(r: Unary): void {
  each(r, F.SOFTSIGN);
}
export function gelu_tanh_f32(r: Unary): void {
  each(r, F.GELU_TANH);
}
export function silu_f32(r: Unary): void {
  each(r, F.SILU);
}
/** min(max(alpha x + beta, 0), 1). */
export function hard_sigmoid_f32(r: Unary): void {
  each(r, F.HARD_SIGMOID);
}
/** x min(max(x + alpha, 0), beta) / beta. */
export function hard_swish_f32(r: Unary): void {
  each(r, F.HARD_SWISH);
}
export function mish_f32(r: Unary): void {
  each(r, F.MISH);
}
export function ceil_f32(r: Unary): void {
  each(r, F.CEIL);
}
export function floor_f32(r: Unary): void {
  each(r, F.FLOOR);
}
/** Halves go to the even neighbour. */
export function round_f32(r: Unary): void {
  each(r, F.ROUND);
}

/** y (i32) = 1 where x is not a number. */
export function is_nan_f32(r: Unary): void {
  const bytes = (<usize>r.length) << 2;
  for (let i: usize = 0; i < bytes; i += 4) {
    const x = load<f32>(r.x + i);
    store<i32>(r.y + i, i32(x != x));
  }
}

/** y (i32) = 1 where x is infinite: above 0 if alpha is not 0, below 0 if beta is not 0. */
export function is_inf_f32(r: Unary): void {
  const bytes = (<usize>r.length) << 2;
  const above = r.alpha != 0;
  const below = r.beta != 0;
  for (let i: usize = 0; i < bytes; i += 4) {
    const x = load<f32>(r.x + i);
    store<i32>(r.y + i, i32((above && x == Infinity) || (below && x == -Infinity)));
  }
}
