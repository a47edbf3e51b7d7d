import { ThimbleError } from '../../core/errors.ts';
import { broadcastShapes, formatShape, normalizeAxis, type Shape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { isConstant } from '../../ops/evaluate.ts';
import { add, broadcast, equal, where } from '../../ops/index.ts';
import { padded, reshapedTo } from '../moves.ts';
import { affine, difference } from './affine.ts';
import type { NodeContext, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import { ofParts } from './signal.ts';

/** The result has the elements of input 0. */
const alike = (n: NodeContext, value: Value): Operand => ({ ...n.operand(0), value });

/** Rows of one element, found at run time, as a line. */
function line(n: NodeContext, { value, ...rest }: Operand): Operand {
  const isLine = n.has(1) && n.numbers(1).join() === '-1' && sizeOf(value.shape.slice(1)) === 1;
  if (!isLine)
    n.refuse(`rows of ${formatShape(value.shape.slice(1))}, whose number is found at run time`, {
      expected: 'rows of one element to [-1]',
    });
  return { ...rest, value: reshapedTo(value, [value.shape[0] as number]) };
}

/** The new shape of RESHAPE: its second input, else the option of old files; one extent may be -1. */
function reshape(n: NodeContext): Operand {
  const counted = n.counted(0);
  if (counted.count) return line(n, counted);
  const given = n.has(1) ? n.numbers(1) : (n.node.options?.numbers(0, 'i32') ?? []);
  // Old converters write [0] for a scalar.
  const to = !n.has(1) && given.length === 1 && given[0] === 0 ? [] : given;
  const from = n.shape(0);
  const known = sizeOf(to.filter((extent) => extent !== -1));
  const shape = to.map((extent) => (extent === -1 ? (known ? sizeOf(from) / known : 0) : extent));
  const open = to.filter((extent) => extent === -1).length;
  if (open > 1 || shape.some((extent) => !Number.isInteger(extent) || extent < 0) || sizeOf(shape) !== sizeOf(from))
    throw new ThimbleError('SHAPE', `${formatShape(from)} cannot be reshaped to [${to}]`);
  return alike(n, reshapedTo(n.x(0), shape));
}

function squeeze(n: NodeContext): Operand {
  const shape = n.shape(0);
  const axes = (n.node.options?.numbers(0, 'i32') ?? []).map((axis) => normalizeAxis(axis, shape.length));
  const wrong = axes.find((axis) => shape[axis] !== 1);
  if (wrong !== undefined) throw new ThimbleError('SHAPE', `axis ${wrong} of ${formatShape(shape)} is not 1`);
  return alike(
    n,
    reshapedTo(
      n.x(0),
      shape.filter((extent, i) => (axes.length ? !axes.includes(i) : extent !== 1)),
    ),
  );
}

function expandDims(n: NodeContext): Operand {
  const shape = [...n.shape(0)];
  shape.splice(normalizeAxis(n.number(1), shape.length + 1), 0, 1);
  return alike(n, reshapedTo(n.x(0), shape));
}

/** `value` in every element of `shape`. */
function filled(n: NodeContext, value: Value, shape: Shape): Value {
  if (shape.some((extent) => extent < 0)) throw damaged(`a tensor of shape [${shape}]`);
  n.allow(sizeOf(shape));
  return broadcast(reshapedTo(value, []), { shape });
}

function range(n: NodeContext): Value {
  if (![0, 1].every((index) => isConstant(n.x(index)))) return computedRange(n);
  const [start, limit, delta] = [n.number(0), n.number(1), n.number(2)];
  const data = steps(n, limit - start, delta).map((step) => start + step);
  return n.x(0).dtype === 'f32' ? n.constant(data) : n.integers(data);
}

/** From a computed start to a limit that is a constant number away. */
function computedRange(n: NodeContext): Value {
  const length = n.x(0).dtype === 'f32' ? undefined : difference(affine(n.i32(1)), affine(n.i32(0)));
  if (length === undefined) throw n.importer.needsConstant(isConstant(n.x(1)) ? n.x(0) : n.x(1), 'the length of a range');
  return add([reshapedTo(n.i32(0), [1]), n.integers(steps(n, length, n.number(2)))]);
}

/** 0, delta, 2 delta, … below `length`. */
function steps(n: NodeContext, length: number, delta: number): number[] {
  const count = Math.max(0, Math.ceil(length / delta));
  if (!Number.isFinite(count)) throw damaged(`a range over ${length} by ${delta}`);
  n.allow(2 * count);
  return Array.from({ length: count }, (_, i) => i * delta);
}

function broadcastTo(n: NodeContext): Operand {
  const shape = n.numbers(1);
  return alike(n, shape.join() === n.shape(0).join() ? n.x(0) : broadcast(n.x(0), { shape }));
}

/** The shape that two shapes broadcast to. Where they are computed, only extents of 1 can be told from others. */
function broadcastArgs(n: NodeContext): Value {
  const [a, b] = [n.i32(0), n.i32(1)];
  if (isConstant(a) && isConstant(b)) return n.integers(broadcastShapes(n.numbers(0), n.numbers(1)));
  const rank = Math.max(sizeOf(a.shape), sizeOf(b.shape));
  const filledUp = (shape: Value): Value => padded(shape, [[rank - sizeOf(shape.shape), 0]], 'constant', 1);
  const [left, right] = [filledUp(a), filledUp(b)];
  return where([equal([left, n.integers([1])]), right, left]);
}

/** Shapes and their arithmetic. */
export const shapes: Rows = {
  RESHAPE: ofParts(reshape),
  SQUEEZE: ofParts(squeeze),
  EXPAND_DIMS: ofParts(expandDims),
  SHAPE: (n) => n.integers(n.shape(0)),
  RANK: (n) => n.integers([n.shape(0).length], []),
  FILL: (n) => filled(n, n.x(1), n.numbers(0)),
  ZEROS_LIKE: (n) => filled(n, n.x(0).dtype === 'f32' ? n.graph.scalar(0) : n.narrow(n.integers([0], [])), n.shape(0)),
  RANGE: range,
  BROADCAST_TO: broadcastTo,
  BROADCAST_ARGS: broadcastArgs,
};
