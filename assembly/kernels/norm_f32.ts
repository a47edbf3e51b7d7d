// Batch normalisation over columns, layer/group/rms normalisation over groups of channels, and their gradients.
import { BatchNorm, BatchNormGrad, BatchNormStats, GroupNorm, GroupNormGrad, MovingAverage } from '../records';
import { addRow, loadPart, storePart, zeroRow } from './vector_f32';

/** mean and biased variance of each column, in two passes in the order of the rows. */
export function batch_norm_f32_stats(r: BatchNormStats): void {
  const columns = <usize>r.columns, bytes = columns << 2;
  const count = <f32>r.rows;
  zeroRow(r.mean, columns);
  zeroRow(r.variance, columns);
  for (let i: usize = 0; i < r.rows; i++) addRow(r.mean, r.x + i * bytes, columns);
  for (let c: usize = 0; c < bytes; c += 4) store<f32>(r.mean + c, load<f32>(r.mean + c) / count);
  for (let i: usize = 0; i < r.rows; i++) addSquares(r.variance, r.x + i * bytes, r.mean, columns);
  for (let c: usize = 0; c < bytes; c += 4) store<f32>(r.variance + c, load<f32>(r.variance + c) / count);
}

function addSquares(sum: usize, x: usize, mean: usize, count: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      const d = f32x4.sub(v128.load(x), v128.load(mean));
      v128.store(sum, f32x4.add(v128.load(sum), f32x4.mul(d, d)));
      sum += 16;
      x += 16;
      mean += 16;
    }
  }
  for (; count; count--) {
    const d: f32 = load<f32>(x) - load<f32>(mean);
    store<f32>(sum, load<f32>(sum) + d * d);
    sum += 4;
    x += 4;
    mean += 4;
  }
}

/** y = gamma (x - mean) / √(variance + epsilon) + beta. */
export function batch_norm_f32(r: BatchNorm): void {
  const columns = <usize>r.columns;
  for (let i: usize = 0; i < r.rows; i++) normalizeRow(r, r.x + ((i * columns) << 2), r.y + ((i * columns) << 2), columns);
}

function normalizeRow(r: BatchNorm, x: usize, y: usize, columns: usize): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 16 <= columns << 2; c += 16) {
      const rstd = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(v128.load(r.variance + c), f32x4.splat(r.epsilon))));
      const xhat = f32x4.mul(f32x4.sub(v128.load(x + c), v128.load(r.mean + c)), rstd);
      v128.store(y + c, f32x4.add(f32x4.mul(xhat, v128.load(r.gamma + c)), v128.load(r.beta + c)));
    }
  }
  for (; c < columns << 2; c += 4) {
    const rstd: f32 = <f32>1 / sqrt<f32>(load<f32>(r.variance + c) + r.epsilon);
    const xhat: f32 = (load<f32>(x + c) - load<f32>(r.mean + c)) * rstd;
    store<f32>(y + c, xhat * load<f32>(r.gamma + c) + load<f32>(r.beta + c));
  }
}

/** Through the batch statistics: dx = gamma rstd (dy - dbeta / M - xhat dgamma / M), dgamma = Σ dy xhat, dbeta = Σ dy. dx may be dy. */
export function batch_norm_f32_grad(r: BatchNormGrad): void {
  const columns = <usize>r.columns, bytes = columns << 2;
  zeroRow(r.dgamma, columns);
  zeroRow(r.dbeta, columns);
  for (let i: usize = 0; i < r.rows; i++) addGradRow(r, r.x + i * bytes, r.dy + i * bytes, columns);
  if (r.dx) for (let i: usize = 0; i < r.rows; i++) inputGradRow(r, r.x + i * bytes, r.dy + i * bytes, r.dx + i * bytes, columns);
}

function addGradRow(r: BatchNormGrad, x: usize, dy: usize, columns: usize): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 16 <= columns << 2; c += 16) {
      const rstd = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(v128.load(r.variance + c), f32x4.splat(r.epsilon))));
      const xhat = f32x4.mul(f32x4.sub(v128.load(x + c), v128.load(r.mean + c)), rstd);
      const g = v128.load(dy + c);
      v128.store(r.dgamma + c, f32x4.add(v128.load(r.dgamma + c), f32x4.mul(g, xhat)));
      v128.store(r.dbeta + c, f32x4.add(v128.load(r.dbeta + c), g));
    }
  }
  for (; c < columns << 2; c += 4) {
    const rstd: f32 = <f32>1 / sqrt<f32>(load<f32>(r.variance + c) + r.epsilon);
    const xhat: f32 = (load<f32>(x + c) - load<f32>(r.mean + c)) * rstd;
    const g = load<f32>(dy + c);
    store<f32>(r.dgamma + c, load<f32>(r.dgamma + c) + g * xhat);
    store<f32>(r.dbeta + c, load<f32>(r.dbeta + c) + g);
  }
}

