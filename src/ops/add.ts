import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { sumTo } from './sumTo.ts';

/** a + b, with broadcasting. */
export const add: Op<object> = defineBinary({
  name: 'add',
  kernel: 'add_f32',
  f: (a, b) => a + b,
  grad: (context, [given]) => {
    const { a, b, dy } = operands(context, given);
    return [sumTo(dy, a.shape), sumTo(dy, b.shape)];
  },
  tolerance: { rtol: 1e-6, atol: 1e-7 },
});
