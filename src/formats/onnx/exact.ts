import type { Elem } from '../../core/elem.ts';
import type { Value } from '../../ir/graph.ts';
import type { RefTensor } from '../../ops/define.ts';
import { evaluate } from '../../ops/evaluate.ts';
import { opOf } from '../../ops/registry.ts';
import { checkInt32 } from '../element.ts';

/** Operators whose reference on doubles is exact arithmetic, where that on 32-bit integers wraps. */
const wrapping = new Set(['add', 'sub', 'mul', 'reduceSum', 'reduceProd', 'cumulative']);
const wide: readonly Elem[] = ['int64', 'uint64', 'uint32'];

/**
 * Shape arithmetic is exact: a constant of a 64-bit type that 32 bits do not hold is refused instead of wrapped.
 * @throws UNSUPPORTED_ATTR where the result of `value`'s last operator, computed in doubles, is outside.
 */
export function checkExact(value: Value, elem: Elem, name: string): void {
  const { origin } = value;
  if (origin.kind !== 'node' || value.dtype !== 'i32' || !wide.includes(elem) || !wrapping.has(origin.node.op)) return;
  const { node } = origin;
  const asDoubles = ({ shape, dtype }: Value) => ({ shape, dtype: dtype === 'i32' ? ('f32' as const) : dtype });
  const inputs = node.inputs.map((input): RefTensor => ({ ...asDoubles(input), data: evaluate(input) }));
  const [result] = opOf(node).ref(inputs, node.attrs, node.outputs.map(asDoubles));
  for (const number of result ?? []) checkInt32(number, name);
}
