import { geometry } from './geometry.ts';

/** Records of the 8-bit kernels. Inputs count as x + 128, so that they are unsigned; biases have that folded in (`core/quads.ts`). */

/**
 * From i32 sums to i8: rounding 0 double, 1 single (both multiplier and shift, i32), 2 float (scale, f32). perChannel: 1 where every channel has
 * factors of its own, else 0.
 */
const requantization = {
  multiplier: 'ptr',
  shift: 'ptr',
  scale: 'ptr',
  perChannel: 'u32',
  yZero: 'i32',
  low: 'i32',
  high: 'i32',
  rounding: 'u32',
} as const;

/**
 * NHWC convolution of i8. Scratch (see `ops/conv2dInt8.ts`): band holds input lines, sums one panel of i32, table the offsets of the runs of a
 * window and what is prepared for each channel. blockRows output rows (pixels where it is a matrix product) at a time. pairs: a panel of 16-bit weights,
 * or 0 where products of 16-bit inputs read 8-bit ones.
 */
const window = {
  x: 'ptr',
  w: 'ptr',
  bias: 'ptr',
  y: 'ptr',
  band: 'ptr',
  sums: 'ptr',
  table: 'ptr',
  ...geometry,
  blockRows: 'u32',
} as const;

const convolution = { ...window, xZero: 'i32', ...requantization } as const;

