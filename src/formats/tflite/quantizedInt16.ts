import type { Value } from '../../ir/graph.ts';
import type { Conv2dAttributes } from '../../ops/conv2d.ts';
import type { DepthwiseAttributes } from '../../ops/depthwiseConv2d.ts';
import {
  add,
  bitwiseAnd,
  cast,
  concat,
  conv2dInt16,
  div,
  gather,
  greater,
  greaterOrEqual,
  max,
  mul,
  reduceSum,
  sub,
  transpose,
  where,
} from '../../ops/index.ts';
import { between, interpolationTable } from '../../ops/interpolation.ts';
import { rescale } from '../../ops/rescale.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { elemOf } from './elements.ts';
import { leakyReluOptions } from './options.ts';
import { activationRange, factor, limited, type Scale, scaleIn, scaleOut } from './quantization.ts';
import { biasOf, productFactors, type Weights } from './quantizedConvolution.ts';
import { transforms } from './transforms.ts';

/** 16-bit activations with 8-bit weights: graphs hold them as i32. */

const f32 = Math.fround;

/** TensorType.INT32. */
const INT32 = 2;

/** 64-bit biases have sums of 64 bits; without a bias the options of newer files may say that it would have 32. */
export function convolutionRounding(n: NodeContext, bias = 2, stated = 0): 'wide' | 'double' {
  if (n.has(bias)) return elemOf(n.input(bias)) === 'int32' ? 'double' : 'wide';
  return stated === INT32 ? 'double' : 'wide';
}

type Attributes = Partial<Conv2dAttributes> & { kernel: readonly [number, number]; filters: number; groups: number };

export function convolutionInt16(
  n: NodeContext,
  x: Value,
  weights: Weights,
  attrs: Attributes,
  code: number,
  rounding: 'single' | 'wide' | 'double',
  inputs = { x: 0, bias: 2 },
): Value {
  const { data, shape } = weights;
  if (!(data instanceof Int8Array)) return n.refuse('weights with a zero point');
  const { factors } = productFactors(n, inputs.x, weights);
  const perFilter = (name: 'multiplier' | 'shift') =>
    n.integers(
      Array.from(
        { length: attrs.filters },
        (_, f) => (factors[factors.length === 1 ? 0 : f] as { multiplier: number; shift: number })[name],
      ),
    );
  const w = n.graph.constant({ dtype: 'i8', shape, data });
  const bias = n.integers(biasOf(n, inputs.bias, attrs.filters));
  return conv2dInt16([x, w, bias, perFilter('multiplier'), perFilter('shift')], {
    ...attrs,
    ...activationRange(n, code),
    xZero: scaleIn(n, inputs.x).zero,
    yZero: scaleOut(n).zero,
    rounding,
  });
}

/** x [rows, width] (i32) with weights [units, width] (i8) that are computed, one scale for all. */
export function computedRowsInt16(n: NodeContext, x: Value, w: Value, code: number): Value {
  const [rows, width] = x.shape as [number, number];
  const units = w.shape[0] as number;
  const { multiplier, shift } = factor((scaleIn(n, 0).scale * scaleIn(n, 1).scale) / scaleOut(n).scale);
  const each = (value: number) => n.integers(new Int32Array(units).fill(value));
  const columns = reshapedTo(
    n.wide([w], ([value]) => transpose(value as Value, { perm: [1, 0] })),
    [1, 1, width, units],
  );
  const y = conv2dInt16([reshapedTo(x, [1, 1, rows, width]), columns, n.integers(biasOf(n, 2, units)), each(multiplier), each(shift)], {
    kernel: [1, 1],
    filters: units,
    ...activationRange(n, code),
    xZero: scaleIn(n, 0).zero,
    yZero: scaleOut(n).zero,
    rounding: 'single',
  });
  return reshapedTo(y, [rows, units]);
}

/** The bytes h and u of y = 256 h + u + 128, as i8. */
function bytesOf(n: NodeContext, y: Value): [Value, Value] {
  const low = bitwiseAnd([y, n.integers([255], [])]);
  const high = div([sub([y, low]), n.integers([256], [])]);
  return [cast(high, { to: 'i8' }), cast(sub([low, n.integers([128], [])]), { to: 'i8' })];
}

/**
 * x [batch, M, K] · y [batch, K, N], both of 16 bits, with sums of 64. As a convolution of groups with 8-bit weights:
 * x (256 h + u + 128) = [256 x, x, 2 Σ x] · [h, u, 64].
 */
