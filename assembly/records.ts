// GENERATED from src/kernels/records.ts by assembly/build.mjs.

@unmanaged
export class Unary {
  x: usize;
  y: usize;
  length: u32;
  alpha: f32;
  beta: f32;
}

@unmanaged
export class UnaryGrad {
  x: usize;
  dy: usize;
  dx: usize;
  length: u32;
  alpha: f32;
  beta: f32;
}

@unmanaged
export class Binary {
  a: usize;
  b: usize;
  y: usize;
  n0: u32;
  n1: u32;
  n2: u32;
  n3: u32;
  n4: u32;
  n5: u32;
  a0: u32;
  a1: u32;
  a2: u32;
  a3: u32;
  a4: u32;
  a5: u32;
  b0: u32;
  b1: u32;
  b2: u32;
  b3: u32;
  b4: u32;
  b5: u32;
}

@unmanaged
export class Where {
  condition: usize;
  a: usize;
  b: usize;
  y: usize;
  n0: u32;
  n1: u32;
  n2: u32;
  n3: u32;
  n4: u32;
  n5: u32;
  c0: u32;
  c1: u32;
  c2: u32;
  c3: u32;
  c4: u32;
  c5: u32;
  a0: u32;
  a1: u32;
  a2: u32;
  a3: u32;
  a4: u32;
  a5: u32;
  b0: u32;
  b1: u32;
  b2: u32;
  b3: u32;
  b4: u32;
  b5: u32;
}

@unmanaged
export class Cast {
  x: usize;
  y: usize;
  length: u32;
}

@unmanaged
export class BiasRows {
  y: usize;
  bias: usize;
  residual: usize;
  rows: u32;
  columns: u32;
  low: f32;
  high: f32;
}

@unmanaged
export class Reduce {
  x: usize;
  y: usize;
  outer: u32;
  length: u32;
  inner: u32;
  divisor: f32;
}

@unmanaged
export class Cumulative {
  x: usize;
  y: usize;
  outer: u32;
  length: u32;
  inner: u32;
  exclusive: u32;
  reverse: u32;
}

@unmanaged
export class TopK {
  x: usize;
  values: usize;
  indices: usize;
  scratch: usize;
  outer: u32;
  length: u32;
  inner: u32;
  k: u32;
  largest: u32;
}

@unmanaged
export class Unique {
  x: usize;
  values: usize;
  first: usize;
  inverse: usize;
  counts: usize;
  count: usize;
  scratch: usize;
  rows: u32;
  columns: u32;
  sorted: u32;
}

@unmanaged
export class NonZero {
  x: usize;
  places: usize;
  count: usize;
  length: u32;
}

@unmanaged
export class Scatter {
  x: usize;
  indices: usize;
  updates: usize;
  y: usize;
  rows: u32;
  inner: u32;
  count: u32;
  mode: u32;
}

@unmanaged
export class Det {
  x: usize;
  y: usize;
  scratch: usize;
  batch: u32;
  n: u32;
}

@unmanaged
export class Rows {
  x: usize;
  y: usize;
  rows: u32;
  columns: u32;
}

@unmanaged
export class RowsGrad {
  y: usize;
  dy: usize;
  dx: usize;
  rows: u32;
  columns: u32;
}

@unmanaged
export class CrossEntropy {
  x: usize;
  labels: usize;
  loss: usize;
  rows: u32;
  columns: u32;
  oneHot: u32;
  smoothing: f32;
}

@unmanaged
export class CrossEntropyGrad {
  x: usize;
  labels: usize;
  dLoss: usize;
  dx: usize;
  rows: u32;
  columns: u32;
  oneHot: u32;
  smoothing: f32;
}

@unmanaged
export class Matmul {
  x: usize;
  w: usize;
  bias: usize;
  residual: usize;
  y: usize;
  rows: u32;
  columns: u32;
  depth: u32;
  xStride: u32;
  yStride: u32;
  low: f32;
  high: f32;
}

@unmanaged
export class MatmulGradWeight {
  x: usize;
  dy: usize;
  dw: usize;
  rows: u32;
  columns: u32;
  depth: u32;
  xStride: u32;
  dyStride: u32;
}

@unmanaged
export class MatmulGradInput {
  dy: usize;
  w: usize;
  dx: usize;
  scratch: usize;
  rows: u32;
  columns: u32;
  depth: u32;
  dyStride: u32;
  dxStride: u32;
}

