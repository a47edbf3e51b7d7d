import { ThimbleError } from '../../core/errors.ts';
import type { Value } from '../../ir/graph.ts';
import { isConstant } from '../../ops/evaluate.ts';
import { add, cast, matmul, requantize, sub } from '../../ops/index.ts';
import { part } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { factor, type Scale, scaleIn, scaleOut } from './quantization.ts';
import { biasOf, productFactors, quantizedRows, weightsOf } from './quantizedConvolution.ts';
import { rowsInt16 } from './quantizedInt16.ts';

/** FULLY_CONNECTED of rows x with weights [units, width]. */
export function quantizedFullyConnected(n: NodeContext, x: Value, units: number, code: number): Value {
  if (!isConstant(n.x(1))) {
    if (x.dtype !== 'i8' || n.has(2)) throw new ThimbleError('UNSUPPORTED_ATTR', 'quantized weights that are computed, with a bias');
    return integerProduct(n, x, n.x(1), false, true);
  }
  const weights = weightsOf(n, 1, [1, 0]);
  if (x.dtype !== 'i8') return rowsInt16(n, x, weights, code);
  const { multiplier, shift } = productFactors(n, 0, weights);
  return quantizedRows(n, x, weights, biasOf(n, 2, units), code, [multiplier, shift], 'single');
}

/** Sums of products of 8-bit numbers without their zero points stay exact in f32 as long as there are this many. */
const EXACT = 256;

/** x · y of i8 where both are computed: exact in floats, a piece of the depth at a time. */
function integerProduct(n: NodeContext, x: Value, y: Value, adjX: boolean, adjY: boolean): Value {
  const [a, b, to] = [scaleIn(n, 0), scaleIn(n, 1), scaleOut(n)];
  const centred = (value: Value, { zero }: Scale) => {
    const float = cast(value, { to: 'f32' });
    return zero === 0 ? float : sub([float, n.graph.scalar(zero)]);
  };
  const [left, right] = [centred(x, a), centred(y, b)];
  const [xAxis, yAxis] = [x.shape.length - (adjX ? 2 : 1), y.shape.length - (adjY ? 1 : 2)];
  const depth = x.shape[xAxis] as number;
  const sums: Value[] = [];
  for (let start = 0; start < depth; start += EXACT) {
    const size = Math.min(EXACT, depth - start);
    const product = matmul([part(left, xAxis, start, size), part(right, yAxis, start, size)], { transposeA: adjX, transposeB: adjY });
    sums.push(cast(product, { to: 'i32' }));
  }
  const { multiplier, shift } = factor(Math.fround(a.scale * b.scale) / to.scale);
  const sum = sums.reduce((p, q) => add([p, q]));
  return requantize([sum, n.integers([multiplier]), n.integers([shift])], {
    yZero: to.zero,
    low: to.low,
    high: to.high,
    rounding: 'double',
  });
}

export function quantizedBatchMatmul(n: NodeContext, adjX: boolean, adjY: boolean): Value {
  if (n.x(0).dtype !== 'i8' || n.x(1).dtype !== 'i8') return n.refuse('int16 operands');
  return integerProduct(n, n.x(0), n.x(1), adjX, adjY);
}
