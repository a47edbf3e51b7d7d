import type { Value } from '../../ir/graph.ts';
import { l2NormalizationInt8, logSoftmaxInt8, softmaxInt8, softmaxInt16 } from '../../ops/index.ts';
import { logSoftmaxScaling } from '../../ops/logSoftmaxInt8.ts';
import { softmaxScaling } from '../../ops/softmaxInt8.ts';
import { softmaxTables } from '../../ops/softmaxInt16.ts';
import type { NodeContext } from './context.ts';
import { factor, scaleIn } from './quantization.ts';

export function quantizedSoftmax(n: NodeContext, beta: number): Value {
  if (n.x(0).dtype !== 'i8') {
    const { powers, reciprocals } = softmaxTables();
    return softmaxInt16(
      [n.x(0), n.integers(powers), n.integers(reciprocals)],
      factor(Math.fround(scaleIn(n, 0).scale * beta) / (10 / 65535)),
    );
  }
  return softmaxInt8(n.x(0), softmaxScaling(scaleIn(n, 0).scale, beta));
}

export const quantizedLogSoftmax = (n: NodeContext): Value => logSoftmaxInt8(n.x(0), logSoftmaxScaling(scaleIn(n, 0).scale));

/** x / √Σx² in steps of 1/128. */
export const quantizedL2Normalization = (n: NodeContext): Value =>
  l2NormalizationInt8(n.x(0), { zero: scaleIn(n, 0).zero, leftShift: n.elem(0) === 'uint8' ? 7 : 0 });
