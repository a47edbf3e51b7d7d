import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { sumTo } from './sumTo.ts';

/** a · b, with broadcasting. */
export const mul: Op<object> = defineBinary({
  name: 'mul',
  kernel: 'mul_f32',
  f: (a, b) => a * b,
  grad: (context, [given]) => {
    const { a, b, dy, wants } = operands(context, given);
    return [wants[0] ? sumTo(mul([dy, b]), a.shape) : null, wants[1] ? sumTo(mul([dy, a]), b.shape) : null];
  },
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
