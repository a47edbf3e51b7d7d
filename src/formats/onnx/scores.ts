import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { abs, cast, div, exp, greater, max, mul, reduceMax, reduceSum, sigmoid, softmax, sub } from '../../ops/index.ts';
import type { NodeContext } from './context.ts';
import { reshapedTo } from './shapes.ts';

/** `value` as f32. */
export const float = (value: Value): Value => (value.dtype === 'f32' ? value : cast(value, { to: 'f32' }));

/** [N, F] of x [F] or [N, F], as floats. */
export function rows(n: NodeContext): Value {
  const x = float(n.x(0));
  return x.shape.length === 2
    ? x
    : reshapedTo(x, x.shape.length === 1 ? [1, sizeOf(x.shape)] : [x.shape[0] as number, sizeOf(x.shape.slice(1))]);
}

/** Scores [N, E] after `kind`, the post_transform of classifiers and regressors. @throws UNSUPPORTED_ATTR for PROBIT. */
export function transformed(n: NodeContext, scores: Value, kind: string = n.text('post_transform', 'NONE')): Value {
  switch (kind) {
    case 'NONE':
      return scores;
    case 'LOGISTIC':
      return sigmoid(scores);
    case 'SOFTMAX':
      return softmax(scores);
    case 'SOFTMAX_ZERO': {
      // Zeros stay (nearly) zero: they get e^-max instead of e^(0 - max).
      const largest = reduceMax(scores, { axes: [1], keepDims: true });
      const isZero = sub([n.graph.scalar(1), greater([abs(scores), n.graph.scalar(1e-7)])]);
      const powers = mul([exp(sub([scores, largest])), sub([n.graph.scalar(1), isZero])]);
      return div([powers, max([reduceSum(powers, { axes: [1], keepDims: true }), n.graph.scalar(1e-30)])]);
    }
    default:
      return n.refuse(`post_transform "${kind}"`, { expected: 'NONE, LOGISTIC, SOFTMAX or SOFTMAX_ZERO' });
  }
}

/** Class labels as numbers. @throws UNSUPPORTED_ATTR for strings. */
export function classLabels(n: NodeContext): number[] {
  if (n.texts('classlabels_strings').length) n.refuse('labels that are strings', { expected: 'classlabels_ints' });
  return n.ints('classlabels_ints', n.ints('classlabels_int64s'));
}
