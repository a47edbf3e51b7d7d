import { detectionRecords } from './detectionRecords.ts';
import { geometry } from './geometry.ts';
import { arithmeticInt8, int8Records } from './int8Records.ts';
import { recurrentRecords } from './recurrentRecords.ts';

/**
 * The record of every kernel family: named 4-byte fields, in memory order. `assembly/records.ts` is generated from this table
 * (`node src/build.mjs`), so TypeScript and AssemblyScript cannot disagree on an offset.
 *
 * `ptr` is a byte address in linear memory; lengths and strides count elements, not bytes.
 */
export type FieldType = 'ptr' | 'u32' | 'i32' | 'f32';

type Six<P extends string, T extends FieldType> = { readonly [F in `${P}${0 | 1 | 2 | 3 | 4 | 5}`]: T };

/** Fields `p0..p5`, one for each axis; 5 is innermost. */
const six = <P extends string, T extends FieldType>(prefix: P, type: T) =>
  Object.fromEntries([0, 1, 2, 3, 4, 5].map((axis) => [`${prefix}${axis}`, type])) as unknown as Six<P, T>;

export const records = {
  /** y[i] = f(x[i]); alpha and beta are the attributes of f, where it has any. */
  Unary: { x: 'ptr', y: 'ptr', length: 'u32', alpha: 'f32', beta: 'f32' },
  /** dx[i] = dy[i] * f'(x[i]). `x` is f's input, or its output where the kernel's comment says so. */
  UnaryGrad: { x: 'ptr', dy: 'ptr', dx: 'ptr', length: 'u32', alpha: 'f32', beta: 'f32' },
  /** y = f(a, b) over six axes n0..n5 (5 is innermost); a0..a5 and b0..b5 are element strides, 0 to repeat. y is contiguous. */
  Binary: { a: 'ptr', b: 'ptr', y: 'ptr', ...six('n', 'u32'), ...six('a', 'u32'), ...six('b', 'u32') },
  /** y = condition ? a : b over six axes, as `Binary`. */
  Where: {
    condition: 'ptr',
    a: 'ptr',
    b: 'ptr',
    y: 'ptr',
    ...six('n', 'u32'),
    ...six('c', 'u32'),
    ...six('a', 'u32'),
    ...six('b', 'u32'),
  },
  /** y[i] = x[i] as another element type. */
  Cast: { x: 'ptr', y: 'ptr', length: 'u32' },
  /** y[rows, columns] = min(max(y + bias + residual, low), high), of which bias and residual may be 0. */
  BiasRows: { y: 'ptr', bias: 'ptr', residual: 'ptr', rows: 'u32', columns: 'u32', low: 'f32', high: 'f32' },
  /** [outer, length, inner] → [outer, inner]; sums are divided by divisor. */
  Reduce: { x: 'ptr', y: 'ptr', outer: 'u32', length: 'u32', inner: 'u32', divisor: 'f32' },
  /** [outer, length, inner] → the same. */
  Cumulative: { x: 'ptr', y: 'ptr', outer: 'u32', length: 'u32', inner: 'u32', exclusive: 'u32', reverse: 'u32' },
  /** [outer, length, inner] → [outer, k, inner] values and i32 indices; scratch: 3 · length words. */
  TopK: {
    x: 'ptr',
    values: 'ptr',
    indices: 'ptr',
    scratch: 'ptr',
    outer: 'u32',
    length: 'u32',
    inner: 'u32',
    k: 'u32',
    largest: 'u32',
  },
  /** x: [rows, columns]. values: as x; first, inverse, counts: i32 [rows]; count: i32 [1]; scratch: 3 · rows words. */
  Unique: {
    x: 'ptr',
    values: 'ptr',
    first: 'ptr',
    inverse: 'ptr',
    counts: 'ptr',
    count: 'ptr',
    scratch: 'ptr',
    rows: 'u32',
    columns: 'u32',
    sorted: 'u32',
  },
  /** x: [length]. places: i32 [length]; count: i32 [1]. */
  NonZero: { x: 'ptr', places: 'ptr', count: 'ptr', length: 'u32' },
  /** x, y: [rows, inner]; indices: i32 [count]; updates: [count, inner]; mode: 0 none, 1 add, 2 mul, 3 min, 4 max. */
  Scatter: { x: 'ptr', indices: 'ptr', updates: 'ptr', y: 'ptr', rows: 'u32', inner: 'u32', count: 'u32', mode: 'u32' },
  /** Determinants of x [batch, n, n]. scratch: n · n f64. */
  Det: { x: 'ptr', y: 'ptr', scratch: 'ptr', batch: 'u32', n: 'u32' },
  /** [rows, columns] → the same. */
  Rows: { x: 'ptr', y: 'ptr', rows: 'u32', columns: 'u32' },
  /** y is the forward output. */
  RowsGrad: { y: 'ptr', dy: 'ptr', dx: 'ptr', rows: 'u32', columns: 'u32' },
  /** labels: i32 [rows], or f32 [rows, columns] with oneHot = 1. loss: [rows]. */
  CrossEntropy: { x: 'ptr', labels: 'ptr', loss: 'ptr', rows: 'u32', columns: 'u32', oneHot: 'u32', smoothing: 'f32' },
  CrossEntropyGrad: { x: 'ptr', labels: 'ptr', dLoss: 'ptr', dx: 'ptr', rows: 'u32', columns: 'u32', oneHot: 'u32', smoothing: 'f32' },
  /** y[rows, columns] = clamp(x[rows, depth] · w + bias + residual); w in panels; bias and residual (strides as y) may be 0; strides in elements. */
  Matmul: {
    x: 'ptr',
    w: 'ptr',
    bias: 'ptr',
    residual: 'ptr',
    y: 'ptr',
    rows: 'u32',
    columns: 'u32',
    depth: 'u32',
    xStride: 'u32',
    yStride: 'u32',
    low: 'f32',
    high: 'f32',
  },
  /** dw (panels of depth × columns) = xᵀ · dy. */
  MatmulGradWeight: { x: 'ptr', dy: 'ptr', dw: 'ptr', rows: 'u32', columns: 'u32', depth: 'u32', xStride: 'u32', dyStride: 'u32' },
  /** dx[rows, depth] = dy[rows, columns] · wᵀ. scratch: columns · 8 f32. */
  MatmulGradInput: {
    dy: 'ptr',
    w: 'ptr',
    dx: 'ptr',
    scratch: 'ptr',
    rows: 'u32',
    columns: 'u32',
    depth: 'u32',
    dyStride: 'u32',
    dxStride: 'u32',
  },
  /** y[batch0, batch1, rows, columns] = alpha a · b; element strides, 0 to repeat; rows of y are yRow apart. scratch: see `ops/matmul.ts`. */
  BatchedMatmul: {
    a: 'ptr',
    b: 'ptr',
    y: 'ptr',
    scratch: 'ptr',
    batch0: 'u32',
    batch1: 'u32',
    aBatch0: 'u32',
    aBatch1: 'u32',
    bBatch0: 'u32',
    bBatch1: 'u32',
    rows: 'u32',
    columns: 'u32',
    depth: 'u32',
    aRow: 'u32',
    aColumn: 'u32',
    bRow: 'u32',
    bColumn: 'u32',
    yRow: 'u32',
    alpha: 'f32',
  },
  /** [rows, columns] → [columns]. */
  SumRows: { x: 'ptr', y: 'ptr', rows: 'u32', columns: 'u32' },
  /**
   * NHWC convolution between x [batch, inHeight, inWidth, inChannels] and y [batch, outHeight, outWidth, outChannels]. Forward reads x and w
   * and writes y; the gradients read y as dy and write x (dx) or w (dw). residual (or 0) has y's shape, conv2d_f32 alone reads it. scratch: see `ops/conv2d.ts`; blockRows output rows at a
   * time (pixels in grad_input). Depthwise: w [kernelHeight, kernelWidth, outChannels], scratch of `scratch.ts`; groups and blockRows are not read.
   */
  Conv2d: {
    x: 'ptr',
    w: 'ptr',
    bias: 'ptr',
    residual: 'ptr',
    y: 'ptr',
    scratch: 'ptr',
    ...geometry,
    blockRows: 'u32',
    low: 'f32',
    high: 'f32',
  },
  /** Windows over NHWC. includePad: average over the whole window, padding counted. Gradients read y (max: forward output) and dy, write dx. */
  Pool2d: {
    x: 'ptr',
    y: 'ptr',
    dy: 'ptr',
    dx: 'ptr',
    batch: 'u32',
    inHeight: 'u32',
    inWidth: 'u32',
    channels: 'u32',
    outHeight: 'u32',
    outWidth: 'u32',
    kernelHeight: 'u32',
    kernelWidth: 'u32',
    strideY: 'u32',
    strideX: 'u32',
    padTop: 'i32',
    padLeft: 'i32',
    includePad: 'u32',
  },
  /** Per-channel statistics over [rows, columns]; variance is biased. */
  BatchNormStats: { x: 'ptr', mean: 'ptr', variance: 'ptr', rows: 'u32', columns: 'u32' },
  BatchNorm: { x: 'ptr', mean: 'ptr', variance: 'ptr', gamma: 'ptr', beta: 'ptr', y: 'ptr', rows: 'u32', columns: 'u32', epsilon: 'f32' },
  BatchNormGrad: {
    x: 'ptr',
    dy: 'ptr',
    mean: 'ptr',
    variance: 'ptr',
    gamma: 'ptr',
    dx: 'ptr',
    dgamma: 'ptr',
    dbeta: 'ptr',
    rows: 'u32',
    columns: 'u32',
    epsilon: 'f32',
  },
  /** state = momentum state + (1 - momentum) scale value. */
  MovingAverage: { state: 'ptr', value: 'ptr', length: 'u32', momentum: 'f32', scale: 'f32' },
  /**
   * Normalises each (batch, group) over positions × channels of x [batch, positions, groups · channels]. centered = 0: by the root mean
   * square. mean, rstd: [batch, groups] out. gamma and beta hold groups · channels, or are 0.
   */
  GroupNorm: {
    x: 'ptr',
    gamma: 'ptr',
    beta: 'ptr',
    y: 'ptr',
    mean: 'ptr',
    rstd: 'ptr',
    batch: 'u32',
    positions: 'u32',
    groups: 'u32',
    channels: 'u32',
    epsilon: 'f32',
    centered: 'u32',
  },
  /** dx, dgamma, dbeta: 0 where not wanted. */
  GroupNormGrad: {
    x: 'ptr',
    gamma: 'ptr',
    dy: 'ptr',
    mean: 'ptr',
    rstd: 'ptr',
    dx: 'ptr',
    dgamma: 'ptr',
    dbeta: 'ptr',
    batch: 'u32',
    positions: 'u32',
    groups: 'u32',
    channels: 'u32',
    centered: 'u32',
  },
  /** Copies (or adds) 4-byte elements between strided views: y[Σ i·t] = x[Σ i·s] over n0..n5; strides may be negative or 0. */
  Strided: { x: 'ptr', y: 'ptr', ...six('n', 'u32'), ...six('s', 'i32'), ...six('t', 'i32') },
  Fill: { y: 'ptr', length: 'u32', value: 'f32' },
  FillI32: { y: 'ptr', length: 'u32', value: 'i32' },
  Copy: { x: 'ptr', y: 'ptr', bytes: 'u32' },
  /** y[outer, count, inner] = x[outer, indices[count], inner]; indices (i32) are limited to 0..length-1. The gradient reads y and adds into x. */
  Gather: { x: 'ptr', indices: 'ptr', y: 'ptr', outer: 'u32', length: 'u32', count: 'u32', inner: 'u32' },
  /** NHWC. Source coordinate of output i: (i + offset) · scale - offset (offset 0.5: half-pixel centres). mode 0: nearest, 1: bilinear. */
  Resize: {
    x: 'ptr',
    y: 'ptr',
    batch: 'u32',
    inHeight: 'u32',
    inWidth: 'u32',
    outHeight: 'u32',
    outWidth: 'u32',
    channels: 'u32',
    scaleY: 'f32',
    scaleX: 'f32',
    offset: 'f32',
    mode: 'u32',
  },
  /** y = keep ? x / (1 - rate) : 0; the mask is a function of seed (u32), step (i32), salt and the index. */
  Dropout: { x: 'ptr', y: 'ptr', seed: 'ptr', step: 'ptr', length: 'u32', salt: 'u32', rate: 'f32' },
  Sgd: { parameter: 'ptr', gradient: 'ptr', learningRate: 'ptr', scale: 'ptr', length: 'u32', weightDecay: 'f32' },
  Momentum: {
    parameter: 'ptr',
    gradient: 'ptr',
    velocity: 'ptr',
    learningRate: 'ptr',
    scale: 'ptr',
    length: 'u32',
    weightDecay: 'f32',
    momentum: 'f32',
    nesterov: 'u32',
  },
  RmsProp: {
    parameter: 'ptr',
    gradient: 'ptr',
    square: 'ptr',
    learningRate: 'ptr',
    scale: 'ptr',
    length: 'u32',
    weightDecay: 'f32',
    rho: 'f32',
    epsilon: 'f32',
  },
  Adagrad: {
    parameter: 'ptr',
    gradient: 'ptr',
    square: 'ptr',
    learningRate: 'ptr',
    scale: 'ptr',
    length: 'u32',
    weightDecay: 'f32',
    epsilon: 'f32',
  },
  Adam: {
    parameter: 'ptr',
    gradient: 'ptr',
    mean: 'ptr',
    square: 'ptr',
    learningRate: 'ptr',
    step: 'ptr',
    scale: 'ptr',
    length: 'u32',
    weightDecay: 'f32',
    beta1: 'f32',
    beta2: 'f32',
    epsilon: 'f32',
    decoupled: 'u32',
  },
  ClipScale: { squares: 'ptr', y: 'ptr', limit: 'f32' },
  Counter: { counter: 'ptr' },
  ...recurrentRecords,
  ...detectionRecords,
  ...int8Records,
  BinaryInt8: {
    a: 'ptr',
    b: 'ptr',
    y: 'ptr',
    scratch: 'ptr',
    ...six('n', 'u32'),
    ...six('a', 'u32'),
    ...six('b', 'u32'),
    ...arithmeticInt8,
  },
} as const satisfies Record<string, Record<string, FieldType>>;

export type RecordName = keyof typeof records;
