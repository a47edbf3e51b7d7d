import { type ArgExtremumAttributes, defineArgExtremum } from './argExtremum.ts';
import type { Op } from './define.ts';

/** Index (i32) of the largest element of x (f32 or i32) along `axis`; the first of equals. */
export const argMax: Op<ArgExtremumAttributes> = defineArgExtremum('argMax', (a, b) => a > b);
