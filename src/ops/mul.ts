import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { sumTo } from './sumTo.ts';

/** a · b, with broadcasting; both f32 or both i32, which wraps. */
export const mul: Op<object> = defineBinary({
  name: 'mul',
  attrs: {},
  forms: () => ({
    f32: { kernel: 'mul_f32', f: (a, b) => a * b },
    i32: { kernel: 'mul_i32', f: (a, b) => Math.imul(a, b) },
  }),
  grad: (context, [given]) => {
    const { a, b, dy, wants } = operands(context, given);
    return [wants[0] ? sumTo(mul([dy, b]), a.shape) : null, wants[1] ? sumTo(mul([dy, a]), b.shape) : null];
  },
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
