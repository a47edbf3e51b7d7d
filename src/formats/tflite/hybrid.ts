import type { Shape } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import type { Conv2dAttributes } from '../../ops/conv2d.ts';
import type { DepthwiseAttributes } from '../../ops/depthwiseConv2d.ts';
import {
  abs,
  add,
  cast,
  clip,
  concat,
  conv2d,
  depthwiseConv2d,
  div,
  greater,
  linear,
  matmul,
  max,
  min,
  mul,
  reduceMax,
  reduceMin,
  reshape,
  sub,
  transpose,
  where,
} from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import { panels, permuted } from '../weights.ts';
import { activated } from './activation.ts';
import type { NodeContext } from './context.ts';
import { dequantized } from './quantizedConversion.ts';
import { roundedAway } from './rounding.ts';

/**
 * Hybrid operators of dynamic-range models: float tensors, 8-bit weights. TFLite's reference quantizes the input anew at every call, with one scale for
 * each row of a product and for each image of a convolution, and multiplies integers. Here the input is rounded to the same steps and the product
 * computed in floats: the results differ by f32 rounding alone.
 */

/** `a` where it is not 0, else 1. */
const nonZero = (a: Value): Value => where([cast(greater([abs(a), a.graph.scalar(0)]), { to: 'i32' }), a, a.graph.scalar(1)]);

/** x in steps of max |x| / 127 over `axes` (SymmetricQuantizeFloats). */
function symmetric(x: Value, axes: readonly number[]): Value {
  const range = nonZero(reduceMax(abs(x), { axes, keepDims: true }));
  const steps = x.graph.scalar(127);
  const whole = clip(roundedAway(mul([x, div([steps, range])])), { min: -127, max: 127 });
  return mul([whole, div([range, steps])]);
}

/** x in steps of (max - min) / 255 over `axes`, 0 exactly one of them (AsymmetricQuantizeFloats). */
function asymmetric(x: Value, axes: readonly number[]): Value {
  const { graph } = x;
  const zero = graph.scalar(0);
  const low = min([reduceMin(x, { axes, keepDims: true }), zero]);
  const high = max([reduceMax(x, { axes, keepDims: true }), zero]);
  const scale = nonZero(div([sub([high, low]), graph.scalar(255)]));
  const [lowSteps, highSteps] = [div([low, scale]), div([high, scale])];
  const [fromLow, fromHigh] = [sub([graph.scalar(-128), lowSteps]), sub([graph.scalar(127), highSteps])];
  // The zero point follows from the end that is nearer to it.
  const lowNearer = cast(greater([add([graph.scalar(127), abs(highSteps)]), add([graph.scalar(128), abs(lowSteps)])]), { to: 'i32' });
  const offset = clip(roundedAway(where([lowNearer, fromLow, fromHigh])), { min: -128, max: 127 });
  const whole = clip(roundedAway(add([offset, mul([x, div([graph.scalar(1), scale])])])), { min: -128, max: 127 });
  return mul([sub([whole, offset]), scale]);
}

/** The input of a product, rounded row by row. */
export const roundedRows = (x: Value, isAsymmetric: boolean): Value => (isAsymmetric ? asymmetric : symmetric)(x, [x.shape.length - 1]);

/** Weights as floats. */
export const floatWeights = (n: NodeContext, index: number): Value => {
  const operand = n.operand(index);
  return operand.value.dtype === 'f32' ? operand.value : dequantized(operand);
};

/** x [rows, width] → [rows, units]. */
export type Product = (x: Value) => Value;

/** The product with weights [units, width] of one or more inputs, side by side; hybrid where they are integers. */
export function productOf(n: NodeContext, indexes: readonly number[], isAsymmetric: boolean): Product {
  const all = indexes.map((index) => permuted(floatWeights(n, index), [1, 0]));
  const joined = all.length === 1 ? (all[0] as Value) : n.folded(concat(all, { axis: 1 }));
  const units = joined.shape[1] as number;
  const weights = panels(joined);
  const isHybrid = n.x(indexes[0] as number).dtype !== 'f32';
  return (x) => linear([isHybrid ? roundedRows(x, isAsymmetric) : x, weights], { units });
}

export function hybridFullyConnected(n: NodeContext, x: Value, units: number, isAsymmetric: boolean, code: number): Value {
  const bias = n.has(2) ? [reshapedTo(n.f32(2), [units])] : [];
  const w = panels(permuted(floatWeights(n, 1), [1, 0]));
  return activated(n, linear([roundedRows(x, isAsymmetric), w, ...bias], { units }), code);
}

export function hybridBatchMatmul(n: NodeContext, adjX: boolean, adjY: boolean, isAsymmetric: boolean): Value {
  const x = n.f32(0);
  const rank = x.shape.length;
  const rows = adjX ? transpose(x, { perm: [...x.shape.map((_, i) => i).slice(0, -2), rank - 1, rank - 2] }) : x;
  return matmul([roundedRows(rows, isAsymmetric), floatWeights(n, 1)], { transposeB: adjY });
}

const vector = (n: NodeContext, index: number, shape: Shape): Value[] => (n.has(index) ? [reshape(n.f32(index), { shape })] : []);

/** Images are rounded without a zero point where the weights have one scale (EvalHybrid), with one where they have several (EvalHybridPerChannel). */
export function hybridConvolution(
  n: NodeContext,
  attrs: Partial<Conv2dAttributes> & { filters: number; groups: number },
  code: number,
): Value {
  const perChannel = (n.operand(1).quantization?.scales.length ?? 0) > 1;
  const image = (perChannel ? asymmetric : symmetric)(n.f32(0), [1, 2, 3]);
  const w = panels(permuted(floatWeights(n, 1), [1, 2, 3, 0]), attrs.groups);
  return activated(n, conv2d([image, w, ...vector(n, 2, [attrs.filters])], attrs), code);
}

export function hybridDepthwise(
  n: NodeContext,
  attrs: Partial<DepthwiseAttributes> & { kernel: readonly [number, number] },
  code: number,
): Value {
  const filters = n.shape(1)[3] as number;
  const w = reshapedTo(floatWeights(n, 1), [...attrs.kernel, filters]);
  return activated(n, depthwiseConv2d([asymmetric(n.f32(0), [1, 2, 3]), w, ...vector(n, 2, [filters])], attrs), code);
}
