import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { sumTo } from './sumTo.ts';

/** a + b, with broadcasting; both f32 or both i32, which wraps. */
export const add: Op<object> = defineBinary({
  name: 'add',
  attrs: {},
  forms: () => ({
    f32: { kernel: 'add_f32', f: (a, b) => a + b },
    i32: { kernel: 'add_i32', f: (a, b) => (a + b) | 0 },
  }),
  grad: (context, [given]) => {
    const { a, b, dy } = operands(context, given);
    return [sumTo(dy, a.shape), sumTo(dy, b.shape)];
  },
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
