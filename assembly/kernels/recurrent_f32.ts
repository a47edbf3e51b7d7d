// Recurrent layers over [batch, steps, …]: the products with the inputs are done beforehand (xw, bias included), these kernels walk the steps.
// The state starts at 0. Backward kernels walk back and write the gradient of xw, of the recurrent weights w (panels) and, for gru, of h · w + bias.
// scratch forward: gru batch · 3 units f32. scratch backward: panels of wᵀ (ceil(units / 8) · 8 · gates · units f32), then 2 · batch · units f32.
import { sigmoid1, tanh1 } from '../math/tanh_erf';
import { Recurrent } from '../records';
import { gemm } from './gemm_f32';
import { gemmTransposed } from './gemm_transposed_f32';
import { transposePanel } from './matmul_f32';
import { copyRow, zeroRow } from './vector_f32';

/** Address of step t of item b in a [batch, steps, width] tensor. */
@inline
function at(base: usize, r: Recurrent, b: usize, t: usize, width: usize): usize {
  return base + (((b * r.steps + t) * width) << 2);
}

@inline
function value(p: usize, i: usize): f32 {
  return load<f32>(p + (i << 2));
}

@inline
function put(p: usize, i: usize, v: f32): void {
  store<f32>(p + (i << 2), v);
}

/** gates[:, t] = xw[:, t] + h[:, t - 1] · w, for all items. */
function preactivate(r: Recurrent, t: usize, width: usize, to: usize): void {
  for (let b: usize = 0; b < r.batch; b++) copyRow(at(to, r, b, t, width), at(r.xw, r, b, t, width), width);
  if (t == 0) return;
  const stride = (<usize>r.steps * width) << 2;
  gemm(
    at(r.h, r, 0, t - 1, r.units),
    (<usize>(r.steps * r.units)) << 2,
    r.w,
    0,
    0,
    at(to, r, 0, t, width),
    stride,
    r.batch,
    width,
    r.units,
    -Infinity,
    Infinity,
    true,
  );
}

/** h = f(xw + h · w): tanh, or relu with activation = 1. */
export function rnn_f32(r: Recurrent): void {
  for (let t: usize = 0; t < r.steps; t++) {
    preactivate(r, t, r.units, r.h);
    for (let b: usize = 0; b < r.batch; b++) activateRow(at(r.h, r, b, t, r.units), r.units, r.activation);
  }
}

function activateRow(h: usize, units: usize, activation: u32): void {
  for (let u: usize = 0; u < units; u++) put(h, u, activation ? max<f32>(value(h, u), 0) : tanh1(value(h, u)));
}

/** i, f, o = sigmoid, g = tanh of the gates (in the order i f g o); c = f c + i g; h = o tanh(c). */
export function lstm_f32(r: Recurrent): void {
  const width = (<usize>r.units) << 2;
  for (let t: usize = 0; t < r.steps; t++) {
    preactivate(r, t, width, r.gates);
    for (let b: usize = 0; b < r.batch; b++) {
      const before: usize = t ? at(r.c, r, b, t - 1, r.units) : 0;
      lstmRow(at(r.gates, r, b, t, width), before, at(r.c, r, b, t, r.units), at(r.h, r, b, t, r.units), r.units);
    }
  }
}

function lstmRow(gates: usize, before: usize, c: usize, h: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const i = sigmoid1(value(gates, u)),
      f = sigmoid1(value(gates, units + u));
    const g = tanh1(value(gates, 2 * units + u)),
      o = sigmoid1(value(gates, 3 * units + u));
    put(gates, u, i);
    put(gates, units + u, f);
    put(gates, 2 * units + u, g);
    put(gates, 3 * units + u, o);
    const cell: f32 = (before ? f * value(before, u) : 0) + i * g;
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
      const before: usize = t ? at(r.h, r, b, t - 1, r.units) : 0;
      gruRow(
        at(r.xw, r, b, t, width),
        r.scratch + ((b * width) << 2),
        at(r.gates, r, b, t, width),
        before,
        at(r.c, r, b, t, r.units),
        at(r.h, r, b, t, r.units),
        r.units,
      );
    }
  }
}

/** scratch = h[:, t - 1] · w + bias. */
function recurrentPart(r: Recurrent, t: usize, width: usize): void {
  if (t) {
    gemm(
      at(r.h, r, 0, t - 1, r.units),
      (<usize>(r.steps * r.units)) << 2,
      r.w,
      r.bias,
      0,
      r.scratch,
      width << 2,
      r.batch,
      width,
      r.units,
      -Infinity,
      Infinity,
      false,
    );
    return;
  }
  for (let b: usize = 0; b < r.batch; b++) {
    if (r.bias) copyRow(r.scratch + ((b * width) << 2), r.bias, width);
    else zeroRow(r.scratch + ((b * width) << 2), width);
  }
}

