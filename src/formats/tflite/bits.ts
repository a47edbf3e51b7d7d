import type { Elem } from '../../core/elem.ts';
import type { Value } from '../../ir/graph.ts';
import { bitcast, bitwiseAnd, bitwiseOr, bitwiseXor, concat, greater, max, min, shiftLeft, shiftRight, where } from '../../ops/index.ts';
import { bitsOf } from '../element.ts';
import { part, reshapedTo } from '../moves.ts';
import type { NodeContext, Rows } from './context.ts';
import { numeric } from './elements.ts';

/** Bits of an element; those of 64 are not all held. */
function widthOf(n: NodeContext, elem: Elem): number {
  const width = elem === 'bool' ? 8 : bitsOf[elem as keyof typeof bitsOf];
  return width <= 32 && elem !== 'float16' && elem !== 'bfloat16' ? width : n.refuse(`the bits of ${elem}`);
}

/** a >> b, which keeps the sign; b is limited to the bits of the type. */
function rightShift(n: NodeContext): Value {
  const a = n.i32(0);
  const bits = bitsOf[n.elem(0) as keyof typeof bitsOf];
  const b = min([max([n.i32(1), n.integers([0], [])]), n.integers([bits - 1], [])]);
  const sign = where([greater([n.integers([0], []), a]), n.integers([-1], []), n.integers([0], [])]);
  return n.narrow(bitwiseXor([shiftRight([bitwiseXor([a, sign]), b]), sign]));
}

/**
 * The same bytes as elements of another width: narrower ones along a new last axis, the low bits first, and back.
 */
function bitcastRow(n: NodeContext): Value {
  const [from, to] = [n.elem(0), numeric(n.output())];
  const [given, wanted] = [widthOf(n, from), widthOf(n, to)];
  const x = n.x(0).dtype === 'f32' ? bitcast(n.f32(0), { to: 'i32' }) : n.i32(0);
  const kept = (value: Value, width: number) => (width === 32 ? value : bitwiseAnd([value, n.integers([2 ** width - 1], [])]));
  const bits = given < wanted ? joined(n, kept(x, given), given, wanted) : cut(n, x, given, wanted);
  if (n.held() === 'f32') return bitcast(bits, { to: 'f32' });
  return n.narrow(n.wrapped(bits));
}

/** Numbers of `width` bits along the last axis as one of `wide` bits. */
function joined(n: NodeContext, x: Value, width: number, wide: number): Value {
  const [axis, count] = [x.shape.length - 1, wide / width];
  if (x.shape[axis] !== count) n.refuse(`a last axis of ${x.shape[axis]}`, { expected: `${count}` });
  const moved = Array.from({ length: count }, (_, i) => {
    const one = part(x, axis, i, 1);
    return i === 0 ? one : shiftLeft([one, n.integers([i * width], [])]);
  });
  return reshapedTo(
    moved.reduce((a, b) => bitwiseOr([a, b])),
    x.shape.slice(0, -1),
  );
}

/** Numbers of `wide` bits as `wide` / `width` ones; what is above `width` is left in them. */
function cut(n: NodeContext, x: Value, wide: number, width: number): Value {
  if (wide === width) return x;
  const column = reshapedTo(x, [...x.shape, 1]);
  const parts = Array.from({ length: wide / width }, (_, i) => (i === 0 ? column : shiftRight([column, n.integers([i * width], [])])));
  return concat(parts, { axis: x.shape.length });
}

/** Operators on the bits of integers. */
export const bits: Rows = {
  BITWISE_XOR: (n) => n.narrow(bitwiseXor([n.i32(0), n.i32(1)])),
  RIGHT_SHIFT: rightShift,
  BITCAST: bitcastRow,
};
