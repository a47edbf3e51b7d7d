import type { Value } from '../../ir/graph.ts';
import { add, averagePool2d, div, logSoftmax, max, mul, pow, reduceSquares, softmax, sqrt, square } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import { activated } from './activation.ts';
import { isQuantized, type NodeContext, type Result, type Rows } from './context.ts';
import { l2NormOptions, localResponseNormalizationOptions, softmaxOptions } from './options.ts';
import { quantizedL2Normalization, quantizedLogSoftmax, quantizedSoftmax } from './quantizedLayers.ts';

function softmaxRow(n: NodeContext): Result {
  const { beta } = n.options(softmaxOptions);
  if (isQuantized(n.operand(0))) return quantizedSoftmax(n, beta);
  const x = n.f32(0);
  return softmax(beta === 1 ? x : mul([x, n.graph.scalar(beta)]));
}

/** x / max(√Σx², 1e-6) over the last axis. */
function l2Normalization(n: NodeContext): Result {
  if (isQuantized(n.operand(0))) return quantizedL2Normalization(n);
  const x = n.f32(0);
  const norm = sqrt(reduceSquares(x, { axes: [-1], keepDims: true }));
  return activated(n, div([x, max([norm, n.graph.scalar(1e-6)])]), n.options(l2NormOptions).fusedActivationFunction);
}

/** x / (bias + alpha Σ x²)^beta over the channels c - radius to c + radius - 1, as TFLite has it (Krizhevsky et al. 2012 have c + radius too). */
function localResponseNormalization(n: NodeContext): Value {
  const { radius, bias, alpha, beta } = n.options(localResponseNormalizationOptions);
  if (radius < 1) n.refuse(`radius ${radius}`, { expected: 'at least 1' });
  const x = n.f32(0);
  const channels = x.shape.at(-1) as number;
  const rows = x.shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const width = 2 * radius;
  // The mean over a window that counts its padding, times its width, is the sum.
  const mean = averagePool2d(square(reshapedTo(x, [rows, channels, 1, 1])), {
    kernel: [width, 1],
    strides: [1, 1],
    padding: [radius, radius - 1, 0, 0],
    includePad: true,
  });
  const sum = mul([reshapedTo(mean, x.shape), n.graph.scalar(width * alpha)]);
  return mul([x, pow([add([sum, n.graph.scalar(bias)]), n.graph.scalar(-beta)])]);
}

/** Functions of whole rows. */
export const layers: Rows = {
  SOFTMAX: softmaxRow,
  LOG_SOFTMAX: (n) => (isQuantized(n.operand(0)) ? quantizedLogSoftmax(n) : logSoftmax(n.f32(0))),
  L2_NORMALIZATION: l2Normalization,
  LOCAL_RESPONSE_NORMALIZATION: localResponseNormalization,
};
