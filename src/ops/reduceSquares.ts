import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { defineReduce, type ReduceAttributes } from './reduce.ts';
import { spread } from './reduceSum.ts';

/** Σ x² over `axes` in one pass over x: what gradient norms and L2 penalties need. */
export const reduceSquares: Op<ReduceAttributes> = defineReduce({
  name: 'reduceSquares',
  kernel: 'reduce_squares_f32',
  next: 'reduce_sum_f32',
  start: 0,
  f: (sum, x) => sum + x * x,
  grad: ({ inputs: [x], attrs }, [dy]) => {
    const two = (x as Value).graph.scalar(2);
    return [mul([spread(mul([dy as Value, two]), x as Value, attrs), x as Value])];
  },
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});
