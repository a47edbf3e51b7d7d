import { normalizeAxis } from '../../../core/shape.ts';
import type { Value } from '../../../ir/graph.ts';
import { add, broadcast, concat, gather, greater, mul, nonZero, where } from '../../../ops/index.ts';
import { part, reshapedTo } from '../../moves.ts';
import type { NodeContext } from '../context.ts';
import { count as counting } from '../counted.ts';
import type { Operand } from '../operand.ts';
import { axisOf, closed, cut, integer, type Open, opened, openOf, type Rule, refuse, replaced, theOpen, valid } from './operand.ts';

export const transposed: Rule = (n, plain, row) => {
  const { value, count, countAxis } = theOpen(n, 0);
  const perm = n.attribute('perm') ? n.ints('perm') : counting(value.shape.length).reverse();
  return opened(n, row(plain), count, perm.indexOf(countAxis));
};

export const squeezed: Rule = (n, plain, row) => {
  const { value, count, countAxis } = theOpen(n, 0);
  const { shape } = value;
  const axes = plain.list(1, 'axes')?.map((axis) => normalizeAxis(axis, shape.length));
  const gone = axes ?? counting(shape.length).filter((axis) => shape[axis] === 1);
  if (gone.includes(countAxis)) refuse(`axis ${countAxis} is squeezed`);
  return opened(n, row(plain), count, countAxis - gone.filter((axis) => axis < countAxis).length);
};

export const unsqueezed: Rule = (n, plain, row) => {
  const { value, count, countAxis } = theOpen(n, 0);
  const given = plain.list(1, 'axes') ?? [];
  const rank = value.shape.length + given.length;
  const added = given.map((axis) => normalizeAxis(axis, rank));
  const kept = counting(rank).filter((axis) => !added.includes(axis));
  return opened(n, row(plain), count, kept[countAxis] as number);
};

/** Indices with `less` taken off those from the back: what an axis is longer than the tensor that they count from. */
const backed = (indices: Value, less: Value): Value =>
  add([indices, mul([greater([integer(indices, 0), indices]), mul([less, integer(less, -1)])])]);

/** How much longer the open axis is than what is valid of it, as an i32 [1]. */
const padding = ({ value, count, countAxis }: Open): Value =>
  add([integer(value, value.shape[countAxis] as number), mul([count, integer(count, -1)])]);

const isNatural = ({ origin }: Value): boolean => origin.kind === 'const' && origin.data.every((index) => index >= 0);

export const gathered: Rule = (n, plain, row) => {
  const [x, at] = [openOf(n.binding(0)), openOf(n.binding(1))];
  const { value, elem } = plain.operand(1);
  const axis = axisOf(n, 0, plain.shape(0).length);
  if (!x) return opened(n, row(plain), (at as Open).count, axis + (at as Open).countAxis);
  if (x.countAxis !== axis) {
    if (at) refuse('so has its index');
    return opened(n, row(plain), x.count, x.countAxis > axis ? x.countAxis + value.shape.length - 1 : x.countAxis);
  }
  const own = isNatural(value) ? plain : replaced(plain, 1, { elem, value: reshapedTo(backed(value, padding(x)), value.shape) });
  return at ? opened(n, row(own), at.count, axis + at.countAxis) : row(own);
};

/** GatherND, GatherElements: as many results as indices. */
export const picked: Rule = (n, plain, row) => {
  const [x, at] = [openOf(n.binding(0)), openOf(n.binding(1))];
  const isTuples = n.node.op === 'GatherND';
  const axis = isTuples ? n.int('batch_dims', 0) : axisOf(n, 0, plain.shape(0).length);
  const { value, elem } = plain.operand(1);
  if (at && isTuples && at.countAxis === value.shape.length - 1) refuse('its indices have');
  if (x && (isTuples ? x.countAxis !== 0 || axis !== 0 : x.countAxis !== axis)) refuse('it gathers along other axes');
  if (!x) return opened(n, row(plain), (at as Open).count, (at as Open).countAxis);
  const own = replaced(plain, 1, { elem, value: isTuples ? backed(value, first(value, padding(x))) : backed(value, padding(x)) });
  return at ? opened(n, row(own), at.count, at.countAxis) : row(own);
};

