import type { Value } from '../ir/graph.ts';
import { broadcast } from './broadcast.ts';
import type { Op } from './define.ts';
import { defineReduce, type ReduceAttributes, reducedShape } from './reduce.ts';
import { reshape } from './reshape.ts';

/** Σ x over `axes`; x is f32, or i32, which wraps. */
export const reduceSum: Op<ReduceAttributes> = defineReduce({
  name: 'reduceSum',
  kernel: 'reduce_sum_f32',
  start: 0,
  f: (sum, x) => sum + x,
  i32: { kernel: 'reduce_sum_i32', start: 0, f: (sum, x) => (sum + x) | 0 },
  grad: ({ inputs: [x], attrs }, [dy]) => [spread(dy as Value, x as Value, attrs)],
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});

/** `reduced` (a reduction's result or its gradient) repeated over the reduced axes of `x`. */
export function spread(reduced: Value, x: Value, { axes }: ReduceAttributes): Value {
  return broadcast(reshape(reduced, { shape: reducedShape(x.shape, axes, true) }), { shape: x.shape });
}
