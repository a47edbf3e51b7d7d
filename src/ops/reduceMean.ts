import { sizeOf } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { defineReduce, type ReduceAttributes } from './reduce.ts';
import { spread } from './reduceSum.ts';

/** The mean of x over `axes`; over all positions of an image it is global average pooling. */
export const reduceMean: Op<ReduceAttributes> = defineReduce({
  name: 'reduceMean',
  kernel: 'reduce_sum_f32',
  start: 0,
  f: (sum, x) => sum + x,
  divisor: (count) => count,
  grad: ({ inputs: [x], outputs: [y], attrs }, [dy]) => {
    const { graph, shape } = x as Value;
    const share = graph.scalar(sizeOf((y as Value).shape) / sizeOf(shape));
    return [spread(mul([dy as Value, share]), x as Value, attrs)];
  },
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
