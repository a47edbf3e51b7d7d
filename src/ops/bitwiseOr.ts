import { defineBinary } from './binary.ts';
import type { Op } from './define.ts';

/** a | b of two i32, with broadcasting. */
export const bitwiseOr: Op<object> = defineBinary({
  name: 'bitwiseOr',
  attrs: {},
  forms: () => ({ i32: { kernel: 'bitwise_or_i32', f: (a, b) => a | b } }),
  grad: { none: 'bits have no slope' },
  tolerance: 'exact',
});
