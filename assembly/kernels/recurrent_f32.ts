// Recurrent layers over [batch, steps, …]: the products with the inputs are done beforehand (xw, bias included), these kernels walk the steps.
// The state starts at h0 and c0, or at 0. Backward kernels walk back and write the gradient of xw, of the recurrent weights w (panels), of h0 and c0
// where they are given and, for gru, of h · w + bias.
// scratch forward: gru batch · 3 units f32. scratch backward: panels of wᵀ (ceil(units / 8) · 8 · gates · units f32), then 2 · batch · units f32.
import { expA, expB, expC, expD } from '../math/exp_log';
import { sigmoid1, sigmoidOf4, tanh1, tanhOf4 } from '../math/tanh_erf';
import { Recurrent } from '../records';
import { gemm } from './gemm_f32';
import { gemmTransposed } from './gemm_transposed_f32';
import { transposePanel } from './matmul_f32';
import { copyRow, zeroRow } from './vector_f32';

/** Address of step t of item b in a [batch, steps, width] tensor; steps are counted from the back with `reverse`. */
@inline
export function at(base: usize, r: Recurrent, b: usize, t: usize, width: usize): usize {
  return base + (((b * r.steps + (r.reverse ? r.steps - 1 - t : t)) * width) << 2);
}

/** Address of a state of item b before step t, from the states of all steps and the one before the first; 0 where that is none. */
@inline
export function before(states: usize, first: usize, r: Recurrent, b: usize, t: usize): usize {
  return t ? at(states, r, b, t - 1, r.units) : first ? first + ((b * r.units) << 2) : 0;
}

/** Bytes from one item to the next behind `before`. */
@inline
export function rowsBefore(r: Recurrent, t: usize): usize {
  return (t ? <usize>(r.steps * r.units) : <usize>r.units) << 2;
}

@inline
export function value(p: usize, i: usize): f32 {
  return load<f32>(p + (i << 2));
}

@inline
export function put(p: usize, i: usize, v: f32): void {
  store<f32>(p + (i << 2), v);
}

@inline
export function value4(p: usize, i: usize): v128 {
  return v128.load(p + (i << 2));
}

@inline
export function put4(p: usize, i: usize, v: v128): void {
  v128.store(p + (i << 2), v);
}

/** gates[:, t] = xw[:, t] + h[:, t - 1] · w, for all items. */
function preactivate(r: Recurrent, t: usize, width: usize, to: usize): void {
  for (let b: usize = 0; b < r.batch; b++) copyRow(at(to, r, b, t, width), at(r.xw, r, b, t, width), width);
  const h = before(r.h, r.h0, r, 0, t);
  if (!h) return;
  const stride = (<usize>r.steps * width) << 2;
  gemm(h, rowsBefore(r, t), r.w, 0, 0, at(to, r, 0, t, width), stride, r.batch, width, r.units, -Infinity, Infinity, true);
}

/** h = f(xw + h · w): tanh, or relu with activation = 1. */
export function rnn_f32(r: Recurrent): void {
  for (let t: usize = 0; t < r.steps; t++) {
    preactivate(r, t, r.units, r.h);
    for (let b: usize = 0; b < r.batch; b++) activateRow(at(r.h, r, b, t, r.units), r.units, r.activation);
  }
}

export function activateRow(h: usize, units: usize, activation: u32): void {
  let u: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0);
    const a = expA(zero),
      b = expB(zero),
      c = expC(zero),
      d = expD(zero);
    for (; u + 4 <= units; u += 4) {
      const x = value4(h, u);
      put4(h, u, activation ? f32x4.max(x, zero) : tanhOf4(x, a, b, c, d));
    }
  }
  for (; u < units; u++) put(h, u, activation ? max<f32>(value(h, u), 0) : tanh1(value(h, u)));
}