function gruRow(x: usize, recurrent: usize, gates: usize, before: usize, hidden: usize, h: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const z = sigmoid1(value(x, u) + value(recurrent, u)),
      reset = sigmoid1(value(x, units + u) + value(recurrent, units + u));
    const inner = value(recurrent, 2 * units + u);
    const n = tanh1(value(x, 2 * units + u) + reset * inner);
    put(gates, u, z);
    put(gates, units + u, reset);
    put(gates, 2 * units + u, n);
    put(hidden, u, inner);
    put(h, u, (before ? z * value(before, u) : 0) + (<f32>1 - z) * n);
  }
}

/** Panels of wᵀ into scratch; returns the address behind them. */
function transposeWeights(r: Recurrent, width: usize): usize {
  let to = r.scratch;
  for (let k: usize = 0; k < r.units; k += 8) {
    transposePanel(r.w, width, r.units, k, min<usize>(8, r.units - k), to);
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
  if (r.steps < 2) zeroRow(r.dw, (((width + 7) >> 3) * r.units) << 3);
  for (let t: usize = 1; t < r.steps; t++) {
    gemmTransposed(
      at(r.h, r, 0, t - 1, r.units),
      (<usize>(r.steps * r.units)) << 2,
      at(d, r, 0, t, width),
      (<usize>r.steps * width) << 2,
      r.dw,
      r.batch,
      width,
      r.units,
      t > 1,
    );
  }
}

export function rnn_f32_grad(r: Recurrent): void {
  const dh = transposeWeights(r, r.units);
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
    if (t) stepBack(r, r.dxw, t, r.units, dh, false);
  }
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
  const dh = transposeWeights(r, width);
  const dc = dh + ((r.batch * r.units) << 2);
  zeroRow(dh, r.batch * r.units * 2);
  for (let t = <isize>r.steps - 1; t >= 0; t--) {
    for (let b: usize = 0; b < r.batch; b++) {
      const before: usize = t ? at(r.c, r, b, t - 1, r.units) : 0;
      const row = (b * r.units) << 2;
      lstmRowGrad(
        at(r.gates, r, b, t, width),
        before,
        at(r.c, r, b, t, r.units),
        at(r.dy, r, b, t, r.units),
        dh + row,
        dc + row,
        at(r.dxw, r, b, t, width),
        r.units,
      );
    }
    if (t) stepBack(r, r.dxw, t, width, dh, false);
  }
  weightGradient(r, r.dxw, width);
}

function lstmRowGrad(gates: usize, before: usize, c: usize, dy: usize, dh: usize, dc: usize, dx: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const i = value(gates, u),
      f = value(gates, units + u),
      g = value(gates, 2 * units + u),
      o = value(gates, 3 * units + u);
    const d: f32 = value(dy, u) + value(dh, u);
    const t = tanh1(value(c, u));
    const cell: f32 = value(dc, u) + d * o * (<f32>1 - t * t);
    put(dx, u, cell * g * i * (<f32>1 - i));
    put(dx, units + u, before ? cell * value(before, u) * f * (<f32>1 - f) : 0);
    put(dx, 2 * units + u, cell * i * (<f32>1 - g * g));
    put(dx, 3 * units + u, d * t * o * (<f32>1 - o));
    put(dc, u, cell * f);
  }
}

export function gru_f32_grad(r: Recurrent): void {
  const width = <usize>r.units * 3;
  const dh = transposeWeights(r, width);
  zeroRow(dh, r.batch * r.units);
  for (let t = <isize>r.steps - 1; t >= 0; t--) {
    for (let b: usize = 0; b < r.batch; b++) {
      const before: usize = t ? at(r.h, r, b, t - 1, r.units) : 0;
      gruRowGrad(
        at(r.gates, r, b, t, width),
        before,
        at(r.c, r, b, t, r.units),
        at(r.dy, r, b, t, r.units),
        dh + ((b * r.units) << 2),
        at(r.dxw, r, b, t, width),
        at(r.drecurrent, r, b, t, width),
        r.units,
      );
    }
    if (t) stepBack(r, r.drecurrent, t, width, dh, true);
  }
  weightGradient(r, r.drecurrent, width);
}

/** Leaves in dh what flows past the gates: dh z. */
function gruRowGrad(gates: usize, before: usize, hidden: usize, dy: usize, dh: usize, dx: usize, dr: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const z = value(gates, u),
      reset = value(gates, units + u),
      n = value(gates, 2 * units + u);
    const d: f32 = value(dy, u) + value(dh, u);
    const inner: f32 = d * (<f32>1 - z) * (<f32>1 - n * n);
    const update: f32 = d * ((before ? value(before, u) : 0) - n) * z * (<f32>1 - z);
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
