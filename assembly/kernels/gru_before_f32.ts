// The gated recurrent unit whose reset gate comes before the product: n = tanh(x + (r h) · candidate). As `gru_f32` (recurrent_f32.ts) otherwise; c holds r h, and the
// biases are all in xw. scratch backward: panels of wᵀ and candidateᵀ, then 2 · batch · units f32.
import { expA, expB, expC, expD } from '../math/exp_log';
import { sigmoid1, sigmoidOf4, tanh1, tanhOf4 } from '../math/tanh_erf';
import { Recurrent } from '../records';
import { gemm } from './gemm_f32';
import { gemmTransposed } from './gemm_transposed_f32';
import { at, before, keepStateGradient, put, put4, rowsBefore, transposeWeights, value, value4 } from './recurrent_f32';
import { copyRow, zeroRow } from './vector_f32';

export function gru_before_f32(r: Recurrent): void {
  const units = <usize>r.units,
    width = units * 3;
  for (let t: usize = 0; t < r.steps; t++) {
    const h = before(r.h, r.h0, r, 0, t),
      gates = at(r.gates, r, 0, t, width),
      kept = at(r.c, r, 0, t, units),
      stride = (<usize>r.steps) << 2;
    for (let b: usize = 0; b < r.batch; b++) copyRow(at(r.gates, r, b, t, width), at(r.xw, r, b, t, width), width);
    if (h) gemm(h, rowsBefore(r, t), r.w, 0, 0, gates, stride * width, r.batch, units << 1, units, -Infinity, Infinity, true);
    for (let b: usize = 0; b < r.batch; b++)
      resetRow(at(r.gates, r, b, t, width), before(r.h, r.h0, r, b, t), at(r.c, r, b, t, units), units);
    if (h)
      gemm(kept, stride * units, r.candidate, 0, 0, gates + (units << 3), stride * width, r.batch, units, units, -Infinity, Infinity, true);
    for (let b: usize = 0; b < r.batch; b++)
      candidateRow(at(r.gates, r, b, t, width), before(r.h, r.h0, r, b, t), at(r.h, r, b, t, units), units);
  }
}

/** z and r from their sums; kept = r h. */
export function resetRow(gates: usize, old: usize, kept: usize, units: usize): void {
  let u: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0);
    const a = expA(zero),
      b = expB(zero),
      c = expC(zero),
      d = expD(zero);
    for (; u + 4 <= units; u += 4) {
      put4(gates, u, sigmoidOf4(value4(gates, u), a, b, c, d));
      const reset = sigmoidOf4(value4(gates, units + u), a, b, c, d);
      put4(gates, units + u, reset);
      put4(kept, u, old ? f32x4.mul(reset, value4(old, u)) : zero);
    }
  }
  for (; u < units; u++) {
    put(gates, u, sigmoid1(value(gates, u)));
    const reset = sigmoid1(value(gates, units + u));
    put(gates, units + u, reset);
    put(kept, u, old ? reset * value(old, u) : 0);
  }
}

/** n from its sum; h = z h + (1 - z) n. */
export function candidateRow(gates: usize, old: usize, h: usize, units: usize): void {
  let u: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0),
      one = f32x4.splat(1);
    const a = expA(zero),
      b = expB(zero),
      c = expC(zero),
      d = expD(zero);
    for (; u + 4 <= units; u += 4) {
      const z = value4(gates, u),
        n = tanhOf4(value4(gates, 2 * units + u), a, b, c, d);
      put4(gates, 2 * units + u, n);
      const past = old ? f32x4.mul(z, value4(old, u)) : zero;
      put4(h, u, f32x4.add(past, f32x4.mul(f32x4.sub(one, z), n)));
    }
  }
  for (; u < units; u++) {
    const z = value(gates, u),
      n = tanh1(value(gates, 2 * units + u));
    put(gates, 2 * units + u, n);
    put(h, u, (old ? z * value(old, u) : 0) + (<f32>1 - z) * n);
  }
}

export function gru_before_f32_grad(r: Recurrent): void {
  const units = <usize>r.units,
    width = units * 3,
    stride = (<usize>r.steps) << 2;
  const candidate = transposeWeights(r.w, units << 1, units, r.scratch);
  const dh = transposeWeights(r.candidate, units, units, candidate);
  const behind = dh + ((r.batch * units) << 2);
  zeroRow(dh, r.batch * units);
  for (let t = <isize>r.steps - 1; t >= 0; t--) {
    const d = at(r.dxw, r, 0, t, width),
      first = !t && !r.h0;
    for (let b: usize = 0; b < r.batch; b++) {
      updateRowGrad(
        at(r.gates, r, b, t, width),
        before(r.h, r.h0, r, b, t),
        at(r.dy, r, b, t, units),
        dh + ((b * units) << 2),
        at(r.dxw, r, b, t, width),
        units,
      );
    }
    if (!first)
      gemm(d + (units << 3), stride * width, candidate, 0, 0, behind, units << 2, r.batch, units, units, -Infinity, Infinity, false);
    for (let b: usize = 0; b < r.batch; b++) {
      const row = (b * units) << 2;
      resetRowGrad(at(r.gates, r, b, t, width), before(r.h, r.h0, r, b, t), behind + row, dh + row, at(r.dxw, r, b, t, width), units);
    }
    if (!first) gemm(d, stride * width, r.scratch, 0, 0, dh, units << 2, r.batch, units, units << 1, -Infinity, Infinity, true);
  }
  keepStateGradient(r, r.dh0, dh);
  weightGradients(r, width, stride);
}

/** dw = Σ h[:, t - 1]ᵀ · d[:, t] of z and r, dcandidate = Σ kept[:, t]ᵀ · d[:, t] of n. */
function weightGradients(r: Recurrent, width: usize, stride: usize): void {
  const units = <usize>r.units,
    start: usize = r.h0 ? 0 : 1;
  if (r.steps <= start) zeroRow(r.dw, ((((units << 1) + 7) >> 3) * units) << 3);
  if (!r.steps) zeroRow(r.dcandidate, (((units + 7) >> 3) * units) << 3);
  for (let t: usize = 0; t < r.steps; t++) {
    const d = at(r.dxw, r, 0, t, width);
    if (t >= start)
      gemmTransposed(before(r.h, r.h0, r, 0, t), rowsBefore(r, t), d, stride * width, r.dw, r.batch, units << 1, units, t > start);
    gemmTransposed(at(r.c, r, 0, t, units), stride * units, d + (units << 3), stride * width, r.dcandidate, r.batch, units, units, t > 0);
  }
}

/** Gradients of the sums of z and n; leaves in dh what flows past the gates. */
function updateRowGrad(gates: usize, old: usize, dy: usize, dh: usize, dx: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const z = value(gates, u),
      n = value(gates, 2 * units + u);
    const d: f32 = value(dy, u) + value(dh, u);
    put(dx, u, d * ((old ? value(old, u) : 0) - n) * z * (<f32>1 - z));
    put(dx, 2 * units + u, d * (<f32>1 - z) * (<f32>1 - n * n));
    put(dh, u, d * z);
  }
}

/** The gradient of the sum of r, from that of r h in `behind`. */
function resetRowGrad(gates: usize, old: usize, behind: usize, dh: usize, dx: usize, units: usize): void {
  for (let u: usize = 0; u < units; u++) {
    const reset = value(gates, units + u);
    put(dx, units + u, old ? value(behind, u) * value(old, u) * reset * (<f32>1 - reset) : 0);
    if (old) put(dh, u, value(dh, u) + value(behind, u) * reset);
  }
}