@unmanaged
export class BatchedMatmul {
  a: usize;
  b: usize;
  y: usize;
  scratch: usize;
  batch0: u32;
  batch1: u32;
  aBatch0: u32;
  aBatch1: u32;
  bBatch0: u32;
  bBatch1: u32;
  rows: u32;
  columns: u32;
  depth: u32;
  aRow: u32;
  aColumn: u32;
  bRow: u32;
  bColumn: u32;
  yRow: u32;
  alpha: f32;
}

@unmanaged
export class SumRows {
  x: usize;
  y: usize;
  rows: u32;
  columns: u32;
}

@unmanaged
export class Conv2d {
  x: usize;
  w: usize;
  bias: usize;
  residual: usize;
  y: usize;
  scratch: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  inChannels: u32;
  outHeight: u32;
  outWidth: u32;
  outChannels: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  dilationY: u32;
  dilationX: u32;
  padTop: i32;
  padLeft: i32;
  groups: u32;
  blockRows: u32;
  low: f32;
  high: f32;
}

@unmanaged
export class Pool2d {
  x: usize;
  y: usize;
  dy: usize;
  dx: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  channels: u32;
  outHeight: u32;
  outWidth: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  padTop: i32;
  padLeft: i32;
  includePad: u32;
}

@unmanaged
export class BatchNormStats {
  x: usize;
  mean: usize;
  variance: usize;
  rows: u32;
  columns: u32;
}

@unmanaged
export class BatchNorm {
  x: usize;
  mean: usize;
  variance: usize;
  gamma: usize;
  beta: usize;
  y: usize;
  rows: u32;
  columns: u32;
  epsilon: f32;
}

@unmanaged
export class BatchNormGrad {
  x: usize;
  dy: usize;
  mean: usize;
  variance: usize;
  gamma: usize;
  dx: usize;
  dgamma: usize;
  dbeta: usize;
  rows: u32;
  columns: u32;
  epsilon: f32;
}

@unmanaged
export class MovingAverage {
  state: usize;
  value: usize;
  length: u32;
  momentum: f32;
  scale: f32;
}

@unmanaged
export class GroupNorm {
  x: usize;
  gamma: usize;
  beta: usize;
  y: usize;
  mean: usize;
  rstd: usize;
  batch: u32;
  positions: u32;
  groups: u32;
  channels: u32;
  epsilon: f32;
  centered: u32;
}

@unmanaged
export class GroupNormGrad {
  x: usize;
  gamma: usize;
  dy: usize;
  mean: usize;
  rstd: usize;
  dx: usize;
  dgamma: usize;
  dbeta: usize;
  batch: u32;
  positions: u32;
  groups: u32;
  channels: u32;
  centered: u32;
}

@unmanaged
export class Strided {
  x: usize;
  y: usize;
  n0: u32;
  n1: u32;
  n2: u32;
  n3: u32;
  n4: u32;
  n5: u32;
  s0: i32;
  s1: i32;
  s2: i32;
  s3: i32;
  s4: i32;
  s5: i32;
  t0: i32;
  t1: i32;
  t2: i32;
  t3: i32;
  t4: i32;
  t5: i32;
}

@unmanaged
export class Fill {
  y: usize;
  length: u32;
  value: f32;
}

@unmanaged
export class FillI32 {
  y: usize;
  length: u32;
  value: i32;
}

@unmanaged
export class Copy {
  x: usize;
  y: usize;
  bytes: u32;
}

@unmanaged
export class Gather {
  x: usize;
  indices: usize;
  y: usize;
  outer: u32;
  length: u32;
  count: u32;
  inner: u32;
}

@unmanaged
export class Resize {
  x: usize;
  y: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  outHeight: u32;
  outWidth: u32;
  channels: u32;
  scaleY: f32;
  scaleX: f32;
  offset: f32;
  mode: u32;
}

@unmanaged
export class Dropout {
  x: usize;
  y: usize;
  seed: usize;
  step: usize;
  length: u32;
  salt: u32;
  rate: f32;
}

@unmanaged
export class Sgd {
  parameter: usize;
  gradient: usize;
  learningRate: usize;
  scale: usize;
  length: u32;
  weightDecay: f32;
}

@unmanaged
export class Momentum {
  parameter: usize;
  gradient: usize;
  velocity: usize;
  learningRate: usize;
  scale: usize;
  length: u32;
  weightDecay: f32;
  momentum: f32;
  nesterov: u32;
}

@unmanaged
export class RmsProp {
  parameter: usize;
  gradient: usize;
  square: usize;
  learningRate: usize;
  scale: usize;
  length: u32;
  weightDecay: f32;
  rho: f32;
  epsilon: f32;
}

