import { ThimbleError } from '../core/errors.ts';
import { normalizeAxis } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { slice } from './slice.ts';

/** Cuts x along `axis` into parts of the given `sizes`; each is a slice. @throws SHAPE where they do not add up to the axis. */
export function split(x: Value, { axis: given, sizes }: { readonly axis: number; readonly sizes: readonly number[] }): Value[] {
  const axis = normalizeAxis(given, x.shape.length);
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== x.shape[axis])
    throw new ThimbleError('SHAPE', `sizes [${sizes}] do not add up to ${x.shape[axis]}`, { op: 'split', node: x.name });
  let start = 0;
  return sizes.map((size) => {
    const part = slice(x, {
      starts: x.shape.map((_, i) => (i === axis ? start : 0)),
      sizes: x.shape.map((extent, i) => (i === axis ? size : extent)),
    });
    start += size;
    return part;
  });
}
