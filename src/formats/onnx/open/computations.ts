import { normalizeAxis } from '../../../core/shape.ts';
import { cast, div, min, mul } from '../../../ops/index.ts';
import { reshapedTo } from '../../moves.ts';
import type { NodeContext } from '../context.ts';
import { count as counting } from '../counted.ts';
import { integerRange } from '../elements.ts';
import { isSequence, type Operand } from '../operand.ts';
import { type Extent, isOpen } from './extents.ts';
import { axisOf, closed, cut, filled, type Open, opened, openOf, type Rule, refuse, replaced, theOpen } from './operand.ts';
import { elementOf, fixed, sizesAsked } from './sizes.ts';

/** Operators that broadcast: the open axis, counted from the back, is the result's. */
export const elementwise: Rule = (n, plain, row) => {
  const operands = n.bindings.flatMap((binding) => (binding && !isSequence(binding) ? [binding] : []));
  const opens = operands.flatMap((operand) => openOf(operand) ?? []) as [Open, ...Open[]];
  const rank = Math.max(...operands.map(({ value }) => value.shape.length));
  const axisIn = ({ value }: Operand, axis: number) => axis - rank + value.shape.length;
  const axis = opens[0].countAxis + rank - opens[0].value.shape.length;
  if (opens.some((operand) => operand.countAxis !== axisIn(operand, axis))) refuse('its inputs have along several axes');
  // Sizes are equal when it runs, so that the least bound holds for all.
  const extent = Math.min(...opens.map(({ value, countAxis }) => value.shape[countAxis] as number));
  const inputs = n.bindings.map((binding) => {
    if (!binding || isSequence(binding)) return binding;
    const own = axisIn(binding, axis);
    if (own < 0 || (binding.value.shape[own] as number) <= extent) return closed(binding);
    return extent > 1 ? cut(binding, own, extent) : refuse('one element is broadcast to many');
  });
  return opened(n, row(plain.with(inputs)), opens[0].count, axis);
};

/** Operators that compute each row of input `index` for itself. */
export const batched =
  (index = 0): Rule =>
  (n, plain, row) => {
    const { count, countAxis } = theOpen(n, index, ...(index ? [index + 1] : []));
    return countAxis === 0 ? opened(n, row(plain), count, 0) : refuse(`its rows are not along axis ${countAxis}`);
  };

/** MatMul, Gemm: rows or matrices of the first factor. */
export const productRows: Rule = (n, plain, row) => {
  const { value, count, countAxis } = theOpen(n, 0);
  const rank = value.shape.length;
  if (countAxis === rank - 1 || n.int('transA', 0)) refuse(`it sums along axis ${countAxis}`);
  return opened(n, row(plain), count, countAxis + Math.max(0, plain.shape(1).length - rank));
};

/** What an element has to be to come last. */
const last = (n: NodeContext, { value }: Operand, largest: boolean): number => {
  if (value.dtype === 'f32') return largest ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return integerRange.int32?.[largest ? 0 : 1] ?? n.refuse('an order of this type');
};

/** TopK of what is valid, or as many as are known at run time only. */
export const best: Rule = (n, plain, row) => {
  const x = openOf(n.binding(0));
  const operand = plain.operand(0);
  const { shape } = operand.value;
  const axis = axisOf(n, -1, shape.length);
  const [asked] = (plain.has(1) ? sizesAsked(plain, 1) : fixed([n.int('k')])) as [Extent];
  if (x && x.countAxis !== axis) {
    return isOpen(asked) ? refuse('so has what is chosen') : opened(n, row(plain), x.count, x.countAxis);
  }
  const k = n.integers([Math.min(asked.most, shape[axis] as number)]);
  const own = x ? filled(n, x, last(n, x, n.int('largest', 1) !== 0)) : operand;
  const result = row(plain.has(1) ? plain.with([own, { value: k, elem: 'int64' }]) : plain.with([own]));
  const wanted = isOpen(asked) ? elementOf(plain.x(1), 0) : k;
  return opened(n, result, x ? min([wanted, x.count]) : wanted, axis);
};

/** Axes of a reduction, from the second input or the attribute. */
function axesOf(n: NodeContext, rank: number): readonly number[] {
  const given = n.list(1, 'axes') ?? [];
  if (given.length) return given.map((axis) => normalizeAxis(axis, rank));
  return n.int('noop_with_empty_axes', 0) ? [] : counting(rank);
}