@unmanaged
export class Adagrad {
  parameter: usize;
  gradient: usize;
  square: usize;
  learningRate: usize;
  scale: usize;
  length: u32;
  weightDecay: f32;
  epsilon: f32;
}

@unmanaged
export class Adam {
  parameter: usize;
  gradient: usize;
  mean: usize;
  square: usize;
  learningRate: usize;
  step: usize;
  scale: usize;
  length: u32;
  weightDecay: f32;
  beta1: f32;
  beta2: f32;
  epsilon: f32;
  decoupled: u32;
}

@unmanaged
export class ClipScale {
  squares: usize;
  y: usize;
  limit: f32;
}

@unmanaged
export class Counter {
  counter: usize;
}

@unmanaged
export class Recurrent {
  xw: usize;
  w: usize;
  candidate: usize;
  bias: usize;
  h0: usize;
  c0: usize;
  h: usize;
  c: usize;
  gates: usize;
  dy: usize;
  dxw: usize;
  drecurrent: usize;
  dw: usize;
  dcandidate: usize;
  dh0: usize;
  dc0: usize;
  scratch: usize;
  batch: u32;
  steps: u32;
  units: u32;
  activation: u32;
  reverse: u32;
}

@unmanaged
export class RecurrentSequence {
  x: usize;
  wx: usize;
  bias: usize;
  w: usize;
  recurrentBias: usize;
  candidate: usize;
  h0: usize;
  c0: usize;
  h: usize;
  c: usize;
  gates: usize;
  scratch: usize;
  batch: u32;
  steps: u32;
  inputs: u32;
  units: u32;
  block: u32;
  activation: u32;
  reverse: u32;
}

@unmanaged
export class NonMaxSuppression {
  boxes: usize;
  scores: usize;
  y: usize;
  count: usize;
  scratch: usize;
  batch: u32;
  classes: u32;
  boxCount: u32;
  limit: u32;
  centerPointBox: u32;
  iouThreshold: f32;
  scoreThreshold: f32;
}

@unmanaged
export class SoftNonMaxSuppression {
  boxes: usize;
  scores: usize;
  y: usize;
  kept: usize;
  count: usize;
  scratch: usize;
  boxCount: u32;
  limit: u32;
  iouThreshold: f32;
  scoreThreshold: f32;
  factor: f32;
}

@unmanaged
export class RoiAlign {
  x: usize;
  regions: usize;
  batchIndices: usize;
  y: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  channels: u32;
  rois: u32;
  outHeight: u32;
  outWidth: u32;
  samplingRatio: u32;
  spatialScale: f32;
  halfPixel: u32;
  maximum: u32;
}

@unmanaged
export class TreeEnsemble {
  x: usize;
  nodes: usize;
  thresholds: usize;
  roots: usize;
  leaves: usize;
  targets: usize;
  weights: usize;
  y: usize;
  rows: u32;
  features: u32;
  nodeCount: u32;
  trees: u32;
  leafCount: u32;
  votes: u32;
  targetCount: u32;
  aggregate: u32;
}

@unmanaged
export class Conv2dInt8 {
  x: usize;
  w: usize;
  bias: usize;
  y: usize;
  band: usize;
  sums: usize;
  table: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  inChannels: u32;
  outHeight: u32;
  outWidth: u32;
  outChannels: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  dilationY: u32;
  dilationX: u32;
  padTop: i32;
  padLeft: i32;
  groups: u32;
  blockRows: u32;
  xZero: i32;
  multiplier: usize;
  shift: usize;
  scale: usize;
  perChannel: u32;
  yZero: i32;
  low: i32;
  high: i32;
  rounding: u32;
  pairs: usize;
}

@unmanaged
export class WinogradInt8 {
  x: usize;
  w: usize;
  bias: usize;
  y: usize;
  band: usize;
  sums: usize;
  table: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  inChannels: u32;
  outHeight: u32;
  outWidth: u32;
  outChannels: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  dilationY: u32;
  dilationX: u32;
  padTop: i32;
  padLeft: i32;
  groups: u32;
  blockRows: u32;
  xZero: i32;
  multiplier: usize;
  shift: usize;
  scale: usize;
  perChannel: u32;
  yZero: i32;
  low: i32;
  high: i32;
  rounding: u32;
  pairs: usize;
  tiles: u32;
}