/** i, f, o = sigmoid, g = tanh of the gates (in the order i f g o); c = f c + i g; h = o tanh(c). */
export function lstm_f32(r: Recurrent): void {
  const width = (<usize>r.units) << 2;
  for (let t: usize = 0; t < r.steps; t++) {
    preactivate(r, t, width, r.gates);
    for (let b: usize = 0; b < r.batch; b++) {
      lstmRow(at(r.gates, r, b, t, width), before(r.c, r.c0, r, b, t), at(r.c, r, b, t, r.units), at(r.h, r, b, t, r.units), r.units);
    }
  }
}

export function lstmRow(gates: usize, old: usize, c: usize, h: usize, units: usize): void {
  let u: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0);
    const ea = expA(zero),
      eb = expB(zero),
      ec = expC(zero),
      ed = expD(zero);
    for (; u + 4 <= units; u += 4) {
      const i = sigmoidOf4(value4(gates, u), ea, eb, ec, ed);
      put4(gates, u, i);
      const f = sigmoidOf4(value4(gates, units + u), ea, eb, ec, ed);
      put4(gates, units + u, f);
      const g = tanhOf4(value4(gates, 2 * units + u), ea, eb, ec, ed);
      put4(gates, 2 * units + u, g);
      const kept = old ? f32x4.mul(f, value4(old, u)) : zero;
      const cell = f32x4.add(kept, f32x4.mul(i, g));
      put4(c, u, cell);
      const o = sigmoidOf4(value4(gates, 3 * units + u), ea, eb, ec, ed);
      put4(gates, 3 * units + u, o);
      put4(h, u, f32x4.mul(o, tanhOf4(cell, ea, eb, ec, ed)));
    }
  }
  for (; u < units; u++) {
    const i = sigmoid1(value(gates, u)),
      f = sigmoid1(value(gates, units + u));
    const g = tanh1(value(gates, 2 * units + u)),
      o = sigmoid1(value(gates, 3 * units + u));
    put(gates, u, i);
    put(gates, units + u, f);
    put(gates, 2 * units + u, g);
    put(gates, 3 * units + u, o);
    const cell: f32 = (old ? f * value(old, u) : 0) + i * g;
    put(c, u, cell);
    put(h, u, o * tanh1(cell));
  }
}

/** z, r = sigmoid, n = tanh(x + r (h · w + bias)) (in the order z r n); h = z h + (1 - z) n. c holds the recurrent part of n. */
export function gru_f32(r: Recurrent): void {
  const width = <usize>r.units * 3;
  for (let t: usize = 0; t < r.steps; t++) {
    recurrentPart(r, t, width);
    for (let b: usize = 0; b < r.batch; b++) {
      gruRow(
        at(r.xw, r, b, t, width),
        r.scratch + ((b * width) << 2),
        at(r.gates, r, b, t, width),
        before(r.h, r.h0, r, b, t),
        at(r.c, r, b, t, r.units),
        at(r.h, r, b, t, r.units),
        r.units,
      );
    }
  }
}

/** scratch = h[:, t - 1] · w + bias. */
function recurrentPart(r: Recurrent, t: usize, width: usize): void {
  const h = before(r.h, r.h0, r, 0, t);
  if (h) {
    gemm(h, rowsBefore(r, t), r.w, r.bias, 0, r.scratch, width << 2, r.batch, width, r.units, -Infinity, Infinity, false);
    return;
  }
  for (let b: usize = 0; b < r.batch; b++) {
    if (r.bias) copyRow(r.scratch + ((b * width) << 2), r.bias, width);
    else zeroRow(r.scratch + ((b * width) << 2), width);
  }
}