/** A result over `axes`, among which the open one is not. */
function over({ count, countAxis }: Open, axes: readonly number[], keepDims: boolean): readonly [Open['count'], number] {
  return [count, keepDims ? countAxis : countAxis - axes.filter((axis) => axis < countAxis).length];
}

const keepsDims = (n: NodeContext): boolean => n.int('keepdims', 1) !== 0;

/** A reduction that reads a neutral element for the padding. */
export const reduced =
  (neutral: number | ((n: NodeContext, x: Operand) => number)): Rule =>
  (n, plain, row) => {
    const x = theOpen(n, 0);
    const axes = axesOf(plain, x.value.shape.length);
    if (!axes.includes(x.countAxis)) return opened(n, row(plain), ...over(x, axes, keepsDims(n)));
    return row(replaced(plain, 0, filled(n, x, typeof neutral === 'number' ? neutral : neutral(n, x))));
  };

export const largest = reduced((n, x) => last(n, x, true));
export const smallest = reduced((n, x) => last(n, x, false));

/** The mean of what is valid: that with zeros for the padding, times the share of what is not. */
export const averaged: Rule = (n, plain, row) => {
  const x = theOpen(n, 0);
  if (!axesOf(plain, x.value.shape.length).includes(x.countAxis)) return reduced(0)(n, plain, row);
  const [{ value, elem }] = n.bound(row(replaced(plain, 0, filled(n, x, 0)))) as [Operand];
  if (value.dtype !== 'f32') return refuse('it averages integers');
  const valid = cast(reshapedTo(x.count, []), { to: 'f32' });
  return { elem, value: mul([value, div([n.graph.scalar(x.value.shape[x.countAxis] as number), valid])]) };
};

/** ArgMax, ArgMin. */
export const extremePlace =
  (isLargest: boolean): Rule =>
  (n, plain, row) => {
    const x = theOpen(n, 0);
    const axis = axisOf(n, 0, x.value.shape.length);
    if (axis === x.countAxis) return row(replaced(plain, 0, filled(n, x, last(n, x, isLargest))));
    return opened(n, row(plain), ...over(x, [axis], keepsDims(n)));
  };

/** Softmax and its like: padding has no share. */
export const normalized: Rule = (n, plain, row) => {
  const x = theOpen(n, 0);
  const axis = axisOf(n, n.version < 13 ? 1 : -1, x.value.shape.length);
  if (n.version < 13 && axis <= x.countAxis) refuse('it is joined to others');
  const own = axis === x.countAxis ? replaced(plain, 0, filled(n, x, Number.NEGATIVE_INFINITY)) : plain;
  return opened(n, row(own), x.count, x.countAxis);
};

/** NonZero of what is valid. */
export const found: Rule = (n, plain, row) => row(replaced(plain, 0, filled(n, theOpen(n, 0), 0)));

/** Compress: nothing is taken from the padding, whatever the condition says there. */
export const compressed: Rule = (n, plain, row) => {
  const [x, condition] = [openOf(n.binding(0)), openOf(n.binding(1))];
  if (x && (n.attribute('axis') ? axisOf(n, 0, x.value.shape.length) : 0) !== x.countAxis) refuse('it is compressed along another axis');
  if (x && !n.attribute('axis') && x.value.shape.length > 1) refuse('it is flattened');
  const valid = condition ? filled(n, condition, 0) : plain.operand(1);
  if (!x) return row(replaced(plain, 1, valid));
  const kept = Math.min(valid.value.shape[0] as number, x.value.shape[x.countAxis] as number);
  const own = filled(n, { ...x, ...cut(valid, 0, kept), countAxis: 0 }, 0);
  return row(replaced(plain, 1, own));
};

/** NonMaxSuppression: boxes behind the last valid one have no score, so that none of them is chosen. */
export const suppressed: Rule = (n, plain, row) => {
  const scores = openOf(n.binding(1)) ?? refuse('there are scores for others');
  if (scores.countAxis !== 2) refuse('it is not the number of boxes');
  const boxes = plain.operand(0);
  const extent = Math.min(boxes.value.shape[1] as number, scores.value.shape[2] as number);
  const inputs = [cut(boxes, 1, extent), cut(filled(n, scores, Number.NaN), 2, extent)];
  return row(plain.with([...inputs, ...plain.bindings.slice(2)]));
};
