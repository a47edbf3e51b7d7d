// Group normalisation of [batch, positions, groups · channels], and its gradient. Layer normalisation is one group and one position a row;
// root-mean-square normalisation is centered = 0. Sums over a group run in four lanes (lane i takes channels i, i + 4, … of each position).
import { GroupNorm, GroupNormGrad } from '../records';
import { addRow, loadPart, zeroRow } from './vector_f32';

/** Σ (x - mean)^power over the group, power 1 or 2. */
@inline
function groupSum(x: usize, positions: usize, stride: usize, channels: usize, mean: f32, power: i32): f32 {
  let l0: f32 = 0,
    l1: f32 = 0,
    l2: f32 = 0,
    l3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sum = f32x4.splat(0);
    const m = f32x4.splat(mean);
    const tail = firstLanes(channels & 3);
    for (let i = positions; i; i--) {
      let p = x;
      let c = channels;
      for (; c >= 4; c -= 4) {
        const d = f32x4.sub(v128.load(p), m);
        sum = f32x4.add(sum, power == 2 ? f32x4.mul(d, d) : d);
        p += 16;
      }
      if (c) {
        const d = v128.and(f32x4.sub(loadPart(p, 0, c), m), tail);
        sum = f32x4.add(sum, power == 2 ? f32x4.mul(d, d) : d);
      }
      x += stride;
    }
    l0 = f32x4.extract_lane(sum, 0);
    l1 = f32x4.extract_lane(sum, 1);
    l2 = f32x4.extract_lane(sum, 2);
    l3 = f32x4.extract_lane(sum, 3);
  } else {
    for (let i = positions; i; i--) {
      for (let c: usize = 0; c < channels; c++) {
        const d: f32 = load<f32>(x + (c << 2)) - mean;
        const v: f32 = power == 2 ? d * d : d;
        const lane = c & 3;
        if (lane == 0) l0 += v;
        else if (lane == 1) l1 += v;
        else if (lane == 2) l2 += v;
        else l3 += v;
      }
      x += stride;
    }
  }
  return l0 + l2 + (l1 + l3);
}

/** All ones in the first `count` lanes. */
@inline
function firstLanes(count: usize): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>count));
}

function groupTotal(x: usize, positions: usize, stride: usize, channels: usize): f32 {
  return groupSum(x, positions, stride, channels, 0, 1);
}

function groupSquares(x: usize, positions: usize, stride: usize, channels: usize, mean: f32): f32 {
  return groupSum(x, positions, stride, channels, mean, 2);
}

/** y = (x - mean) rstd gamma + beta. y may be x. */
export function group_norm_f32(r: GroupNorm): void {
  const channels = <usize>r.channels,
    positions = <usize>r.positions;
  const stride = (<usize>r.groups * channels) << 2;
  const count = <f32>(r.positions * r.channels);
  for (let n: usize = 0; n < r.batch; n++) {
    for (let g: usize = 0; g < r.groups; g++) {
      const affine = (g * channels) << 2;
      const offset = n * positions * stride + affine;
      const x = r.x + offset;
      const mean: f32 = r.centered ? groupTotal(x, positions, stride, channels) / count : 0;
      const variance: f32 = groupSquares(x, positions, stride, channels, mean) / count;
      const rstd: f32 = <f32>1 / sqrt<f32>(variance + r.epsilon);
      const at = (n * r.groups + g) << 2;
      store<f32>(r.mean + at, mean);
      store<f32>(r.rstd + at, rstd);
      const gamma: usize = r.gamma ? r.gamma + affine : 0;
      const beta: usize = r.beta ? r.beta + affine : 0;
      for (let p: usize = 0; p < positions; p++) normalizeRow(x + p * stride, r.y + offset + p * stride, gamma, beta, channels, mean, rstd);
    }
  }
}

function normalizeRow(x: usize, y: usize, gamma: usize, beta: usize, channels: usize, mean: f32, rstd: f32): void {
  const bytes = channels << 2;
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 16 <= bytes; c += 16) {
      let v = f32x4.mul(f32x4.sub(v128.load(x + c), f32x4.splat(mean)), f32x4.splat(rstd));
      if (gamma) v = f32x4.mul(v, v128.load(gamma + c));
      if (beta) v = f32x4.add(v, v128.load(beta + c));
      v128.store(y + c, v);
    }
  }
  for (; c < bytes; c += 4) {
    let v: f32 = (load<f32>(x + c) - mean) * rstd;
    if (gamma) v = v * load<f32>(gamma + c);
    if (beta) v = v + load<f32>(beta + c);
    store<f32>(y + c, v);
  }
}

/**
 * With g = gamma dy and xhat = (x - mean) rstd: dx = rstd (g - Σ g / n - xhat Σ (g xhat) / n), without the Σ g term where centered is 0;
 * dgamma = Σ dy xhat, dbeta = Σ dy. dx, dgamma, dbeta: 0 where not wanted. dx may be dy or x.
 */
