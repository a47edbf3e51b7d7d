import type { Value } from '../../ir/graph.ts';
import { abs, add, floor, mul, sign } from '../../ops/index.ts';

/** The nearest whole number, halves away from zero, as C's round. */
export const roundedAway = (x: Value): Value => mul([sign(x), floor(add([abs(x), x.graph.scalar(0.5)]))]);
