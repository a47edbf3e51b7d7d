import type { Value } from '../../ir/graph.ts';
import { cast, clip, div, logSoftmax, max, mul, reduceSquares, softmaxInt8, softmaxInt16, sqrt } from '../../ops/index.ts';
import { softmaxScaling } from '../../ops/softmaxInt8.ts';
import { softmaxTables } from '../../ops/softmaxInt16.ts';
import type { NodeContext } from './context.ts';
import { factor, scaleIn, scaleOut } from './quantization.ts';
import { dequantized, quantizedTo } from './quantizedConversion.ts';
import { roundedAway } from './rounding.ts';

export function quantizedSoftmax(n: NodeContext, beta: number): Value {
  if (n.x(0).dtype !== 'i8') {
    const { powers, reciprocals } = softmaxTables();
    return softmaxInt16([n.x(0), n.integers(powers), n.integers(reciprocals)], factor((scaleIn(n, 0).scale * beta) / (10 / 65535)));
  }
  return softmaxInt8(n.x(0), softmaxScaling(scaleIn(n, 0).scale, beta));
}

/** Through floats, whose result is rounded. */
export const quantizedLogSoftmax = (n: NodeContext): Value => quantizedTo(n, logSoftmax(dequantized(n.operand(0))), scaleOut(n));

/** x / √Σx² in steps of 1/128. */
export function quantizedL2Normalization(n: NodeContext): Value {
  const { zero } = scaleIn(n, 0);
  const x = dequantized({
    ...n.operand(0),
    quantization: { scales: [1], zeroPoints: [zero + (n.elem(0) === 'uint8' ? 128 : 0)], axis: 0 },
  });
  const norm = max([sqrt(reduceSquares(x, { axes: [-1], keepDims: true })), n.graph.scalar(1)]);
  return cast(clip(roundedAway(mul([div([x, norm]), n.graph.scalar(128)])), { min: -128, max: 127 }), { to: 'i8' });
}