export function gruRow(x: usize, recurrent: usize, gates: usize, old: usize, hidden: usize, h: usize, units: usize): void {
  let u: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0),
      one = f32x4.splat(1);
    const a = expA(zero),
      b = expB(zero),
      c = expC(zero),
      d = expD(zero);
    for (; u + 4 <= units; u += 4) {
      const z = sigmoidOf4(f32x4.add(value4(x, u), value4(recurrent, u)), a, b, c, d);
      put4(gates, u, z);
      const reset = sigmoidOf4(f32x4.add(value4(x, units + u), value4(recurrent, units + u)), a, b, c, d);
      put4(gates, units + u, reset);
      const inner = value4(recurrent, 2 * units + u);
      put4(hidden, u, inner);
      const n = tanhOf4(f32x4.add(value4(x, 2 * units + u), f32x4.mul(reset, inner)), a, b, c, d);
      put4(gates, 2 * units + u, n);
      const kept = old ? f32x4.mul(z, value4(old, u)) : zero;
      put4(h, u, f32x4.add(kept, f32x4.mul(f32x4.sub(one, z), n)));
    }
  }
  for (; u < units; u++) {
    const z = sigmoid1(value(x, u) + value(recurrent, u)),
      reset = sigmoid1(value(x, units + u) + value(recurrent, units + u));
    const inner = value(recurrent, 2 * units + u);
    const n = tanh1(value(x, 2 * units + u) + reset * inner);
    put(gates, u, z);
    put(gates, units + u, reset);
    put(gates, 2 * units + u, n);
    put(hidden, u, inner);
    put(h, u, (old ? z * value(old, u) : 0) + (<f32>1 - z) * n);
  }
}

/** Panels of wᵀ, of `units` rows by `width` columns, to `to`; returns the address behind them. */
export function transposeWeights(w: usize, width: usize, units: usize, to: usize): usize {
  for (let k: usize = 0; k < units; k += 8) {
    transposePanel(w, width, units, k, min<usize>(8, units - k), to);
    to += width << 5;
  }
  return to;
}

/** dh = d · wᵀ for step t, where d is [batch, steps, width]. */
function stepBack(r: Recurrent, d: usize, t: usize, width: usize, dh: usize, accumulate: bool): void {
  gemm(
    at(d, r, 0, t, width),
    (<usize>r.steps * width) << 2,
    r.scratch,
    0,
    0,
    dh,
    (<usize>r.units) << 2,
    r.batch,
    r.units,
    width,
    -Infinity,
    Infinity,
    accumulate,
  );
}

/** dw = Σ h[:, t - 1]ᵀ · d[:, t]. */
function weightGradient(r: Recurrent, d: usize, width: usize): void {
  const first: usize = r.h0 ? 0 : 1;
  if (r.steps <= first) zeroRow(r.dw, (((width + 7) >> 3) * r.units) << 3);
  for (let t = first; t < r.steps; t++) {
    gemmTransposed(
      before(r.h, r.h0, r, 0, t),
      rowsBefore(r, t),
      at(d, r, 0, t, width),
      (<usize>r.steps * width) << 2,
      r.dw,
      r.batch,
      width,
      r.units,
      t > first,
    );
  }
}

/** What is left of the gradient of a state when all steps are walked back is that of the state before the first. */
export function keepStateGradient(r: Recurrent, to: usize, from: usize): void {
  if (to) copyRow(to, from, r.batch * r.units);
}

export function rnn_f32_grad(r: Recurrent): void {
  const dh = transposeWeights(r.w, r.units, r.units, r.scratch);
  zeroRow(dh, r.batch * r.units);
  for (let t = <isize>r.steps - 1; t >= 0; t--) {
    for (let b: usize = 0; b < r.batch; b++) {
      rnnRowGrad(
        at(r.h, r, b, t, r.units),
        at(r.dy, r, b, t, r.units),
        dh + ((b * r.units) << 2),
        at(r.dxw, r, b, t, r.units),
        r.units,
        r.activation,
      );
    }
    if (t || r.h0) stepBack(r, r.dxw, t, r.units, dh, false);
  }
  keepStateGradient(r, r.dh0, dh);
  weightGradient(r, r.dxw, r.units);
}

