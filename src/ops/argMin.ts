import { type ArgExtremumAttributes, defineArgExtremum } from './argExtremum.ts';
import type { Op } from './define.ts';

/** Index (i32) of the smallest element of x (f32 or i32) along `axis`; the first of equals. */
export const argMin: Op<ArgExtremumAttributes> = defineArgExtremum('argMin', (a, b) => a < b);
