import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { defineReduce, type ReduceAttributes } from './reduce.ts';
import { extremumGrad } from './reduceExtremum.ts';

/** The largest x (f32 or i32) over `axes`; of nothing -infinity, or the least i32. Equal extrema share the gradient, as in JAX and TensorFlow. */
export const reduceMax: Op<ReduceAttributes> = defineReduce({
  name: 'reduceMax',
  kernel: 'reduce_max_f32',
  start: Number.NEGATIVE_INFINITY,
  f: Math.max,
  i32: { kernel: 'reduce_max_i32', start: -(2 ** 31), f: Math.max },
  grad: ({ inputs: [x], outputs: [y], attrs }, [dy]) => [extremumGrad(x as Value, y as Value, dy as Value, attrs)],
  tolerance: 'exact',
});
