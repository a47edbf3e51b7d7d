import type { Value } from '../../ir/graph.ts';
import type { Factor } from '../../ops/arithmeticInt8.ts';
import type { Conv2dAttributes } from '../../ops/conv2d.ts';
import { realFactor } from '../../ops/conv2dInt16.ts';
import type { DepthwiseAttributes } from '../../ops/depthwiseConv2d.ts';
import { add, bitwiseAnd, cast, concat, conv2dInt16, div, mul, reduceSum, sub, transpose } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { elemOf } from './elements.ts';
import { activationRange, factor, scaleIn, scaleOut } from './quantization.ts';
import { biasOf, productFactors, type Weights } from './quantizedConvolution.ts';

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
  rounding: 'real' | 'wide' | 'double',
  inputs = { x: 0, bias: 2 },
): Value {
  const { data, shape } = weights;
  if (!(data instanceof Int8Array)) return n.refuse('weights with a zero point');
  const { reals } = productFactors(n, inputs.x, weights);
  const factors = reals.map(rounding === 'real' ? realFactor : factor);
  const perFilter = (name: 'multiplier' | 'shift') =>
    n.integers(Array.from({ length: attrs.filters }, (_, f) => (factors[factors.length === 1 ? 0 : f] as Factor)[name]));
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
  const { multiplier, shift } = realFactor((scaleIn(n, 0).scale * scaleIn(n, 1).scale) / scaleOut(n).scale);
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
    rounding: 'real',
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
  return reshapedTo(convolutionInt16(n, image, { ...weights, shape: [1, 1, width, units] }, attrs, code, 'real'), [rows, units]);
}