function inputGradRow(r: BatchNormGrad, x: usize, dy: usize, dx: usize, columns: usize): void {
  const inverse: f32 = <f32>1 / <f32>r.rows;
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const scale = f32x4.splat(inverse);
    for (; c + 16 <= columns << 2; c += 16) {
      const rstd = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(v128.load(r.variance + c), f32x4.splat(r.epsilon))));
      const xhat = f32x4.mul(f32x4.sub(v128.load(x + c), v128.load(r.mean + c)), rstd);
      const centred = f32x4.sub(v128.load(dy + c), f32x4.mul(v128.load(r.dbeta + c), scale));
      const slope = f32x4.sub(centred, f32x4.mul(f32x4.mul(xhat, v128.load(r.dgamma + c)), scale));
      v128.store(dx + c, f32x4.mul(f32x4.mul(v128.load(r.gamma + c), rstd), slope));
    }
  }
  for (; c < columns << 2; c += 4) {
    const rstd: f32 = <f32>1 / sqrt<f32>(load<f32>(r.variance + c) + r.epsilon);
    const xhat: f32 = (load<f32>(x + c) - load<f32>(r.mean + c)) * rstd;
    const centred: f32 = load<f32>(dy + c) - load<f32>(r.dbeta + c) * inverse;
    const slope: f32 = centred - xhat * load<f32>(r.dgamma + c) * inverse;
    store<f32>(dx + c, load<f32>(r.gamma + c) * rstd * slope);
  }
}

/** state = momentum state + (1 - momentum) scale value. */
export function moving_average_f32(r: MovingAverage): void {
  const rest: f32 = (<f32>1 - r.momentum) * r.scale;
  for (let i: usize = 0; i < <usize>r.length << 2; i += 4) store<f32>(r.state + i, load<f32>(r.state + i) * r.momentum + load<f32>(r.value + i) * rest);
}

/** Lane sums over a group: Σ (x - mean)^p over positions × channels, p = 1 or 2; lane i takes channels i, i + 4, … of each position. */
function groupSum(x: usize, positions: usize, stride: usize, channels: usize, mean: f32, squares: bool): f32 {
  let l0: f32 = 0, l1: f32 = 0, l2: f32 = 0, l3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sum = f32x4.splat(0);
    const m = f32x4.splat(mean);
    for (let p: usize = 0; p < positions; p++) {
      let c: usize = 0;
      for (; c + 4 <= channels; c += 4) {
        const d = f32x4.sub(v128.load(x + (c << 2)), m);
        sum = f32x4.add(sum, squares ? f32x4.mul(d, d) : d);
      }
      if (c < channels) {
        // Lanes that are not there contribute 0, not -mean.
        const d = f32x4.sub(loadPart(x, c, channels), loadPartOf(m, channels - c));
        sum = f32x4.add(sum, squares ? f32x4.mul(d, d) : d);
      }
      x += stride;
    }
    l0 = f32x4.extract_lane(sum, 0);
    l1 = f32x4.extract_lane(sum, 1);
    l2 = f32x4.extract_lane(sum, 2);
    l3 = f32x4.extract_lane(sum, 3);
  } else {
    for (let p: usize = 0; p < positions; p++) {
      for (let c: usize = 0; c < channels; c++) {
        const d: f32 = load<f32>(x + (c << 2)) - mean;
        const v: f32 = squares ? d * d : d;
        const lane = c & 3;
        if (lane == 0) l0 += v;
        else if (lane == 1) l1 += v;
        else if (lane == 2) l2 += v;
        else l3 += v;
      }
      x += stride;
    }
  }
  return (l0 + l2) + (l1 + l3);
}

@inline
function loadPartOf(v: v128, count: usize): v128 {
  if (count == 1) return i32x4.shuffle(v, i32x4.splat(0), 0, 4, 4, 4);
  if (count == 2) return i32x4.shuffle(v, i32x4.splat(0), 0, 1, 4, 4);
  return i32x4.shuffle(v, i32x4.splat(0), 0, 1, 2, 4);
}

