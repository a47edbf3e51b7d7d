import { broadcastShapes, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { isConstant } from '../../ops/evaluate.ts';
import { add, broadcast, cast, matmul, requantize, sub, transpose } from '../../ops/index.ts';
import { part, reshapedTo } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { activationRange, factor, type Scale, scaleIn, scaleOut } from './quantization.ts';
import { biasOf, productFactors, quantizedRows, weightsOf } from './quantizedConvolution.ts';
import { computedRowsInt16, productInt16, rowsInt16 } from './quantizedInt16.ts';

/** FULLY_CONNECTED of rows x with weights [units, width]. */
export function quantizedFullyConnected(n: NodeContext, x: Value, units: number, code: number): Value {
  if (!isConstant(n.x(1))) {
    if (x.dtype !== 'i8') return computedRowsInt16(n, x, n.x(1), code);
    const [bias, scale] = [biasOf(n, 2, units), scaleIn(n, 0).scale * scaleIn(n, 1).scale];
    return integerProduct(n, x, n.x(1), false, true, { bias, scale, rounding: 'single', ...activationRange(n, code) });
  }
  const weights = weightsOf(n, 1, [1, 0]);
  if (x.dtype !== 'i8') return rowsInt16(n, x, weights, code);
  const { multiplier, shift } = productFactors(n, 0, weights);
  return quantizedRows(n, x, weights, biasOf(n, 2, units), code, [multiplier, shift], 'single');
}

/** Sums of products of 8-bit numbers without their zero points stay exact in f32 as long as there are this many. */
const EXACT = 256;

interface Output {
  readonly bias?: readonly number[];
  /** Of the sums. */
  readonly scale: number;
  readonly rounding: 'double' | 'single';
  readonly low: number;
  readonly high: number;
}

/** x · y of i8 where both are computed: exact in floats, a piece of the depth at a time. */
function integerProduct(n: NodeContext, x: Value, y: Value, adjX: boolean, adjY: boolean, { bias, scale, ...output }: Output): Value {
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
    const sum = matmul([part(left, xAxis, start, size), part(right, yAxis, start, size)], { transposeA: adjX, transposeB: adjY });
    sums.push(cast(sum, { to: 'i32' }));
  }
  const { multiplier, shift } = factor(scale / to.scale);
  const total = sums.reduce((p, q) => add([p, q]));
  const biased = bias?.some((one) => one !== 0) ? add([total, n.integers(bias)]) : total;
  return requantize([biased, n.integers([multiplier]), n.integers([shift])], { yZero: to.zero, ...output });
}

/** The last two axes changed places. */
function turned(x: Value): Value {
  const axes = x.shape.map((_, i) => i);
  const [row, column] = axes.splice(-2) as [number, number];
  return transpose(x, { perm: [...axes, column, row] });
}

/** x · y of int16 over batches that broadcast. */
function batchesInt16(n: NodeContext, x: Value, y: Value): Value {
  const batches = broadcastShapes(x.shape.slice(0, -2), y.shape.slice(0, -2));
  const flat = (value: Value) => {
    const matrix = value.shape.slice(-2);
    const whole = value.shape.slice(0, -2).join() === batches.join() ? value : broadcast(value, { shape: [...batches, ...matrix] });
    return reshapedTo(whole, [sizeOf(batches), ...matrix]);
  };
  return reshapedTo(productInt16(n, flat(x), flat(y)), [...batches, x.shape.at(-2) as number, y.shape.at(-1) as number]);
}

export function quantizedBatchMatmul(n: NodeContext, adjX: boolean, adjY: boolean): Value {
  const [x, y] = [n.x(0), n.x(1)];
  if (x.dtype !== y.dtype) return n.refuse('operands of two types');
  if (x.dtype !== 'i8') return batchesInt16(n, adjX ? turned(x) : x, adjY ? turned(y) : y);
  const { low, high } = scaleOut(n);
  // In float here and in double in dense layers (the two overloads of GetQuantizedConvolutionMultipler).
  const scale = Math.fround(scaleIn(n, 0).scale * scaleIn(n, 1).scale);
  return integerProduct(n, x, y, adjX, adjY, { scale, rounding: 'double', low, high });
}