@unmanaged
export class DepthwiseInt8 {
  x: usize;
  w: usize;
  bias: usize;
  y: usize;
  band: usize;
  sums: usize;
  table: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  inChannels: u32;
  outHeight: u32;
  outWidth: u32;
  outChannels: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  dilationY: u32;
  dilationX: u32;
  padTop: i32;
  padLeft: i32;
  groups: u32;
  blockRows: u32;
  xZero: i32;
  multiplier: usize;
  shift: usize;
  scale: usize;
  perChannel: u32;
  yZero: i32;
  low: i32;
  high: i32;
  rounding: u32;
  blockChannels: u32;
  sumRows: u32;
  rest: usize;
}

@unmanaged
export class LinearWeights {
  x: usize;
  w: usize;
  scales: usize;
  bias: usize;
  y: usize;
  scratch: usize;
  rows: u32;
  columns: u32;
  depth: u32;
  length: u32;
  count: u32;
  scaleStride: u32;
  bits: u32;
  blockRows: u32;
}

@unmanaged
export class RoundRows {
  x: usize;
  y: usize;
  rows: u32;
  length: u32;
  asymmetric: u32;
  even: u32;
}

@unmanaged
export class LinearDynamic {
  x: usize;
  w: usize;
  scales: usize;
  offsets: usize;
  bias: usize;
  y: usize;
  band: usize;
  sums: usize;
  rows: u32;
  columns: u32;
  depth: u32;
  blockRows: u32;
  asymmetric: u32;
}

@unmanaged
export class ConvScaled {
  x: usize;
  w: usize;
  bias: usize;
  y: usize;
  band: usize;
  sums: usize;
  table: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  inChannels: u32;
  outHeight: u32;
  outWidth: u32;
  outChannels: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  dilationY: u32;
  dilationX: u32;
  padTop: i32;
  padLeft: i32;
  groups: u32;
  blockRows: u32;
  product: usize;
  totals: usize;
  zero: usize;
  unit: usize;
  scales: usize;
  residual: usize;
  perImage: u32;
  apart: u32;
  low: f32;
  high: f32;
  matrix: u32;
  blockChannels: u32;
  sumRows: u32;
  rest: usize;
}

@unmanaged
export class MatmulInt8 {
  a: usize;
  b: usize;
  y: usize;
  scale: usize;
  panels: usize;
  product: usize;
  table: usize;
  band: usize;
  sums: usize;
  biases: usize;
  batch0: u32;
  batch1: u32;
  aBatch0: u32;
  aBatch1: u32;
  bBatch0: u32;
  bBatch1: u32;
  rows: u32;
  columns: u32;
  depth: u32;
  aRow: u32;
  aColumn: u32;
  bRow: u32;
  bColumn: u32;
  aZero: i32;
  bZero: i32;
  yZero: i32;
  low: i32;
  high: i32;
  blockRows: u32;
}

@unmanaged
export class QuantizeRows {
  x: usize;
  y: usize;
  unit: usize;
  zero: usize;
  rows: u32;
  length: u32;
  asymmetric: u32;
  even: u32;
}

@unmanaged
export class DynamicQuantize {
  x: usize;
  y: usize;
  scale: usize;
  zero: usize;
  length: u32;
}

@unmanaged
export class LinearScaled {
  x: usize;
  zero: usize;
  unit: usize;
  w: usize;
  totals: usize;
  zeros: usize;
  scales: usize;
  bias: usize;
  wholeBias: usize;
  y: usize;
  band: usize;
  sums: usize;
  rows: u32;
  columns: u32;
  depth: u32;
  blockRows: u32;
}

@unmanaged
export class Requantize {
  x: usize;
  y: usize;
  rows: u32;
  channels: u32;
  multiplier: usize;
  shift: usize;
  scale: usize;
  perChannel: u32;
  yZero: i32;
  low: i32;
  high: i32;
  rounding: u32;
}

@unmanaged
export class Lookup {
  x: usize;
  table: usize;
  y: usize;
  length: u32;
}

@unmanaged
export class DequantizeColumns {
  x: usize;
  scales: usize;
  y: usize;
  outer: u32;
  rows: u32;
  columns: u32;
}

@unmanaged
export class QuantizeInt8 {
  x: usize;
  y: usize;
  length: u32;
  scale: f32;
  zero: i32;
  low: i32;
  high: i32;
  away: u32;
}

@unmanaged
export class Pool2dInt8 {
  x: usize;
  y: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  channels: u32;
  outHeight: u32;
  outWidth: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  padTop: i32;
  padLeft: i32;
  low: i32;
  high: i32;
  scale: f32;
  xZero: i32;
  yZero: i32;
  yScale: f32;
  floats: u32;
  added: i32;
}

