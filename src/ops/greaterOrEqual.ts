import { defineBinary } from './binary.ts';
import type { Op } from './define.ts';

/** a >= b, as 1 or 0, with broadcasting. */
export const greaterOrEqual: Op<object> = defineBinary({
  name: 'greaterOrEqual',
  kernel: 'greater_or_equal_f32',
  f: (a, b) => (a >= b ? 1 : 0),
  grad: { none: 'it is piecewise constant' },
  tolerance: 'exact',
});
