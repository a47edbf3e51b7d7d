import { type Shape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import type { Conv2dAttributes } from '../../ops/conv2d.ts';
import type { DepthwiseAttributes } from '../../ops/depthwiseConv2d.ts';
import { concat, conv2d, depthwiseConv2d, linear, matmul, reshape, roundRows, transpose } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import { panels, permuted } from '../weights.ts';
import { activated } from './activation.ts';
import type { NodeContext } from './context.ts';
import { dequantized } from './quantizedConversion.ts';

/**
 * Hybrid operators of dynamic-range models: float tensors, 8-bit weights. TFLite's reference quantizes the input anew at every call, with one scale for
 * each row of a product and for each image of a convolution, and multiplies integers. Here the input is rounded to the same steps and the product
 * computed in floats, or by a pass (`passes/roundedProducts.ts`) in 8 bits: the results differ by f32 rounding alone.
 */

/** The input of a product, rounded row by row. */
const roundedRows = (x: Value, asymmetric: boolean): Value => roundRows(x, { asymmetric });

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
  const weights = floatWeights(n, 1);
  // One matrix of weights for all is a dense layer, which multiplies in 8 bits.
  const [height, width] = weights.shape.slice(-2) as [number, number];
  const isOne = weights.origin.kind === 'const' && height * width === sizeOf(weights.shape) && weights.shape.length <= rank;
  if (!isOne) return matmul([roundedRows(rows, isAsymmetric), weights], { transposeB: adjY });
  const w = permuted(reshapedTo(weights, [height, width]), adjY ? [1, 0] : [0, 1]);
  return linear([roundedRows(rows, isAsymmetric), panels(n.folded(w))], { units: adjY ? height : width });
}

const vector = (n: NodeContext, index: number, shape: Shape): Value[] => (n.has(index) ? [reshape(n.f32(index), { shape })] : []);

/** Images are rounded without a zero point where the weights have one scale, if for each filter (EvalHybrid), with one where they have several (EvalHybridPerChannel). */
export function hybridConvolution(
  n: NodeContext,
  attrs: Partial<Conv2dAttributes> & { filters: number; groups: number },
  code: number,
): Value {
  const { scales = [] } = n.operand(1).quantization ?? {};
  const perChannel = scales.some((scale) => scale !== scales[0]);
  const image = roundRows(n.f32(0), { axis: 1, asymmetric: perChannel });
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
  return activated(n, depthwiseConv2d([roundRows(n.f32(0), { axis: 1, asymmetric: true }), w, ...vector(n, 2, [filters])], attrs), code);
}

/** The float image of a transposed convolution, rounded where its filters are integers (EvalHybrid of TRANSPOSE_CONV). */
export function hybridImage(n: NodeContext, index: number): Value {
  const image = n.f32(index);
  return n.x(1).dtype === 'f32' ? image : roundRows(image, { axis: 1, asymmetric: true });
}
