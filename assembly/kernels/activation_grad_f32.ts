// Gradients of the element-wise functions: dx[i] = f'(x[i]) dy[i], where x is the function's input, or its output for relu, clip, sigmoid,
// tanh and sqrt, which are cheaper from there. dx may be x or dy. The slope at a corner is 0.
import { exp1, exp4 } from '../math/exp_log';
import { normalCdf1, normalCdf4, sigmoid1, sigmoid4 } from '../math/tanh_erf';
import { UnaryGrad } from '../records';
import { geluInner1, geluInner4, mishGate1, mishGate4 } from './activation_f32';
import { loadPart, storePart } from './vector_f32';

enum F {
  RELU,
  CLIP,
  LEAKY_RELU,
  ELU,
  SELU,
  SIGMOID,
  TANH,
  SQRT,
  ERF,
  SOFTPLUS,
  SOFTSIGN,
  GELU,
  GELU_TANH,
  SILU,
  HARD_SIGMOID,
  HARD_SWISH,
  MISH,
}

@inline
function softsignDenominator4(x: v128): v128 {
  const d = f32x4.add(f32x4.splat(1), f32x4.abs(x));
  return f32x4.mul(d, d);
}
function softsignDenominator1(x: f32): f32 {
  const d: f32 = <f32>1 + abs<f32>(x);
  return d * d;
}

/** φ(x), the normal density. */
@inline
function normalPdf4(x: v128): v128 {
  return f32x4.mul(f32x4.splat(0.3989422804014327), exp4(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5))));
}
function normalPdf1(x: f32): f32 {
  return <f32>0.3989422804014327 * exp1(x * x * <f32>-0.5);
}

/** With s = sigmoid(2 t): s + x s (1 - s) 2 dt/dx; the slope is 0 or 1 long before ±30. */
@inline
function geluTanhSlope4(given: v128): v128 {
  const x = f32x4.max(f32x4.min(given, f32x4.splat(30)), f32x4.splat(-30));
  const s = sigmoid4(geluInner4(x));
  const slope = f32x4.mul(f32x4.splat(1.5957691216057308), f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(0.134145), f32x4.mul(x, x))));
  const bump = f32x4.mul(f32x4.mul(f32x4.mul(s, f32x4.sub(f32x4.splat(1), s)), x), slope);
  return f32x4.add(s, bump);
}
function geluTanhSlope1(given: f32): f32 {
  const x: f32 = max<f32>(min<f32>(given, 30), -30);
  const s = sigmoid1(geluInner1(x));
  const slope: f32 = <f32>1.5957691216057308 * (<f32>1 + <f32>0.134145 * (x * x));
  const bump: f32 = s * (<f32>1 - s) * x * slope;
  return s + bump;
}

@inline
function siluSlope4(x: v128): v128 {
  const s = sigmoid4(x);
  return f32x4.mul(s, f32x4.add(f32x4.splat(1), f32x4.mul(x, f32x4.sub(f32x4.splat(1), s))));
}
function siluSlope1(x: f32): f32 {
  const s = sigmoid1(x);
  return s * (<f32>1 + x * (<f32>1 - s));
}

@inline
function inRamp4(x: v128, alpha: f32, beta: f32): v128 {
  const t = f32x4.add(f32x4.mul(x, f32x4.splat(alpha)), f32x4.splat(beta));
  return v128.and(f32x4.gt(t, f32x4.splat(0)), f32x4.lt(t, f32x4.splat(1)));
}
function inRamp1(x: f32, alpha: f32, beta: f32): bool {
  const t: f32 = x * alpha + beta;
  return t > 0 && t < 1;
}

