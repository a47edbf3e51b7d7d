import { defineBinary } from './binary.ts';
import type { Op } from './define.ts';

/** a << b of two i32 (by b modulo 32), with broadcasting. */
export const shiftLeft: Op<object> = defineBinary({
  name: 'shiftLeft',
  attrs: {},
  forms: () => ({ i32: { kernel: 'shift_left_i32', f: (a, b) => a << b } }),
  grad: { none: 'bits have no slope' },
  tolerance: 'exact',
});