function rnnRowGrad(h: usize, dy: usize, dh: usize, dx: usize, units: usize, activation: u32): void {
  for (let u: usize = 0; u < units; u++) {
    const y = value(h, u);
    const slope: f32 = activation ? (y > 0 ? 1 : 0) : <f32>1 - y * y;
    put(dx, u, (value(dy, u) + value(dh, u)) * slope);
  }
}

export function lstm_f32_grad(r: Recurrent): void {
  const width = (<usize>r.units) << 2;
  const dh = transposeWeights(r.w, width, r.units, r.scratch);
  const dc = dh + ((r.batch * r.units) << 2);
  zeroRow(dh, r.batch * r.units * 2);
  for (let t = <isize>r.steps - 1; t >= 0; t--) {
    for (let b: usize = 0; b < r.batch; b++) {
      const row = (b * r.units) << 2;
      lstmRowGrad(
        at(r.gates, r, b, t, width),
        before(r.c, r.c0, r, b, t),
        at(r.c, r, b, t, r.units),
        at(r.dy, r, b, t, r.units),
        dh + row,
        dc + row,
        at(r.dxw, r, b, t, width),
        r.units,
      );
    }
    if (t || r.h0) stepBack(r, r.dxw, t, width, dh, false);
  }
  keepStateGradient(r, r.dh0, dh);
  keepStateGradient(r, r.dc0, dc);
  weightGradient(r, r.dxw, width);
}

function lstmRowGrad(gates: usize, old: usize, c: usize, dy: usize, dh: usize, dc: usize, dx: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const i = value(gates, u),
      f = value(gates, units + u),
      g = value(gates, 2 * units + u),
      o = value(gates, 3 * units + u);
    const d: f32 = value(dy, u) + value(dh, u);
    const t = tanh1(value(c, u));
    const cell: f32 = value(dc, u) + d * o * (<f32>1 - t * t);
    put(dx, u, cell * g * i * (<f32>1 - i));
    put(dx, units + u, old ? cell * value(old, u) * f * (<f32>1 - f) : 0);
    put(dx, 2 * units + u, cell * i * (<f32>1 - g * g));
    put(dx, 3 * units + u, d * t * o * (<f32>1 - o));
    put(dc, u, cell * f);
  }
}

export function gru_f32_grad(r: Recurrent): void {
  const width = <usize>r.units * 3;
  const dh = transposeWeights(r.w, width, r.units, r.scratch);
  zeroRow(dh, r.batch * r.units);
  for (let t = <isize>r.steps - 1; t >= 0; t--) {
    for (let b: usize = 0; b < r.batch; b++) {
      gruRowGrad(
        at(r.gates, r, b, t, width),
        before(r.h, r.h0, r, b, t),
        at(r.c, r, b, t, r.units),
        at(r.dy, r, b, t, r.units),
        dh + ((b * r.units) << 2),
        at(r.dxw, r, b, t, width),
        at(r.drecurrent, r, b, t, width),
        r.units,
      );
    }
    if (t || r.h0) stepBack(r, r.drecurrent, t, width, dh, true);
  }
  keepStateGradient(r, r.dh0, dh);
  weightGradient(r, r.drecurrent, width);
}

/** Leaves in dh what flows past the gates: dh z. */
function gruRowGrad(gates: usize, old: usize, hidden: usize, dy: usize, dh: usize, dx: usize, dr: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const z = value(gates, u),
      reset = value(gates, units + u),
      n = value(gates, 2 * units + u);
    const d: f32 = value(dy, u) + value(dh, u);
    const inner: f32 = d * (<f32>1 - z) * (<f32>1 - n * n);
    const update: f32 = d * ((old ? value(old, u) : 0) - n) * z * (<f32>1 - z);
    const gate: f32 = inner * value(hidden, u) * reset * (<f32>1 - reset);
    put(dx, u, update);
    put(dx, units + u, gate);
    put(dx, 2 * units + u, inner);
    put(dr, u, update);
    put(dr, units + u, gate);
    put(dr, 2 * units + u, inner * reset);
    put(dh, u, d * z);
  }
}
