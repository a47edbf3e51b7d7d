import { defineBinary } from './binary.ts';
import type { Op } from './define.ts';

/** a ^ b of two i32, with broadcasting. */
export const bitwiseXor: Op<object> = defineBinary({
  name: 'bitwiseXor',
  attrs: {},
  forms: () => ({ i32: { kernel: 'bitwise_xor_i32', f: (a, b) => a ^ b } }),
  grad: { none: 'bits have no slope' },
  tolerance: 'exact',
});
