import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { defineReduce, type ReduceAttributes } from './reduce.ts';
import { spread } from './reduceSum.ts';

/** Π x over `axes`; x is f32, or i32, which wraps. The gradient divides by x: it is NaN where x is 0. */
export const reduceProd: Op<ReduceAttributes> = defineReduce({
  name: 'reduceProd',
  kernel: 'reduce_prod_f32',
  start: 1,
  f: (product, x) => product * x,
  i32: { kernel: 'reduce_prod_i32', start: 1, f: Math.imul },
  grad: ({ inputs: [x], outputs: [y], attrs }, [dy]) => [div([spread(mul([dy as Value, y as Value]), x as Value, attrs), x as Value])],
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
