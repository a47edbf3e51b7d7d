import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { log } from './log.ts';
import { mul } from './mul.ts';
import { sub } from './sub.ts';
import { sumTo } from './sumTo.ts';

/** Wraps; truncates where b < 0. */
function integerPower(a: number, b: number): number {
  if (b < 0) return Math.abs(a) === 1 ? a ** Math.abs(b % 2) : 0;
  let product = 1;
  for (let i = 0; i < b; i++) product = Math.imul(product, a);
  return product;
}

/** a to the power b, with broadcasting; both f32 or both i32, which wraps and truncates towards 0. */
export const pow: Op<object> = defineBinary({
  name: 'pow',
  attrs: {},
  forms: () => ({ f32: { kernel: 'pow_f32', f: (a, b) => a ** b }, i32: { kernel: 'pow_i32', f: integerPower } }),
  grad: (context, [given]) => {
    const { a, b, y, dy, wants } = operands(context, given);
    return [
      wants[0] ? sumTo(mul([dy, mul([b, pow([a, sub([b, b.graph.scalar(1)])])])]), a.shape) : null,
      wants[1] ? sumTo(mul([dy, mul([y, log(a)])]), b.shape) : null,
    ];
  },
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
