import { defineBinary, operands } from './binary.ts';
import type { Op } from './define.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { sub } from './sub.ts';
import { sumTo } from './sumTo.ts';

export interface ModAttributes {
  /** The sign of the remainder: a's, as C's fmod (true), or b's, as Python's % (false). */
  readonly fmod: boolean;
}

const truncated = (a: number, b: number): number => a % b;

const floored = (a: number, b: number): number => {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
};

const integer = (f: typeof truncated) => (a: number, b: number) => (b === 0 ? 0 : f(a, b));

/** The remainder of a / b, with broadcasting; both f32 (NaN for b = 0) or both i32 (0 for b = 0). */
export const mod: Op<ModAttributes> = defineBinary<ModAttributes>({
  name: 'mod',
  attrs: { fmod: false },
  forms: ({ fmod }) =>
    fmod
      ? { f32: { kernel: 'fmod_f32', f: truncated }, i32: { kernel: 'fmod_i32', f: integer(truncated) } }
      : { f32: { kernel: 'mod_f32', f: floored }, i32: { kernel: 'mod_i32', f: integer(floored) } },
  grad: (context, [given]) => {
    const { a, b, y, dy, wants } = operands(context, given);
    const quotient = () => div([sub([a, y]), b]);
    return [wants[0] ? sumTo(dy, a.shape) : null, wants[1] ? sumTo(neg(mul([dy, quotient()])), b.shape) : null];
  },
  tolerance: 'exact',
});
