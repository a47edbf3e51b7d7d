import type { Op } from './define.ts';
import { defineUnary } from './unary.ts';

const nearest = (x: number): number => {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
};

/** The whole number nearest to x; halves go to the even neighbour. */
export const round: Op<object> = defineUnary({
  name: 'round',
  attrs: {},
  kernel: 'round_f32',
  f: nearest,
  grad: { none: 'its slope is 0 wherever it has one' },
  tolerance: 'exact',
});