export function group_norm_f32_grad(r: GroupNormGrad): void {
  const channels = <usize>r.channels,
    positions = <usize>r.positions;
  const stride = (<usize>r.groups * channels) << 2;
  const inverse: f32 = <f32>1 / <f32>(r.positions * r.channels);
  if (r.dgamma) zeroRow(r.dgamma, <usize>r.groups * channels);
  if (r.dbeta) zeroRow(r.dbeta, <usize>r.groups * channels);
  for (let n: usize = 0; n < r.batch; n++) {
    for (let g: usize = 0; g < r.groups; g++) {
      const affine = (g * channels) << 2;
      const offset = n * positions * stride + affine;
      const x = r.x + offset,
        dy = r.dy + offset;
      const at = (n * r.groups + g) << 2;
      const mean = load<f32>(r.mean + at),
        rstd = load<f32>(r.rstd + at);
      for (let p: usize = 0; p < positions; p++) {
        if (r.dgamma) addProducts(r.dgamma + affine, x + p * stride, dy + p * stride, channels, mean, rstd);
        if (r.dbeta) addRow(r.dbeta + affine, dy + p * stride, channels);
      }
      if (!r.dx) continue;
      const gamma: usize = r.gamma ? r.gamma + affine : 0;
      const dx = r.dx + offset;
      const sum: f32 = r.centered ? gradSum(dy, gamma, positions, stride, channels) * inverse : 0;
      const dot: f32 = gradDot(x, dy, gamma, positions, stride, channels, mean, rstd) * inverse;
      for (let p: usize = 0; p < positions; p++) {
        inputGradRow(x + p * stride, dy + p * stride, dx + p * stride, gamma, channels, mean, rstd, sum, dot);
      }
    }
  }
}

/** Σ g, or Σ g xhat with `product`. */
@inline
function gradLanes(
  x: usize,
  dy: usize,
  gamma: usize,
  positions: usize,
  stride: usize,
  channels: usize,
  mean: f32,
  rstd: f32,
  product: bool,
): f32 {
  let l0: f32 = 0,
    l1: f32 = 0,
    l2: f32 = 0,
    l3: f32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sum = f32x4.splat(0);
    for (let i = positions; i; i--) {
      const bytes = (channels & ~3) << 2;
      for (let c: usize = 0; c < bytes; c += 16) {
        let g = v128.load(dy + c);
        if (gamma) g = f32x4.mul(g, v128.load(gamma + c));
        if (product) g = f32x4.mul(g, f32x4.mul(f32x4.sub(v128.load(x + c), f32x4.splat(mean)), f32x4.splat(rstd)));
        sum = f32x4.add(sum, g);
      }
      const rest = channels & 3;
      if (rest) {
        let g = loadPart(dy + bytes, 0, rest);
        if (gamma) g = f32x4.mul(g, loadPart(gamma + bytes, 0, rest));
        if (product) g = f32x4.mul(g, f32x4.mul(f32x4.sub(loadPart(x + bytes, 0, rest), f32x4.splat(mean)), f32x4.splat(rstd)));
        sum = f32x4.add(sum, g);
      }
      x += stride;
      dy += stride;
    }
    l0 = f32x4.extract_lane(sum, 0);
    l1 = f32x4.extract_lane(sum, 1);
    l2 = f32x4.extract_lane(sum, 2);
    l3 = f32x4.extract_lane(sum, 3);
  } else {
    for (let i = positions; i; i--) {
      for (let c: usize = 0; c < channels; c++) {
        let g = load<f32>(dy + (c << 2));
        if (gamma) g = g * load<f32>(gamma + (c << 2));
        if (product) g = g * ((load<f32>(x + (c << 2)) - mean) * rstd);
        const lane = c & 3;
        if (lane == 0) l0 += g;
        else if (lane == 1) l1 += g;
        else if (lane == 2) l2 += g;
        else l3 += g;
      }
      x += stride;
      dy += stride;
    }
  }
  return l0 + l2 + (l1 + l3);
}

function gradSum(dy: usize, gamma: usize, positions: usize, stride: usize, channels: usize): f32 {
  return gradLanes(0, dy, gamma, positions, stride, channels, 0, 0, false);
}

function gradDot(x: usize, dy: usize, gamma: usize, positions: usize, stride: usize, channels: usize, mean: f32, rstd: f32): f32 {
  return gradLanes(x, dy, gamma, positions, stride, channels, mean, rstd, true);
}

/** to[c] += dy[c] xhat[c]. */
function addProducts(to: usize, x: usize, dy: usize, channels: usize, mean: f32, rstd: f32): void {
  const bytes = channels << 2;
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 16 <= bytes; c += 16) {
      const xhat = f32x4.mul(f32x4.sub(v128.load(x + c), f32x4.splat(mean)), f32x4.splat(rstd));
      v128.store(to + c, f32x4.add(v128.load(to + c), f32x4.mul(v128.load(dy + c), xhat)));
    }
  }
  for (; c < bytes; c += 4) {
    const xhat: f32 = (load<f32>(x + c) - mean) * rstd;
    store<f32>(to + c, load<f32>(to + c) + load<f32>(dy + c) * xhat);
  }
}

function inputGradRow(x: usize, dy: usize, dx: usize, gamma: usize, channels: usize, mean: f32, rstd: f32, sum: f32, dot: f32): void {
  const bytes = channels << 2;
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 16 <= bytes; c += 16) {
      let g = v128.load(dy + c);
      if (gamma) g = f32x4.mul(g, v128.load(gamma + c));
      const xhat = f32x4.mul(f32x4.sub(v128.load(x + c), f32x4.splat(mean)), f32x4.splat(rstd));
      g = f32x4.sub(f32x4.sub(g, f32x4.splat(sum)), f32x4.mul(xhat, f32x4.splat(dot)));
      v128.store(dx + c, f32x4.mul(g, f32x4.splat(rstd)));
    }
  }
  for (; c < bytes; c += 4) {
    let g = load<f32>(dy + c);
    if (gamma) g = g * load<f32>(gamma + c);
    const xhat: f32 = (load<f32>(x + c) - mean) * rstd;
    store<f32>(dx + c, (g - sum - xhat * dot) * rstd);
  }
}
