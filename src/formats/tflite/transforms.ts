import type { NodeContext } from './context.ts';
import { geluOptions } from './options.ts';

const f32 = Math.fround;

/** Functions that the reference tabulates in f32 (LUTPopulate). */
export const transforms = {
  LOGISTIC: (x: number) => 1 / f32(1 + f32(Math.exp(-x))),
  TANH: Math.tanh,
  EXP: Math.exp,
  LOG: Math.log,
  ELU: (x: number) => (x < 0 ? Math.expm1(x) : x),
  GELU: (x: number, n: NodeContext) =>
    n.options(geluOptions).approximate
      ? 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
      : 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  SQUARE: (x: number) => x * x,
} as const;

/** erf to double precision: its series near 0, its continued fraction elsewhere. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let [term, sum] = [a, a];
    for (let i = 1; i < 80; i++) {
      term *= (-a * a) / i;
      sum += term / (2 * i + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let i = 40; i > 0; i--) fraction = i / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}
