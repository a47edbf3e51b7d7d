import { normalizeAxis, sizeOf } from '../../../core/shape.ts';
import type { Value } from '../../../ir/graph.ts';
import { concat, div, max, min, mul, sub } from '../../../ops/index.ts';
import { part, reshapedTo } from '../../moves.ts';
import type { NodeContext } from '../context.ts';
import { count as counting } from '../counted.ts';
import type { Operand } from '../operand.ts';
import { type Extent, extentsOf, isOpen } from './extents.ts';
import { integer, opened, openOf, type Rule, refuse, replaced, theOpen } from './operand.ts';

/** Bounds of the sizes that input `index` holds. @throws UNSUPPORTED_ATTR where they follow from the model's inputs. */
export function sizesAsked(n: NodeContext, index: number): readonly Extent[] {
  const { value } = n.operand(index);
  const extents = extentsOf(value);
  if (!extents) throw n.importer.needsConstant(value, `input ${index}`);
  return extents;
}

export const fixed = (numbers: readonly number[]): Extent[] => numbers.map((number) => ({ least: number, most: number }));

/** Element `at` of a vector, as an i32 [1]. */
export const elementOf = (vector: Value, at: number): Value => reshapedTo(part(reshapedTo(vector, [sizeOf(vector.shape)]), 0, at, 1), [1]);

/** The position of the one size that is known at run time only. */
function openPosition(extents: readonly Extent[]): number | undefined {
  const positions = counting(extents.length).filter((i) => isOpen(extents[i] as Extent));
  return positions.length > 1 ? refuse('several axes are') : positions[0];
}

const shapeOperand = (n: NodeContext, numbers: readonly number[]): Operand => ({ value: n.integers(numbers), elem: 'int64' });

/** Reshape, Flatten: as many elements as before lie before the open axis, so that padding stays behind what is valid. */
export const reshaped: Rule = (n, plain, row) => {
  const from = openOf(n.binding(0));
  const asked = n.node.op === 'Reshape' && plain.has(1) ? sizesAsked(plain, 1) : undefined;
  const at = asked && openPosition(asked);
  const extent = from?.value.shape[from.countAxis] as number;
  const infers = !!asked?.some(({ most }, i) => i !== at && most === -1);
  if (infers && at !== undefined && !from) refuse('another axis is inferred');
  const numbers = asked?.map(({ most }, i) => (i !== at ? most : infers ? extent : -1));
  const [result] = n.bound(row(numbers ? replaced(plain, 1, shapeOperand(n, numbers)) : plain)) as [Operand];
  // A whole tensor has the size it is asked for.
  if (!from) return result;
  const { count, countAxis } = from;
  const { shape } = from.value;
  const to = result.value.shape;
  const [before, inner] = [sizeOf(shape.slice(0, countAxis)), sizeOf(shape.slice(countAxis + 1))];
  const candidates = counting(to.length).filter((axis) => sizeOf(to.slice(0, axis)) === before && (at ?? axis) === axis);
  const axis =
    candidates.find((candidate) => to[candidate] === extent && sizeOf(to.slice(candidate + 1)) === inner) ??
    candidates.find((candidate) => to[candidate] !== 1 || candidate === to.length - 1);
  if (axis === undefined) return refuse(`axis ${countAxis} is cut or joined to one before it`);
  const each = sizeOf(to.slice(axis + 1));
  const elements = inner === 1 ? count : mul([count, integer(count, inner)]);
  return opened(n, result, each === inner ? count : each === 1 ? elements : div([elements, integer(count, each)]), axis);
};

