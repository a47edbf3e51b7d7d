import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { defineReduce, type ReduceAttributes } from './reduce.ts';
import { extremumGrad } from './reduceExtremum.ts';

/** The smallest x (f32 or i32) over `axes`; of nothing infinity, or the greatest i32. Equal extrema share the gradient, as in JAX and TensorFlow. */
export const reduceMin: Op<ReduceAttributes> = defineReduce({
  name: 'reduceMin',
  kernel: 'reduce_min_f32',
  start: Number.POSITIVE_INFINITY,
  f: Math.min,
  i32: { kernel: 'reduce_min_i32', start: 2 ** 31 - 1, f: Math.min },
  grad: ({ inputs: [x], outputs: [y], attrs }, [dy]) => [extremumGrad(x as Value, y as Value, dy as Value, attrs)],
  tolerance: 'exact',
});
