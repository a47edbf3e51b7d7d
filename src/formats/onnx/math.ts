import type { Value } from '../../ir/graph.ts';
import { wholeFloats } from '../../ops/cast.ts';
import {
  abs,
  acos,
  acosh,
  add,
  asin,
  asinh,
  atan,
  atanh,
  bitcast,
  bitwiseAnd,
  bitwiseOr,
  bitwiseXor,
  cast,
  ceil,
  clip,
  cos,
  cosh,
  div,
  equal,
  erf,
  exp,
  floor,
  greater,
  greaterOrEqual,
  isInf,
  isNaN as isNotANumber,
  log,
  max,
  min,
  mod,
  mul,
  neg,
  pow,
  reciprocal,
  round,
  shiftLeft,
  shiftRight,
  sign,
  sin,
  sinh,
  sqrt,
  sub,
  tan,
  where,
} from '../../ops/index.ts';
import { rounded } from '../halves.ts';
import { limitedBytes } from './bytes.ts';
import type { NodeContext, Row, Rows } from './context.ts';
import { bitsOf, type Elem, elemOf, held, isFloat } from './elements.ts';
import type { Operand } from './operand.ts';

/** The value an integer of `elem` has after arithmetic in 32 bits: the low bits count. */
export function wrapped(value: Value, elem: Elem): Value {
  if (elem === 'string' || elem === 'bool' || isFloat(elem) || bitsOf[elem] >= 32) return value;
  const bits = bitsOf[elem];
  const integer = (number: number) => value.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(number) });
  const mask = integer(2 ** bits - 1);
  if (elem.startsWith('uint')) return bitwiseAnd([value, mask]);
  const half = integer(2 ** (bits - 1));
  return sub([bitwiseAnd([add([value, half]), mask]), half]);
}

/** 0 or 1 in i32, from a comparison's result. */
export const bool = (value: Value): Operand => ({ value: value.dtype === 'i32' ? value : cast(value, { to: 'i32' }), elem: 'bool' });

const unary =
  (op: (x: Value) => Value): Row =>
  (n) =>
    op(n.f32(0));

/** Element-wise arithmetic over any number of operands; narrow integers wrap. */
const arithmetic =
  (op: (operands: [Value, Value]) => Value): Row =>
  (n) => {
    const elem = n.elem(0);
    const value = n.rest(0).reduce((a, b) => op([a, b]));
    return { value: wrapped(value, elem), elem };
  };

const comparison =
  (op: (operands: [Value, Value]) => Value, swap = false): Row =>
  (n) =>
    bool(op(swap ? [n.x(1), n.x(0)] : [n.x(0), n.x(1)]));

const logical =
  (op: (operands: [Value, Value]) => Value): Row =>
  (n) => ({ value: op([n.x(0), n.x(1)]), elem: 'bool' });

const bitwise =
  (op: (operands: [Value, Value]) => Value): Row =>
  (n) => ({ value: wrapped(op([n.x(0), n.x(1)]), n.elem(0)), elem: n.elem(0) });

/** Integers have their own absolute value, sign and negation. */
const signed =
  (float: (x: Value) => Value, integer: (x: Value, zero: Value) => Value): Row =>
  (n) => {
    const x = n.x(0);
    if (x.dtype === 'f32') return float(x);
    return { value: wrapped(integer(x, n.integers([0], [])), n.elem(0)), elem: n.elem(0) };
  };

/** `value` as f32 or i32 for `elem`: narrow integers wrap, bools are 0 or 1. */
export function converted({ value, elem: from }: Operand, elem: Elem): Operand {
  const to = held(elem);
  if (elem === 'bool') {
    if (from === 'bool') return { value, elem };
    const zero = value.graph.constant({
      dtype: value.dtype,
      shape: [],
      data: value.dtype === 'i32' ? Int32Array.of(0) : Float32Array.of(0),
    });
    const isZero = bool(equal([value, zero])).value;
    return { value: sub([value.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(1) }), isZero]), elem };
  }
  const moved = value.dtype === to ? value : (to === 'f32' && wholeFloats(value)) || cast(value, { to });
  if (from === elem) return { value: moved, elem };
  return { value: to === 'i32' ? wrapped(moved, elem) : rounded(moved, elem), elem };
}

function mean(n: NodeContext): Value {
  const sum = n.rest(0).reduce((a, b) => add([a, b]));
  return div([sum, n.graph.scalar(n.arity)]);
}

function clipRow(n: NodeContext): Value | Operand {
  const x = n.x(0);
  const bound = (index: number, attribute: string) =>
    n.has(index) ? n.x(index) : n.version < 11 && n.attribute(attribute) ? n.graph.scalar(n.float(attribute)) : undefined;
  const [low, high] = [bound(1, 'min'), bound(2, 'max')];
  const known = (value: Value | undefined, none: number) =>
    value === undefined ? none : value.origin.kind === 'const' ? value.origin.data[0] : undefined;
  const [lowest, highest] = [known(low, Number.NEGATIVE_INFINITY), known(high, Number.POSITIVE_INFINITY)];
  if (x.dtype === 'f32' && lowest !== undefined && highest !== undefined && lowest <= highest)
    return clip(x, { min: lowest, max: highest });
  const bytes = lowest !== undefined && highest !== undefined && limitedBytes(x, n.elem(0), lowest, highest);
  if (bytes) return bytes;
  const above = low ? max([x, low]) : x;
  return high ? min([above, high]) : above;
}

