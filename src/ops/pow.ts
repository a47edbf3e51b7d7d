import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { log } from './log.ts';
import { mul } from './mul.ts';
import { sub } from './sub.ts';
import { sumTo } from './sumTo.ts';

/** a to the power b, with broadcasting. */
export const pow: Op<object> = defineBinary({
  name: 'pow',
  kernel: 'pow_f32',
  f: (a, b) => a ** b,
  grad: (context, [given]) => {
    const { a, b, y, dy, wants } = operands(context, given);
    return [
      wants[0] ? sumTo(mul([dy, mul([b, pow([a, sub([b, b.graph.scalar(1)])])])]), a.shape) : null,
      wants[1] ? sumTo(mul([dy, mul([y, log(a)])]), b.shape) : null,
    ];
  },
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