@inline
function hardSwishSlope4(x: v128, alpha: f32, beta: f32): v128 {
  const t = f32x4.add(f32x4.mul(x, f32x4.splat(alpha)), f32x4.splat(beta));
  const ramp = f32x4.add(f32x4.mul(f32x4.mul(x, f32x4.splat(alpha)), f32x4.splat(2)), f32x4.splat(beta));
  const above = v128.and(f32x4.splat(1), f32x4.ge(t, f32x4.splat(1)));
  return v128.bitselect(ramp, above, inRamp4(x, alpha, beta));
}
function hardSwishSlope1(x: f32, alpha: f32, beta: f32): f32 {
  if (inRamp1(x, alpha, beta)) return x * alpha * 2 + beta;
  return x * alpha + beta >= 1 ? 1 : 0;
}

/** d/dx of x tanh(softplus(x)): t + x (1 - t²) sigmoid(x). */
@inline
function mishSlope4(x: v128): v128 {
  const t = mishGate4(x);
  return f32x4.add(t, f32x4.mul(f32x4.mul(x, f32x4.sub(f32x4.splat(1), f32x4.mul(t, t))), sigmoid4(x)));
}
function mishSlope1(x: f32): f32 {
  const t = mishGate1(x);
  return t + x * (<f32>1 - t * t) * sigmoid1(x);
}

@inline
function apply4(f: F, x: v128, dy: v128, alpha: f32, beta: f32): v128 {
  if (f == F.RELU) return v128.and(dy, f32x4.gt(x, f32x4.splat(0)));
  if (f == F.CLIP) return v128.and(dy, v128.and(f32x4.gt(x, f32x4.splat(alpha)), f32x4.lt(x, f32x4.splat(beta))));
  if (f == F.LEAKY_RELU) return v128.bitselect(dy, f32x4.mul(dy, f32x4.splat(alpha)), f32x4.gt(x, f32x4.splat(0)));
  if (f == F.ELU)
    return v128.bitselect(
      dy,
      f32x4.mul(dy, f32x4.mul(f32x4.splat(alpha), exp4(f32x4.min(x, f32x4.splat(0))))),
      f32x4.gt(x, f32x4.splat(0)),
    );
  if (f == F.SELU)
    return f32x4.mul(
      f32x4.mul(dy, f32x4.splat(beta)),
      v128.bitselect(f32x4.splat(1), f32x4.mul(f32x4.splat(alpha), exp4(f32x4.min(x, f32x4.splat(0)))), f32x4.gt(x, f32x4.splat(0))),
    );
  if (f == F.SIGMOID) return f32x4.mul(dy, f32x4.mul(x, f32x4.sub(f32x4.splat(1), x)));
  if (f == F.TANH) return f32x4.mul(dy, f32x4.sub(f32x4.splat(1), f32x4.mul(x, x)));
  if (f == F.SQRT) return f32x4.div(f32x4.mul(dy, f32x4.splat(0.5)), x);
  if (f == F.ERF) return f32x4.mul(dy, f32x4.mul(f32x4.splat(1.1283791670955126), exp4(f32x4.neg(f32x4.mul(x, x)))));
  if (f == F.SOFTPLUS) return f32x4.mul(dy, sigmoid4(x));
  if (f == F.SOFTSIGN) return f32x4.div(dy, softsignDenominator4(x));
  if (f == F.GELU) return f32x4.mul(dy, f32x4.add(normalCdf4(x), f32x4.mul(x, normalPdf4(x))));
  if (f == F.GELU_TANH) return f32x4.mul(dy, geluTanhSlope4(x));
  if (f == F.SILU) return f32x4.mul(dy, siluSlope4(x));
  if (f == F.HARD_SIGMOID) return v128.and(f32x4.mul(dy, f32x4.splat(alpha)), inRamp4(x, alpha, beta));
  if (f == F.HARD_SWISH) return f32x4.mul(dy, hardSwishSlope4(x, alpha, beta));
  if (f == F.MISH) return f32x4.mul(dy, mishSlope4(x));
  return dy;
}

