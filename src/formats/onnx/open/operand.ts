import { ThimbleError } from '../../../core/errors.ts';
import { normalizeAxis } from '../../../core/shape.ts';
import type { Value } from '../../../ir/graph.ts';
import { greater, where } from '../../../ops/index.ts';
import { part, reshapedTo } from '../../moves.ts';
import type { NodeContext, Result, Row } from '../context.ts';
import { lineOf } from '../indexing.ts';
import { type Binding, isSequence, type Operand } from '../operand.ts';

/** A tensor in the largest shape it may have: `count` elements along `countAxis` are valid, what is behind them is padding. */
export interface Open extends Operand {
  readonly count: Value;
  readonly countAxis: number;
}

/** Imports a node with open inputs. `plain` is the node with those in their largest shapes, `row` what imports it then. */
export type Rule = (n: NodeContext, plain: NodeContext, row: Row) => Result;

export const openOf = (binding: Binding | undefined): Open | undefined =>
  binding && !isSequence(binding) && binding.count ? { ...binding, count: binding.count, countAxis: binding.countAxis ?? 0 } : undefined;

/** An operand in its largest shape, padding and all. */
export const closed = ({ value, elem }: Operand): Operand => ({ value, elem });

/** @throws UNSUPPORTED_OP for a use of the open axis that has no rule. */
export function refuse(problem: string): never {
  throw new ThimbleError('UNSUPPORTED_OP', `an input has a size that is known at run time only, and ${problem}`, {
    hint: 'end the graph before this node: outputs may have such a size',
  });
}

/** Input `index`, which alone is open; those of `others` may be. */
export function theOpen(n: NodeContext, index: number, ...others: readonly number[]): Open {
  const found = openOf(n.binding(index));
  const more = n.bindings.some((binding, i) => i !== index && !others.includes(i) && openOf(binding));
  return found && !more ? found : refuse('the operator takes none there');
}

/** An i32 [1]. */
export const integer = (like: Value, number: number): Value =>
  like.graph.constant({ dtype: 'i32', shape: [1], data: Int32Array.of(number) });

/** 1 where an element along the open axis is valid, of extent 1 along the others. */
export function valid({ value, count, countAxis }: Open): Value {
  const ones = value.shape.map(() => 1);
  return greater([reshapedTo(count, ones), lineOf(value, countAxis)]);
}

/** The operand with `number` for its padding. */
export const filled = (n: NodeContext, x: Open, number: number): Operand => ({
  value: where([valid(x), x.value, n.scalarLike(x.value, number)]),
  elem: x.elem,
});

/** The outputs of a row, with `count` valid elements along `axis`. */
export const opened = (n: NodeContext, result: Result, count: Value, axis: number): Result =>
  n.bound(result).map((binding) => (binding && !isSequence(binding) ? { ...binding, count, countAxis: axis } : binding));

/** The node with another input `index`. */
export const replaced = (plain: NodeContext, index: number, binding: Binding): NodeContext =>
  plain.with(plain.bindings.map((own, i) => (i === index ? binding : own)));

/** The first `extent` elements along an axis. */
export const cut = ({ value, elem }: Operand, axis: number, extent: number): Operand => ({
  elem,
  value: (value.shape[axis] as number) > extent ? part(value, axis, 0, extent) : value,
});

/** The axis attribute of a node whose input 0 has `rank` axes. */
export const axisOf = (n: NodeContext, fallback: number, rank: number): number => normalizeAxis(n.int('axis', fallback), rank);
