import type { Value } from '../ir/graph.ts';
import { clip } from './clip.ts';

/** y = min(max(x, 0), 6): `clip` with these bounds. */
export const relu6 = (x: Value): Value => clip(x, { min: 0, max: 6 });