export function productInt16(n: NodeContext, x: Value, y: Value): Value {
  const [batch, rows, depth] = x.shape as [number, number, number];
  const columns = y.shape[2] as number;
  if (depth > 16384) return n.refuse(`int16 products of depth ${depth}`, { expected: 'at most 16384' });
  const total = reduceSum(x, { axes: [2], keepDims: true });
  const left = concat([mul([x, n.integers([256], [])]), x, add([total, total])], { axis: 2 });
  n.allow(batch * columns);
  const ones = n.graph.constant({ dtype: 'i8', shape: [batch, 1, columns], data: new Int8Array(batch * columns).fill(64) });
  const right = concat([...bytesOf(n, y), ones], { axis: 1 });
  const width = 2 * depth + 1;
  const filters = batch * columns;
  const { multiplier, shift } = factor(f32(scaleIn(n, 0).scale * scaleIn(n, 1).scale) / scaleOut(n).scale);
  const each = (value: number) => n.integers(new Int32Array(filters).fill(value));
  const image = reshapedTo(transpose(left, { perm: [1, 0, 2] }), [1, 1, rows, batch * width]);
  const w = reshapedTo(
    n.wide([right], ([value]) => transpose(value as Value, { perm: [1, 0, 2] })),
    [1, 1, width, filters],
  );
  const sums = conv2dInt16([image, w, each(0), each(multiplier), each(shift)], {
    kernel: [1, 1],
    filters,
    groups: batch,
    rounding: 'wide',
  });
  return transpose(reshapedTo(sums, [rows, batch, columns]), { perm: [1, 0, 2] });
}

export function depthwiseInt16(
  n: NodeContext,
  x: Value,
  weights: Weights,
  { multiplier: _, ...attrs }: Partial<DepthwiseAttributes> & { kernel: readonly [number, number] },
  code: number,
): Value {
  const filters = weights.shape[3] as number;
  return convolutionInt16(
    n,
    x,
    { ...weights, shape: [...attrs.kernel, 1, filters] },
    { ...attrs, filters, groups: x.shape[3] as number },
    code,
    convolutionRounding(n),
  );
}

export function rowsInt16(n: NodeContext, x: Value, weights: Weights, code: number): Value {
  const [width, units] = weights.shape as [number, number];
  const rows = x.shape[0] as number;
  const image = reshapedTo(x, [1, 1, rows, width]);
  const attrs = { kernel: [1, 1], filters: units, groups: 1 } as const;
  return reshapedTo(convolutionInt16(n, image, { ...weights, shape: [1, 1, width, units] }, attrs, code, 'single'), [rows, units]);
}

/** A function of one 16-bit number, by a table of all of them. */
function byTable(n: NodeContext, x: Value, f: (x: number) => number): Value {
  n.allow(65536);
  const table = n.integers(Array.from({ length: 65536 }, (_, i) => f(i - 32768)));
  return gather([table, add([x, n.integers([32768], [])])], { axis: 0 });
}

/** Entries of the reference's table that are one above the nearest whole number. */
const ABOVE = new Set(
  `4 8 12 14 15 16 17 19 20 21 22 25 27 28 29 30 31 33 34 35 37 39 40 41 43 44 45 46 49 50 54 62 63 64 66 82 86 93 100 103 112 116 135`
    .split(' ')
    .map(Number),
);

/** 65536 sigmoid(i / 24), of which the reference interpolates both sigmoid and tanh (sigmoid_table_uint16). */
const sigmoids = Array.from({ length: 256 }, (_, i) =>
  Math.min(65535, Math.round(65536 / (1 + Math.exp(-i / 24))) + (ABOVE.has(i) || i === 255 ? 1 : 0)),
);

interface Multiplied {
  readonly multiplier: number;
  readonly shift: number;
}

/** Inputs in steps of 1 / (3 · 4096), as the table wants them (SigmoidPrepare, TanhPrepare). */
function tableScale(scale: number, shifts: number): Multiplied {
  const shift = 12 + Math.round(Math.log2(scale));
  if (Number.isInteger(Math.log2(scale)) && shift >= 0 && shift <= shifts) return { multiplier: 3 << shift, shift: 0 };
  let [multiplier, left] = [scale * 4096 * 3, 0];
  while (multiplier <= 32767 / 2 && left <= 30) {
    left++;
    multiplier *= 2;
  }
  return { multiplier: Math.trunc(multiplier), shift: left };
}