/** `number` for the first index of each tuple, 0 for the others. */
const first = (tuples: Value, number: Value): Value => {
  const length = tuples.shape.at(-1) as number;
  return mul([
    number,
    tuples.graph.constant({ dtype: 'i32', shape: [length], data: Int32Array.from(counting(length), (i) => (i ? 0 : 1)) }),
  ]);
};

/** ScatterND, ScatterElements: padding is written to a slice more, which is cut off. */
export const scattered: Rule = (n, plain, row) => {
  const data = openOf(n.binding(0));
  const { value, elem } = plain.operand(0);
  const isTuples = n.node.op === 'ScatterND';
  const axis = isTuples ? 0 : axisOf(n, 0, value.shape.length);
  if (data && data.countAxis !== axis) refuse('it is written along others');
  const extent = value.shape[axis] as number;
  const [indices, updates] = updatesOf(n, plain, isTuples);
  // Indices from the back count from what is valid, without the slice more.
  const less = add([data ? padding(data) : integer(value, 0), integer(value, 1)]);
  const front = backed(indices.value, isTuples ? first(indices.value, less) : less);
  const away = indices.count ? where([valid(indices as Open), front, n.integers([extent], [])]) : front;
  const slack = broadcast(n.scalarLike(value, 0), { shape: value.shape.map((size, i) => (i === axis ? 1 : size)) });
  const inputs = [{ elem, value: concat([value, slack], { axis }) }, { elem: indices.elem, value: away }, updates];
  const [result] = n.bound(row(plain.with(inputs))) as [Operand];
  const kept = { elem, value: part(result.value, axis, 0, extent) };
  return data ? opened(n, kept, data.count, axis) : kept;
};

/** Indices and updates of a scatter, as many of either. */
function updatesOf(n: NodeContext, plain: NodeContext, areTuples: boolean): readonly [Operand, Operand] {
  const at = openOf(n.binding(1)) ?? openOf(n.binding(2));
  const [indices, updates] = [plain.operand(1), plain.operand(2)];
  if (!at) return [indices, updates];
  const { count, countAxis } = at;
  if (areTuples && countAxis === indices.value.shape.length - 1) refuse('its indices have');
  const extent = Math.min(...[indices, updates].map(({ value }) => value.shape[countAxis] as number));
  return [{ ...cut(indices, countAxis, extent), count, countAxis }, cut(updates, countAxis, extent)];
}

/** What is valid of each input, one behind the other. */
export const concatenated: Rule = (n, plain, row) => {
  const operands = n.bindings.map((binding, i) => openOf(binding) ?? plain.operand(i));
  const opens = operands.flatMap((operand) => openOf(operand) ?? []) as [Open, ...Open[]];
  const axis = axisOf(n, 1, opens[0].value.shape.length);
  const { count, countAxis } = opens.find((operand) => operand.countAxis !== axis) ?? opens[0];
  if (opens.some((operand) => operand.countAxis !== countAxis)) refuse('its inputs have along several axes');
  if (countAxis !== axis) {
    // Sizes are equal when it runs, so that the least bound holds for all.
    const extent = Math.min(...operands.map(({ value }) => value.shape[countAxis] as number));
    const parts = operands.map((operand) => cut(closed(operand), countAxis, extent));
    return opened(n, row(plain.with(parts)), count, countAxis);
  }
  const joined = row(plain);
  const counts = operands.map((operand) => openOf(operand)?.count ?? integer(operand.value, operand.value.shape[axis] as number));
  const total = counts.reduce((a, b) => add([a, b]));
  if (opens.length === 1 && openOf(operands.at(-1))) return opened(n, joined, total, axis);
  const masks = operands.map(({ value }, i) => greater([counts[i] as Value, n.integers(counting(value.shape[axis] as number))]));
  const [places] = nonZero.all(masks.length === 1 ? (masks[0] as Value) : concat(masks, { axis: 0 })) as [Value, Value];
  const [{ value, elem }] = n.bound(joined) as [Operand];
  return { elem, value: gather([value, places], { axis }), count: total, countAxis: axis };
};

export const split: Rule = (n, plain, row) => {
  const { value, count, countAxis } = theOpen(n, 0);
  if (axisOf(n, 0, value.shape.length) === countAxis) refuse('it is split along it');
  return opened(n, row(plain), count, countAxis);
};
