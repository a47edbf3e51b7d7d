import { defineBinary } from './binary.ts';
import type { Op } from './define.ts';

/** a >>> b of two i32 (by b modulo 32): zeros come in from the left, with broadcasting. */
export const shiftRight: Op<object> = defineBinary({
  name: 'shiftRight',
  attrs: {},
  forms: () => ({ i32: { kernel: 'shift_right_i32', f: (a, b) => (a >>> b) | 0 } }),
  grad: { none: 'bits have no slope' },
  tolerance: 'exact',
});
