import { defineBinary } from './binary.ts';
import type { Op } from './define.ts';

/** a & b of two i32, with broadcasting. */
export const bitwiseAnd: Op<object> = defineBinary({
  name: 'bitwiseAnd',
  attrs: {},
  forms: () => ({ i32: { kernel: 'bitwise_and_i32', f: (a, b) => a & b } }),
  grad: { none: 'bits have no slope' },
  tolerance: 'exact',
});