export function group_norm_f32(r: GroupNorm): void {
  const channels = <usize>r.channels, stride = <usize>(r.groups * r.channels) << 2, positions = <usize>r.positions;
  const count = <f32>(r.positions * r.channels);
  for (let n: usize = 0; n < r.batch; n++) {
    for (let g: usize = 0; g < r.groups; g++) {
      const offset = n * positions * stride + ((g * channels) << 2);
      const x = r.x + offset;
      const mean: f32 = r.centered ? groupSum(x, positions, stride, channels, 0, false) / count : 0;
      const variance: f32 = groupSum(x, positions, stride, channels, mean, true) / count;
      const rstd: f32 = <f32>1 / sqrt<f32>(variance + r.epsilon);
      const at = (n * r.groups + g) << 2;
      store<f32>(r.mean + at, mean);
      store<f32>(r.rstd + at, rstd);
      const affine = (g * channels) << 2;
      const gamma: usize = r.gamma ? r.gamma + affine : 0, beta: usize = r.beta ? r.beta + affine : 0;
      for (let p: usize = 0; p < positions; p++) normalizeGroup(x + p * stride, r.y + offset + p * stride, gamma, beta, channels, mean, rstd);
    }
  }
}

function normalizeGroup(x: usize, y: usize, gamma: usize, beta: usize, channels: usize, mean: f32, rstd: f32): void {
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 16 <= channels << 2; c += 16) {
      let v = f32x4.mul(f32x4.sub(v128.load(x + c), f32x4.splat(mean)), f32x4.splat(rstd));
      if (gamma) v = f32x4.mul(v, v128.load(gamma + c));
      if (beta) v = f32x4.add(v, v128.load(beta + c));
      v128.store(y + c, v);
    }
  }
  for (; c < channels << 2; c += 4) {
    let v: f32 = (load<f32>(x + c) - mean) * rstd;
    if (gamma) v = v * load<f32>(gamma + c);
    if (beta) v = v + load<f32>(beta + c);
    store<f32>(y + c, v);
  }
}

/** dx = rstd (g - Σ g / n - xhat Σ (g xhat) / n) with g = gamma dy; without the Σ g term where centered is 0. */
export function group_norm_f32_grad(r: GroupNormGrad): void {
  const channels = <usize>r.channels, stride = <usize>(r.groups * r.channels) << 2, positions = <usize>r.positions;
  const inverse: f32 = <f32>1 / <f32>(r.positions * r.channels);
  if (r.dgamma) zeroRow(r.dgamma, r.groups * channels);
  if (r.dbeta) zeroRow(r.dbeta, r.groups * channels);
  for (let n: usize = 0; n < r.batch; n++) {
    for (let g: usize = 0; g < r.groups; g++) {
      const offset = n * positions * stride + ((g * channels) << 2);
      const at = (n * r.groups + g) << 2;
      const affine = (g * channels) << 2;
      groupGrad(
        r.x + offset, r.dy + offset, r.dx ? r.dx + offset : 0, r.gamma ? r.gamma + affine : 0, r.dgamma ? r.dgamma + affine : 0,
        r.dbeta ? r.dbeta + affine : 0, positions, stride, channels, load<f32>(r.mean + at), load<f32>(r.rstd + at), inverse, r.centered,
      );
    }
  }
}

function groupGrad(
  x: usize, dy: usize, dx: usize, gamma: usize, dgamma: usize, dbeta: usize,
  positions: usize, stride: usize, channels: usize, mean: f32, rstd: f32, inverse: f32, centered: u32,
): void {
  let sum: f32 = 0;
  let dot: f32 = 0;
  for (let p: usize = 0; p < positions; p++) {
    const row = p * stride;
    for (let c: usize = 0; c < channels << 2; c += 4) {
      const d = load<f32>(dy + row + c);
      const xhat: f32 = (load<f32>(x + row + c) - mean) * rstd;
      const g: f32 = gamma ? d * load<f32>(gamma + c) : d;
      sum += g;
      dot += g * xhat;
      if (dgamma) store<f32>(dgamma + c, load<f32>(dgamma + c) + d * xhat);
      if (dbeta) store<f32>(dbeta + c, load<f32>(dbeta + c) + d);
    }
  }
  if (!dx) return;
  sum = centered ? sum * inverse : 0;
  dot = dot * inverse;
  for (let p: usize = 0; p < positions; p++) {
    const row = p * stride;
    for (let c: usize = 0; c < channels << 2; c += 4) {
      const d = load<f32>(dy + row + c);
      const xhat: f32 = (load<f32>(x + row + c) - mean) * rstd;
      const g: f32 = gamma ? d * load<f32>(gamma + c) : d;
      store<f32>(dx + row + c, rstd * (g - sum - xhat * dot));
    }
  }
}