@inline
function apply1(f: F, x: f32, dy: f32, alpha: f32, beta: f32): f32 {
  if (f == F.RELU) return x > 0 ? dy : 0;
  if (f == F.CLIP) return x > alpha && x < beta ? dy : 0;
  if (f == F.LEAKY_RELU) return x > 0 ? dy : dy * alpha;
  if (f == F.ELU) return x > 0 ? dy : dy * (alpha * exp1(min<f32>(x, 0)));
  if (f == F.SELU) return dy * beta * (x > 0 ? 1 : alpha * exp1(min<f32>(x, 0)));
  if (f == F.SIGMOID) return dy * (x * (<f32>1 - x));
  if (f == F.TANH) return dy * (<f32>1 - x * x);
  if (f == F.SQRT) return (dy * <f32>0.5) / x;
  if (f == F.ERF) return dy * (<f32>1.1283791670955126 * exp1(-(x * x)));
  if (f == F.SOFTPLUS) return dy * sigmoid1(x);
  if (f == F.SOFTSIGN) return dy / softsignDenominator1(x);
  if (f == F.GELU) return dy * (normalCdf1(x) + x * normalPdf1(x));
  if (f == F.GELU_TANH) return dy * geluTanhSlope1(x);
  if (f == F.SILU) return dy * siluSlope1(x);
  if (f == F.HARD_SIGMOID) return inRamp1(x, alpha, beta) ? dy * alpha : 0;
  if (f == F.HARD_SWISH) return dy * hardSwishSlope1(x, alpha, beta);
  if (f == F.MISH) return dy * mishSlope1(x);
  return dy;
}

@inline
function each(r: UnaryGrad, f: F): void {
  const alpha = r.alpha;
  const beta = r.beta;
  let x = r.x;
  let dy = r.dy;
  let dx = r.dx;
  let count = <usize>r.length;
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(dx, apply4(f, v128.load(x), v128.load(dy), alpha, beta));
      x += 16;
      dy += 16;
      dx += 16;
    }
    if (count) storePart(dx, apply4(f, loadPart(x, 0, count), loadPart(dy, 0, count), alpha, beta), f32x4.splat(0), count);
  } else {
    for (; count; count--) {
      store<f32>(dx, apply1(f, load<f32>(x), load<f32>(dy), alpha, beta));
      x += 4;
      dy += 4;
      dx += 4;
    }
  }
}

/** x is the output. */
export function relu_f32_grad(r: UnaryGrad): void {
  each(r, F.RELU);
}
/** x is the output. */
export function clip_f32_grad(r: UnaryGrad): void {
  each(r, F.CLIP);
}
export function leaky_relu_f32_grad(r: UnaryGrad): void {
  each(r, F.LEAKY_RELU);
}
export function elu_f32_grad(r: UnaryGrad): void {
  each(r, F.ELU);
}
export function selu_f32_grad(r: UnaryGrad): void {
  each(r, F.SELU);
}
/** x is the output. */
export function sigmoid_f32_grad(r: UnaryGrad): void {
  each(r, F.SIGMOID);
}
/** x is the output. */
export function tanh_f32_grad(r: UnaryGrad): void {
  each(r, F.TANH);
}
/** x is the output. */
export function sqrt_f32_grad(r: UnaryGrad): void {
  each(r, F.SQRT);
}
export function erf_f32_grad(r: UnaryGrad): void {
  each(r, F.ERF);
}
export function softplus_f32_grad(r: UnaryGrad): void {
  each(r, F.SOFTPLUS);
}
export function softsign_f32_grad(r: UnaryGrad): void {
  each(r, F.SOFTSIGN);
}
export function gelu_f32_grad(r: UnaryGrad): void {
  each(r, F.GELU);
}
export function gelu_tanh_f32_grad(r: UnaryGrad): void {
  each(r, F.GELU_TANH);
}
export function silu_f32_grad(r: UnaryGrad): void {
  each(r, F.SILU);
}
export function hard_sigmoid_f32_grad(r: UnaryGrad): void {
  each(r, F.HARD_SIGMOID);
}
export function hard_swish_f32_grad(r: UnaryGrad): void {
  each(r, F.HARD_SWISH);
}
export function mish_f32_grad(r: UnaryGrad): void {
  each(r, F.MISH);
}
