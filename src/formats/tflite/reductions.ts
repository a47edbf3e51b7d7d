import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { div, reduceMax, reduceMean, reduceMin, reduceProd, reduceSum } from '../../ops/index.ts';
import { narrowed } from './arithmetic.ts';
import { isQuantized, type NodeContext, type Row, type Rows } from './context.ts';
import { reducerOptions } from './options.ts';
import { quantizedProduct, quantizedReduction } from './quantizedReduction.ts';

export interface Over {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

const over = (n: NodeContext): Over => ({
  axes: [...new Set(n.axes(1))].sort((a, b) => a - b),
  keepDims: n.options(reducerOptions).keepDims !== 0,
});

const reduction =
  (reduce: (x: Value, over: Over) => Value, quantized?: Parameters<typeof quantizedReduction>[1] | 'PROD'): Row =>
  (n) => {
    const operand = n.operand(0);
    if (isQuantized(operand)) {
      if (!quantized) return n.refuse('quantized operands');
      return quantized === 'PROD' ? quantizedProduct(n, over(n)) : quantizedReduction(n, quantized, over(n));
    }
    return narrowed(n, reduce(operand.value.dtype === 'f32' ? operand.value : n.i32(0), over(n)));
  };

/** Integers divide towards 0. */
function mean(x: Value, { axes, keepDims }: Over): Value {
  if (x.dtype === 'f32') return reduceMean(x, { axes, keepDims });
  const count = sizeOf(axes.map((axis) => x.shape[axis] as number));
  return div([reduceSum(x, { axes, keepDims }), x.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(count) })]);
}

/** Sums, means and extremes over axes. */
export const reductions: Rows = {
  MEAN: reduction(mean, 'MEAN'),
  SUM: reduction(reduceSum, 'SUM'),
  REDUCE_PROD: reduction(reduceProd, 'PROD'),
  REDUCE_MAX: reduction(reduceMax, 'MAX'),
  REDUCE_MIN: reduction(reduceMin, 'MIN'),
  REDUCE_ANY: reduction(reduceMax),
  REDUCE_ALL: reduction(reduceMin),
};