function powRow(n: NodeContext): Operand {
  const elem = n.elem(0);
  const [base, exponent] = [n.x(0), n.x(1)];
  if (base.dtype === exponent.dtype) return { value: wrapped(pow([base, exponent]), elem), elem };
  const float = (value: Value) => (value.dtype === 'f32' ? value : cast(value, { to: 'f32' }));
  const power = pow([float(base), float(exponent)]);
  return { value: base.dtype === 'f32' ? power : wrapped(cast(power, { to: 'i32' }), elem), elem };
}

function isInfRow(n: NodeContext): Operand {
  return bool(isInf(n.f32(0), { detectPositive: n.int('detect_positive', 1) !== 0, detectNegative: n.int('detect_negative', 1) !== 0 }));
}

/** Right shifts of signed integers fill with the sign. By less than nothing, or by the width or more, only the fill is left. */
function shift(n: NodeContext): Operand {
  const [x, by, elem] = [n.x(0), n.x(1), n.elem(0)];
  const left = n.text('direction') === 'LEFT';
  const fill = left ? n.integers([0], []) : sub([n.integers([0], []), greater([n.integers([0], []), x])]);
  const moved = left ? shiftLeft([x, by]) : bitwiseXor([shiftRight([bitwiseXor([x, fill]), by]), fill]);
  const inside = mul([greaterOrEqual([by, n.integers([0], [])]), greater([n.integers([Math.min(bitsOf[elem as 'int32'], 32)], []), by])]);
  return { value: where([inside, wrapped(moved, elem), fill]), elem };
}

/** Types of one width whose bits, read as the other, are the other's number in i32. */
const rereadable: readonly (readonly Elem[])[] = [['int8', 'uint8'], ['int16', 'uint16'], ['int32'], ['float32']];

function bitCast(n: NodeContext): Operand {
  const { value, elem } = n.operand(0);
  const to = elemOf(n.int('to'));
  const words: readonly Elem[] = ['float32', 'int32'];
  if (words.includes(elem) && words.includes(to) && elem !== to) return { value: bitcast(value, { to: held(to) }), elem: to };
  const bytes = elem === 'bool' ? 'uint8' : elem;
  if (!rereadable.some((types) => types.includes(bytes) && types.includes(to)))
    n.refuse(`the bits of ${elem} as ${to}`, { expected: '8- and 16-bit integers, or int32 and float32' });
  return { value: wrapped(value, to), elem: to };
}

const one = (n: NodeContext) => n.integers([1], []);

/** Arithmetic, comparisons, logic and conversions, element by element. */
export const math: Rows = {
  Abs: signed(abs, (x, zero) => max([x, sub([zero, x])])),
  Neg: signed(neg, (x, zero) => sub([zero, x])),
  Sign: signed(sign, (x, zero) => sub([greater([x, zero]), greater([zero, x])])),
  Exp: unary(exp),
  Log: unary(log),
  Sqrt: unary(sqrt),
  Reciprocal: unary(reciprocal),
  Erf: unary(erf),
  Sin: unary(sin),
  Cos: unary(cos),
  Tan: unary(tan),
  Asin: unary(asin),
  Acos: unary(acos),
  Atan: unary(atan),
  Sinh: unary(sinh),
  Cosh: unary(cosh),
  Asinh: unary(asinh),
  Acosh: unary(acosh),
  Atanh: unary(atanh),
  Ceil: unary(ceil),
  Floor: unary(floor),
  Round: unary(round),
  IsNaN: (n) => bool(isNotANumber(n.f32(0))),
  IsInf: isInfRow,
  Add: arithmetic(add),
  Sub: arithmetic(sub),
  Mul: arithmetic(mul),
  Div: arithmetic(div),
  Sum: arithmetic(add),
  Max: arithmetic(max),
  Min: arithmetic(min),
  Mean: mean,
  Mod: (n) => ({ value: mod([n.x(0), n.x(1)], { fmod: n.int('fmod', 0) !== 0 }), elem: n.elem(0) }),
  Pow: powRow,
  Clip: clipRow,
  Equal: comparison(equal),
  Greater: comparison(greater),
  GreaterOrEqual: comparison(greaterOrEqual),
  Less: comparison(greater, true),
  LessOrEqual: comparison(greaterOrEqual, true),
  And: logical(mul),
  Or: logical(max),
  Xor: logical(bitwiseXor),
  Not: (n) => ({ value: sub([one(n), n.x(0)]), elem: 'bool' }),
  BitwiseAnd: bitwise(bitwiseAnd),
  BitwiseOr: bitwise(bitwiseOr),
  BitwiseXor: bitwise(bitwiseXor),
  BitwiseNot: (n) => ({ value: wrapped(bitwiseXor([n.x(0), n.integers([-1], [])]), n.elem(0)), elem: n.elem(0) }),
  BitShift: shift,
  BitCast: bitCast,
  Where: (n) => ({ value: where([n.x(0), n.x(1), n.x(2)]), elem: n.elem(1) }),
  Cast: (n) => converted(n.operand(0), elemOf(n.int('to'))),
  CastLike: (n) => converted(n.operand(0), n.elem(1)),
};
