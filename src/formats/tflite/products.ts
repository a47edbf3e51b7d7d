import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { linear, matmul } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import { panels, permuted } from '../weights.ts';
import { activated } from './activation.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { hybridBatchMatmul, hybridFullyConnected } from './hybrid.ts';
import { batchMatMulOptions, fullyConnectedOptions } from './options.ts';
import { quantizedBatchMatmul, quantizedFullyConnected } from './quantizedProducts.ts';

/** x as rows of the width that weights [units, width] take, and the shape of the result. */
function rowsFor(n: NodeContext, keepNumDims: boolean): { x: Value; units: number; shape: number[] } {
  const [units = 0, width = 0] = n.shape(1);
  const given = n.x(0);
  const rows = sizeOf(given.shape) / width;
  if (n.shape(1).length !== 2 || !Number.isInteger(rows)) {
    throw new ThimbleError('SHAPE', 'the weights do not fit', {
      expected: `[units, width] for x ${formatShape(given.shape)}`,
      got: formatShape(n.shape(1)),
    });
  }
  return { x: reshapedTo(given, [rows, width]), units, shape: keepNumDims ? [...given.shape.slice(0, -1), units] : [rows, units] };
}

function fullyConnected(n: NodeContext): Result {
  const options = n.options(fullyConnectedOptions);
  if (options.weightsFormat !== 0) n.refuse(`weights format ${options.weightsFormat}`, { expected: 'the default' });
  const { x, units, shape } = rowsFor(n, options.keepNumDims !== 0);
  const code = options.fusedActivationFunction;
  if (x.dtype !== 'f32') return reshapedTo(quantizedFullyConnected(n, x, units, code), shape);
  if (n.x(1).dtype !== 'f32') return reshapedTo(hybridFullyConnected(n, x, units, options.asymmetricQuantizeInputs !== 0, code), shape);
  const bias = n.has(2) ? [reshapedTo(n.f32(2), [units])] : [];
  return reshapedTo(activated(n, linear([x, panels(permuted(n.f32(1), [1, 0])), ...bias], { units, ordered: n.ordered }), code), shape);
}

function batchMatmul(n: NodeContext): Result {
  const { adjX, adjY, asymmetricQuantizeInputs } = n.options(batchMatMulOptions);
  const [x, y] = [n.x(0), n.x(1)];
  if (x.dtype !== 'f32') return quantizedBatchMatmul(n, adjX !== 0, adjY !== 0);
  if (y.dtype !== 'f32') return hybridBatchMatmul(n, adjX !== 0, adjY !== 0, asymmetricQuantizeInputs !== 0);
  if (y.origin.kind === 'const' && y.shape.length === 2 && !adjX) {
    const units = y.shape[adjY ? 0 : 1] as number;
    return linear([x, panels(adjY ? permuted(y, [1, 0]) : y)], { units });
  }
  return matmul([x, y], { transposeA: adjX !== 0, transposeB: adjY !== 0 });
}

/** Matrix products. */
export const products: Rows = {
  FULLY_CONNECTED: fullyConnected,
  BATCH_MATMUL: batchMatmul,
};
