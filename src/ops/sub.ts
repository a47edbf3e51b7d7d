import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { neg } from './neg.ts';
import { sumTo } from './sumTo.ts';

/** a - b, with broadcasting; both f32 or both i32, which wraps. */
export const sub: Op<object> = defineBinary({
  name: 'sub',
  attrs: {},
  forms: () => ({
    f32: { kernel: 'sub_f32', f: (a, b) => a - b },
    i32: { kernel: 'sub_i32', f: (a, b) => (a - b) | 0 },
  }),
  grad: (context, [given]) => {
    const { a, b, dy, wants } = operands(context, given);
    return [sumTo(dy, a.shape), wants[1] ? sumTo(neg(dy), b.shape) : null];
  },
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
