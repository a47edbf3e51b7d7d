import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { greater } from './greater.ts';
import { greaterOrEqual } from './greaterOrEqual.ts';
import { mul } from './mul.ts';
import { sumTo } from './sumTo.ts';

/** max(a, b); where both are equal the gradient goes to a, with broadcasting. */
export const max: Op<object> = defineBinary({
  name: 'max',
  kernel: 'max_f32',
  f: (a, b) => Math.max(a, b),
  grad: (context, [given]) => {
    const { a, b, dy, wants } = operands(context, given);
    return [
      wants[0] ? sumTo(mul([dy, greaterOrEqual([a, b])]), a.shape) : null,
      wants[1] ? sumTo(mul([dy, greater([b, a])]), b.shape) : null,
    ];
  },
  tolerance: 'exact',
});
