import { defineBinary } from './binary.ts';
import type { Op } from './define.ts';

const f = (a: number, b: number): number => (a === b ? 1 : 0);

/** a = b, as 1 or 0 of the operands' dtype (both f32 or both i32), with broadcasting. */
export const equal: Op<object> = defineBinary({
  name: 'equal',
  attrs: {},
  forms: () => ({ f32: { kernel: 'equal_f32', f }, i32: { kernel: 'equal_i32', f } }),
  grad: { none: 'it is piecewise constant' },
  tolerance: 'exact',
});
