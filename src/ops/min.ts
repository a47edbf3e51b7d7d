import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { greater } from './greater.ts';
import { greaterOrEqual } from './greaterOrEqual.ts';
import { mul } from './mul.ts';
import { sumTo } from './sumTo.ts';

const f = (a: number, b: number): number => Math.min(a, b);

/** min(a, b); where both are equal the gradient goes to a, with broadcasting; both f32, i32 or i8. */
export const min: Op<object> = defineBinary({
  name: 'min',
  attrs: {},
  forms: () => ({ f32: { kernel: 'min_f32', f }, i32: { kernel: 'min_i32', f }, i8: { kernel: 'min_s8', f } }),
  grad: (context, [given]) => {
    const { a, b, dy, wants } = operands(context, given);
    return [
      wants[0] ? sumTo(mul([dy, greaterOrEqual([b, a])]), a.shape) : null,
      wants[1] ? sumTo(mul([dy, greater([a, b])]), b.shape) : null,
    ];
  },
  tolerance: 'exact',
});