@unmanaged
export class FakeQuantize {
  x: usize;
  scale: usize;
  zero: usize;
  dy: usize;
  y: usize;
  blocks: u32;
  rows: u32;
  columns: u32;
  perColumn: u32;
  low: f32;
  high: f32;
}

@unmanaged
export class Rescale {
  x: usize;
  y: usize;
  length: u32;
  multiplier: i32;
  shift: i32;
  zero: i32;
  low: i32;
  high: i32;
  rounding: u32;
}

@unmanaged
export class RescaledProduct {
  x: usize;
  y: usize;
  rows: u32;
  columns: u32;
  multiplier: i32;
  shift: i32;
  zero: i32;
  low: i32;
  high: i32;
}

@unmanaged
export class Conv2dInt16 {
  x: usize;
  w: usize;
  bias: usize;
  multiplier: usize;
  shift: usize;
  y: usize;
  scratch: usize;
  batch: u32;
  inHeight: u32;
  inWidth: u32;
  inChannels: u32;
  outHeight: u32;
  outWidth: u32;
  outChannels: u32;
  kernelHeight: u32;
  kernelWidth: u32;
  strideY: u32;
  strideX: u32;
  dilationY: u32;
  dilationX: u32;
  padTop: i32;
  padLeft: i32;
  groups: u32;
  xZero: i32;
  yZero: i32;
  low: i32;
  high: i32;
  rounding: u32;
}

@unmanaged
export class LinearRowsInt8 {
  x: usize;
  w: usize;
  bias: usize;
  y: usize;
  rows: u32;
  columns: u32;
  depth: u32;
  multiplier: usize;
  shift: usize;
  scale: usize;
  perChannel: u32;
  yZero: i32;
  low: i32;
  high: i32;
  rounding: u32;
}

@unmanaged
export class LstmInt8 {
  x: usize;
  w: usize;
  recurrent: usize;
  bias: usize;
  factors: usize;
  h: usize;
  cells: usize;
  y: usize;
  lastH: usize;
  lastCells: usize;
  gates: usize;
  batch: u32;
  steps: u32;
  width: u32;
  units: u32;
  timeMajor: u32;
  cellShift: i32;
  cellBits: i32;
  clip: i32;
  multiplier: i32;
  shift: i32;
  zero: i32;
  coupled: u32;
}

@unmanaged
export class SoftmaxInt16 {
  x: usize;
  powers: usize;
  reciprocals: usize;
  y: usize;
  rows: u32;
  columns: u32;
  multiplier: i32;
  shift: i32;
}

@unmanaged
export class LayerNormInt16 {
  x: usize;
  weights: usize;
  bias: usize;
  y: usize;
  rows: u32;
  columns: u32;
  multiplier: i32;
  shift: i32;
  guard: i32;
}

@unmanaged
export class L2NormalizationInt8 {
  x: usize;
  y: usize;
  rows: u32;
  columns: u32;
  zero: i32;
  leftShift: i32;
}

@unmanaged
export class SoftmaxInt8 {
  x: usize;
  y: usize;
  rows: u32;
  columns: u32;
  multiplier: i32;
  shift: u32;
  diffMin: i32;
}

@unmanaged
export class LogSoftmaxInt8 {
  x: usize;
  y: usize;
  rows: u32;
  columns: u32;
  multiplier: i32;
  shift: u32;
  diffMin: i32;
  stepsMultiplier: i32;
  stepsShift: i32;
}

@unmanaged
export class BinaryInt8 {
  a: usize;
  b: usize;
  y: usize;
  scratch: usize;
  n0: u32;
  n1: u32;
  n2: u32;
  n3: u32;
  n4: u32;
  n5: u32;
  a0: u32;
  a1: u32;
  a2: u32;
  a3: u32;
  a4: u32;
  a5: u32;
  b0: u32;
  b1: u32;
  b2: u32;
  b3: u32;
  b4: u32;
  b5: u32;
  aZero: i32;
  bZero: i32;
  bSign: i32;
  leftShift: u32;
  aMultiplier: i32;
  aShift: i32;
  bMultiplier: i32;
  bShift: i32;
  yMultiplier: i32;
  yShift: i32;
  aScale: f32;
  bScale: f32;
  yScale: f32;
  yZero: i32;
  low: i32;
  high: i32;
  rounding: u32;
  arithmetic: u32;
}
