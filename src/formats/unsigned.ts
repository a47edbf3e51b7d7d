import type { Value } from '../ir/graph.ts';
import { cast, lookup } from '../ops/index.ts';
import { lookupTable } from '../ops/lookup.ts';

/** i8 with its highest bit turned: bytes from 0 as numbers less 128, and back. */
function turned(value: Value): Value {
  const data = lookupTable((x) => (x < 0 ? x + 128 : x - 128));
  return lookup([value, value.graph.constant({ dtype: 'i8', shape: [256], data })]);
}

/** u8 at the border → i8 less 128, as graphs hold it. */
export const fromUnsigned = (value: Value): Value => turned(cast(value, { to: 'i8' }));

/** The way back. */
export const toUnsigned = (value: Value): Value => cast(turned(value), { to: 'u8' });
