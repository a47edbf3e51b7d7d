import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { sumTo } from './sumTo.ts';

/** a / b, with broadcasting; both f32 or both i32. Integers truncate towards 0, and a / 0 is 0. */
export const div: Op<object> = defineBinary({
  name: 'div',
  attrs: {},
  forms: () => ({
    f32: { kernel: 'div_f32', f: (a, b) => a / b },
    i32: { kernel: 'div_i32', f: (a, b) => (b === 0 ? 0 : (a / b) | 0) },
  }),
  grad: (context, [given]) => {
    const { a, b, y, dy, wants } = operands(context, given);
    return [wants[0] ? sumTo(div([dy, b]), a.shape) : null, wants[1] ? sumTo(neg(div([mul([dy, y]), b])), b.shape) : null];
  },
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