const moved = (x: number, { multiplier, shift }: Multiplied): number =>
  Math.floor((x * multiplier + (shift > 0 ? 2 ** (shift - 1) : 0)) / 2 ** shift);

function interpolated(magnitude: number, bits: number, saturated: number): number {
  const at = Math.floor(magnitude / 2 ** bits);
  if (at >= 255) return saturated;
  const [a, b] = [sigmoids[at] as number, sigmoids[at + 1] as number];
  return a * 2 ** bits + (magnitude % 2 ** bits) * (b - a);
}

function sigmoid(x: number, by: Multiplied): number {
  const input = moved(x, by);
  const result = interpolated(Math.abs(input), 9, 0x7fff * 1024);
  return Math.floor((input >= 0 ? result + 512 : 2 ** 25 - result + 511) / 1024);
}

function tanh(x: number, by: Multiplied): number {
  const input = moved(x, by);
  const result = interpolated(Math.abs(input), 8, 0xffff * 256);
  return Math.floor((input >= 0 ? result - 2 ** 23 + 128 : -result + 2 ** 23 + 127) / 256);
}

/** The clamps, and the linear parts of a leaky ReLU, with a change of scale. */
function linearInt16(n: NodeContext, from: Scale, to: Scale, slope: number | undefined, range: { low: number; high: number }): Value {
  const x = from.zero === 0 ? n.x(0) : sub([n.x(0), n.integers([from.zero], [])]);
  const by = (real: number) => rescale(x, { ...factor(real), zero: to.zero, ...range, rounding: 'double' });
  const kept = by(f32(from.scale / to.scale));
  return slope === undefined ? kept : where([greaterOrEqual([x, n.integers([0], [])]), kept, by(f32(f32(from.scale * slope) / to.scale))]);
}

/** f of real numbers by straight lines between 513 of its values. */
function byLines(n: NodeContext, from: Scale, to: Scale, f: (x: number) => number): Value {
  const ends = ({ scale, zero }: Scale) => [f32(scale * (-32768 - zero)), f32(scale * (32767 - zero))] as [number, number];
  const [low, high] = ends(to);
  const entries = interpolationTable(...ends(from), f32(65536 / f32(high - low)), f);
  return byTable(n, n.x(0), (x) => between(entries, x));
}

/** |x| in another scale, or in the same one as it is. */
function absolute(n: NodeContext, from: Scale, to: Scale): Value {
  const x = n.x(0);
  const y = max([x, sub([n.integers([0], []), x])]);
  const ratio = from.scale === to.scale ? { multiplier: 2 ** 30, shift: 1 } : factor(f32(from.scale / to.scale));
  return rescale(y, { ...ratio, zero: 0, low: to.low, high: to.high, rounding: 'double' });
}

export function activationInt16(n: NodeContext, name: string, from: Scale, to: Scale): Value {
  switch (name) {
    case 'LOGISTIC': {
      const by = tableScale(from.scale, 0);
      return byTable(n, n.x(0), (x) => sigmoid(x, by));
    }
    case 'TANH': {
      const by = tableScale(from.scale, 1);
      return byTable(n, n.x(0), (x) => tanh(x, by));
    }
    case 'RELU':
    case 'RELU_N1_TO_1':
    case 'RELU6':
      return linearInt16(n, from, to, undefined, activationRange(n, ['', 'RELU', 'RELU_N1_TO_1', 'RELU6'].indexOf(name), to));
    case 'LEAKY_RELU':
      return linearInt16(n, from, to, n.options(leakyReluOptions).alpha, { low: to.low, high: to.high });
    case 'ABS':
      return absolute(n, from, to);
    case 'NEG': {
      // As bits: the least number is its own negative.
      const y = sub([n.integers([0], []), n.x(0)]);
      return where([greater([y, n.integers([32767], [])]), n.x(0), y]);
    }
    case 'SQRT':
      return byTable(n, n.x(0), (x) => limited(Math.trunc(f32(f32(Math.sqrt(f32(from.scale * Math.max(0, x)))) / to.scale)), to));
    case 'RSQRT':
      return byLines(n, from, to, (x) => (x <= 0 ? f32(32767 * to.scale) : f32(1 / f32(Math.sqrt(x)))));
    case 'LOG':
      return byLines(n, from, to, (x) => (x <= 0 ? f32(-32768 * to.scale) : Math.log(x)));
    case 'EXP':
      return byLines(n, from, to, Math.exp);
    case 'GELU':
      return byLines(n, from, to, (x) => transforms.GELU(x, n));
    default:
      return n.refuse(`${name} of int16`);
  }
}