/** ConstantOfShape, Expand: to the largest shape that input `index` may ask for. */
export const shaped =
  (index: number): Rule =>
  (n, plain, row) => {
    const asked = sizesAsked(plain, index);
    const at = openPosition(asked);
    const from = index > 0 ? openOf(n.binding(0)) : undefined;
    const rank = Math.max(asked.length, from?.value.shape.length ?? 0);
    const own = from && from.countAxis + rank - from.value.shape.length;
    const other = at === undefined ? undefined : at + rank - asked.length;
    const axis = own ?? other;
    if (axis === undefined || axis !== (other ?? axis)) return refuse('several axes are');
    // As large as the operand, which has the same size when it runs.
    const numbers = asked.map(({ most }, i) => (from && i === at ? (from.value.shape[from.countAxis] as number) : most));
    const count = from?.count ?? elementOf(plain.x(index), at as number);
    return opened(n, row(replaced(plain, index, shapeOperand(n, numbers))), count, axis);
  };

export const ranged: Rule = (n, plain, row) => {
  const [start, limit, delta] = [0, 1, 2].map((index) => sizesAsked(plain, index)[0]) as [Extent, Extent, Extent];
  if (isOpen(start) || isOpen(delta) || delta.most !== 1) refuse('it starts there, or does not go by 1');
  const result = row(replaced(plain, 1, { value: n.integers([limit.most], []), elem: plain.elem(1) }));
  const length = sub([elementOf(plain.x(1), 0), n.integers([start.most])]);
  return opened(n, result, max([length, n.integers([0])]), 0);
};

/** From an index on to another, one axis of which is open. */
export const sliced: Rule = (n, plain, row) => {
  const from = openOf(n.binding(0));
  const { shape } = plain.operand(0).value;
  const starts = plain.has(1) ? sizesAsked(plain, 1) : fixed(n.ints('starts'));
  const ends = plain.has(2) ? sizesAsked(plain, 2) : fixed(n.ints('ends'));
  const axes = (plain.list(3, 'axes') ?? counting(starts.length)).map((axis) => normalizeAxis(axis, shape.length));
  const steps = plain.list(4) ?? axes.map(() => 1);
  if (starts.some(isOpen)) refuse('it starts there');
  const last = openPosition(ends);
  const most = shapeOperand(
    n,
    ends.map((end) => end.most),
  );
  const result = row(last === undefined ? plain : replaced(plain, 2, most));
  const axis = last === undefined ? from?.countAxis : axes[last];
  if (axis === undefined || axis !== (from?.countAxis ?? axis)) return refuse('several axes are');
  const at = axes.indexOf(axis);
  if (from && at < 0) return opened(n, result, from.count, axis);
  const [start, end, step] = [starts[at]?.least as number, ends[at] as Extent, steps[at]];
  if (start < 0 || end.least < 0 || step !== 1) refuse('it is sliced from the back or with steps');
  const [{ value }] = n.bound(result) as [Operand];
  const length = from?.count ?? integer(value, shape[axis] as number);
  const stop = last === undefined ? length : min([elementOf(plain.x(2), last), length]);
  const rest = max([sub([stop, integer(value, start)]), integer(value, 0)]);
  return opened(n, result, min([rest, integer(value, value.shape[axis] as number)]), axis);
};

/** A shape with one element that the program finds out. */
export const shapeOfOpen: Rule = (n) => {
  const { value, count, countAxis } = theOpen(n, 0);
  const rank = value.shape.length;
  const at = (name: string, fallback: number) => {
    const given = n.int(name, fallback);
    return Math.max(0, Math.min(rank, given < 0 ? given + rank : given));
  };
  const parts = value.shape.map((extent, i) => (i === countAxis ? count : integer(value, extent))).slice(at('start', 0), at('end', rank));
  const [only] = parts;
  return { value: !only ? n.integers([]) : parts.length === 1 ? only : concat(parts, { axis: 0 }), elem: 'int64' };
};

export const sizeOfOpen: Rule = (n) => {
  const { value, count, countAxis } = theOpen(n, 0);
  const each = sizeOf(value.shape.filter((_, i) => i !== countAxis));
  return { value: reshapedTo(mul([count, integer(value, each)]), []), elem: 'int64' };
};