export const int8Records = {
  Conv2dInt8: { ...convolution, pairs: 'ptr' },
  /** Begins as a `Conv2dInt8`; in 16 bits all scratch but the table is one piece from the band on, and there are `tiles` tiles of 2×2 pixels at a time. */
  WinogradInt8: { ...convolution, pairs: 'ptr', tiles: 'u32' },
  /**
   * Depthwise: begins as a `Conv2dInt8`, but for its last field. The band holds blockChannels output channels' inputs of blockRows output rows; sums are
   * made of sumRows rows at a time. rest: a second part of the weights, or 0.
   */
  DepthwiseInt8: { ...convolution, blockChannels: 'u32', sumRows: 'u32', rest: 'ptr' },
  /** y[rows, columns] = x[rows, depth] · w + bias in f32; a sum is `count` runs of `length`, scaleStride f32 from one run's scales to the next; blockRows rows at a time. */
  LinearWeights: {
    x: 'ptr',
    w: 'ptr',
    scales: 'ptr',
    bias: 'ptr',
    y: 'ptr',
    scratch: 'ptr',
    rows: 'u32',
    columns: 'u32',
    depth: 'u32',
    length: 'u32',
    count: 'u32',
    scaleStride: 'u32',
    bits: 'u32',
    blockRows: 'u32',
  },
  /** y[rows, length]: x rounded to 8-bit steps of the range of its row; asymmetric as below; even 1: as DynamicQuantizeLinear does. */
  RoundRows: { x: 'ptr', y: 'ptr', rows: 'u32', length: 'u32', asymmetric: 'u32', even: 'u32' },
  /** As `LinearWeights`, with inputs of 8 bits, one range a row; asymmetric 1: with a zero point, 0: without. offsets: i32, -128 Σ w a column. Scratch: `dynamicInt8Scratch`. */
  LinearDynamic: {
    x: 'ptr',
    w: 'ptr',
    scales: 'ptr',
    offsets: 'ptr',
    bias: 'ptr',
    y: 'ptr',
    band: 'ptr',
    sums: 'ptr',
    rows: 'u32',
    columns: 'u32',
    depth: 'u32',
    blockRows: 'u32',
    asymmetric: 'u32',
  },
  /**
   * Convolutions whose zero point and scale are known at run time, begun as those whose record is made in `product`: y f32 = Σ (x - zero) w · scales · unit
   * + bias + residual (0: none), within low..high. totals: i32, Σ w a channel. zero, unit: with perImage = 1 of each image. matrix: 1 where pixels are rows of a matrix.
   * apart: 1 where sums are multiplied with scales, then with unit, and 0 where with the product of both.
   * Depthwise alone: blockChannels to rest.
   */
  ConvScaled: {
    ...window,
    product: 'ptr',
    totals: 'ptr',
    zero: 'ptr',
    unit: 'ptr',
    scales: 'ptr',
    residual: 'ptr',
    perImage: 'u32',
    apart: 'u32',
    low: 'f32',
    high: 'f32',
    matrix: 'u32',
    blockChannels: 'u32',
    sumRows: 'u32',
    rest: 'ptr',
  },
  /**
   * y[batch0, batch1, rows, columns] i8 = requantized Σ (a - aZero)(b - bZero), strides in bytes; scale: an f32. Scratch (`matmulInt8Scratch`): b in quads,
   * the record and the table of the product, rows of a, sums of a panel with what else a block needs, a bias a column.
   */
  MatmulInt8: {
    a: 'ptr',
    b: 'ptr',
    y: 'ptr',
    scale: 'ptr',
    panels: 'ptr',
    product: 'ptr',
    table: 'ptr',
    band: 'ptr',
    sums: 'ptr',
    biases: 'ptr',
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
    aZero: 'i32',
    bZero: 'i32',
    yZero: 'i32',
    low: 'i32',
    high: 'i32',
    blockRows: 'u32',
  },
  /** Rows of x f32 as i8; unit f32 and zero i32 of each row. asymmetric, even: as `RoundRows`. */
  QuantizeRows: { x: 'ptr', y: 'ptr', unit: 'ptr', zero: 'ptr', rows: 'u32', length: 'u32', asymmetric: 'u32', even: 'u32' },
  /** y i8 = x f32 / scale + zero, both written too: an f32 and an i32. */
  DynamicQuantize: { x: 'ptr', y: 'ptr', scale: 'ptr', zero: 'ptr', length: 'u32' },
  /**
   * y[rows, columns] = Σ (x - zero) (w - zeros) + wholeBias, i8 of x and w, as i32; or in f32, times unit · scales plus bias, where `unit` is given.
   * zero: an i32, totals: i32, Σ w a column; zeros and wholeBias: i32 a column, bias: f32; each absent where all are 0. Scratch: `scaledInt8Scratch`.
   */
  LinearScaled: {
    x: 'ptr',
    zero: 'ptr',
    unit: 'ptr',
    w: 'ptr',
    totals: 'ptr',
    zeros: 'ptr',
    scales: 'ptr',
    bias: 'ptr',
    wholeBias: 'ptr',
    y: 'ptr',
    band: 'ptr',
    sums: 'ptr',
    rows: 'u32',
    columns: 'u32',
    depth: 'u32',
    blockRows: 'u32',
  },
  /** y[rows, channels] i8 of x i32. */
  Requantize: { x: 'ptr', y: 'ptr', rows: 'u32', channels: 'u32', ...requantization },
  /** y[i] = table[x[i] + 128]. */
  Lookup: { x: 'ptr', table: 'ptr', y: 'ptr', length: 'u32' },
  /** [outer, rows, columns]: y = x times the scale of its column; each of `outer` has scales of its own. */
  DequantizeColumns: { x: 'ptr', scales: 'ptr', y: 'ptr', outer: 'u32', rows: 'u32', columns: 'u32' },
  /** Between f32 and i8: away: ties away from zero instead of to even. */
  QuantizeInt8: { x: 'ptr', y: 'ptr', length: 'u32', scale: 'f32', zero: 'i32', low: 'i32', high: 'i32', away: 'u32' },
  /** Windows over NHWC. What follows `high` is of means alone (`averagePool2dInt8`); floats: numbers are dequantized before they are added,
   * and a part of the zero point, `added`, before they are rounded. */
  Pool2dInt8: {
    x: 'ptr',
    y: 'ptr',
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
    low: 'i32',
    high: 'i32',
    scale: 'f32',
    xZero: 'i32',
    yZero: 'i32',
    yScale: 'f32',
    floats: 'u32',
    added: 'i32',
  },
  /** [blocks, rows, columns]. scale, zero: of one element, or with perColumn = 1 [blocks, columns]. dy: of the gradient, else 0. */
  FakeQuantize: {
    x: 'ptr',
    scale: 'ptr',
    zero: 'ptr',
    dy: 'ptr',
    y: 'ptr',
    blocks: 'u32',
    rows: 'u32',
    columns: 'u32',
    perColumn: 'u32',
    low: 'f32',
    high: 'f32',
  },
  /** y = limited(zero + x · multiplier · 2^(shift - 31)), all i32. */
  Rescale: { x: 'ptr', y: 'ptr', length: 'u32', multiplier: 'i32', shift: 'i32', zero: 'i32', low: 'i32', high: 'i32', rounding: 'u32' },
  /** y [columns] of x [rows, columns], i32: factors below 2^16, of which the first is not scaled and the last product is. */
  RescaledProduct: {
    x: 'ptr',
    y: 'ptr',
    rows: 'u32',
    columns: 'u32',
    multiplier: 'i32',
    shift: 'i32',
    zero: 'i32',
    low: 'i32',
    high: 'i32',
  },
  /**
   * Numbers of 16 bits held as i32 (x - xZero has 16 bits too), w i8 row-major [kernelHeight, kernelWidth, inChannels / groups, outChannels]. rounding: 0
   * double, 1 real, 2 wide. scratch: `conv2dInt16Scratch`.
   */
  Conv2dInt16: {
    x: 'ptr',
    w: 'ptr',
    bias: 'ptr',
    multiplier: 'ptr',
    shift: 'ptr',
    y: 'ptr',
    scratch: 'ptr',
    ...geometry,
    xZero: 'i32',
    yZero: 'i32',
    low: 'i32',
    high: 'i32',
    rounding: 'u32',
  },
  /** y[rows, columns] i8 of x[rows, depth] and w[columns, depth]. */
  LinearRowsInt8: { x: 'ptr', w: 'ptr', bias: 'ptr', y: 'ptr', rows: 'u32', columns: 'u32', depth: 'u32', ...requantization },
  /**
   * A sequence of i8, in steps of `timeMajor` items or the other way about; operands as `ops/lstmInt8.ts` has them. gates: scratch, one i32 a filter.
   * cellShift: of the product of input and candidate; cellBits: integer bits of cells.
   */
  LstmInt8: {
    x: 'ptr',
    w: 'ptr',
    recurrent: 'ptr',
    bias: 'ptr',
    factors: 'ptr',
    h: 'ptr',
    cells: 'ptr',
    y: 'ptr',
    lastH: 'ptr',
    lastCells: 'ptr',
    gates: 'ptr',
    batch: 'u32',
    steps: 'u32',
    width: 'u32',
    units: 'u32',
    timeMajor: 'u32',
    cellShift: 'i32',
    cellBits: 'i32',
    clip: 'i32',
    multiplier: 'i32',
    shift: 'i32',
    zero: 'i32',
    coupled: 'u32',
  },
  /** Numbers of 16 bits held as i32; tables of 513 i32. */
  SoftmaxInt16: { x: 'ptr', powers: 'ptr', reciprocals: 'ptr', y: 'ptr', rows: 'u32', columns: 'u32', multiplier: 'i32', shift: 'i32' },
  /** Rows of i8 → i8 in steps of 1/128. */
  LayerNormInt16: {
    x: 'ptr',
    weights: 'ptr',
    bias: 'ptr',
    y: 'ptr',
    rows: 'u32',
    columns: 'u32',
    multiplier: 'i32',
    shift: 'i32',
    guard: 'i32',
  },
  L2NormalizationInt8: { x: 'ptr', y: 'ptr', rows: 'u32', columns: 'u32', zero: 'i32', leftShift: 'i32' },
  SoftmaxInt8: { x: 'ptr', y: 'ptr', rows: 'u32', columns: 'u32', multiplier: 'i32', shift: 'u32', diffMin: 'i32' },
  LogSoftmaxInt8: {
    x: 'ptr',
    y: 'ptr',
    rows: 'u32',
    columns: 'u32',
    multiplier: 'i32',
    shift: 'u32',
    diffMin: 'i32',
    stepsMultiplier: 'i32',
    stepsShift: 'i32',
  },
} as const;

/**
 * y = f(a, b) of i8 over six axes (see `Binary`). Sums: a and b are moved left by leftShift and scaled by their own factors before they are
 * added (bSign 1) or subtracted (-1); products have no factors of their own. With rounding 2 the scales apply instead: arithmetic is an index of
 * `ARITHMETICS` (`ops/requantize.ts`). scratch: `binaryInt8Scratch`.
 */
export const arithmeticInt8 = {
  aZero: 'i32',
  bZero: 'i32',
  bSign: 'i32',
  leftShift: 'u32',
  aMultiplier: 'i32',
  aShift: 'i32',
  bMultiplier: 'i32',
  bShift: 'i32',
  yMultiplier: 'i32',
  yShift: 'i32',
  aScale: 'f32',
  bScale: 'f32',
  yScale: 'f32',
  yZero: 'i32',
  low: 'i32',
  high: 'i32',
  rounding: 'u32',
  arithmetic: 'u32',
} as const;
