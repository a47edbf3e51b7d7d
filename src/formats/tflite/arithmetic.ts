import type { Value } from '../../ir/graph.ts';
import {
  abs,
  add,
  atan,
  bitcast,
  cast,
  ceil,
  cos,
  div,
  exp,
  floor,
  greater,
  log,
  max,
  min,
  mod,
  mul,
  neg,
  pow,
  reciprocal,
  round,
  sign,
  sin,
  sqrt,
  square,
  sub,
  where,
} from '../../ops/index.ts';
import { activated } from './activation.ts';
import { isQuantized, type NodeContext, type Row, type Rows } from './context.ts';
import { addOptions, divOptions, mulOptions, subOptions } from './options.ts';
import { quantizedActivation } from './quantizedActivation.ts';
import { quantizedBinary } from './quantizedArithmetic.ts';

type Binary = (operands: [Value, Value]) => Value;

/** Operands 0 and 1, both float or both integers as i32. */
const pair = (n: NodeContext): [Value, Value] => (n.x(0).dtype === 'f32' ? [n.f32(0), n.f32(1)] : [n.i32(0), n.i32(1)]);

/** The result of integer arithmetic as the output is held. */
export function narrowed(n: NodeContext, value: Value, index = 0): Value {
  return n.held(index) === 'i8' && value.dtype === 'i32' ? n.narrow(value, index) : value;
}

const binary =
  (name: Parameters<typeof quantizedBinary>[1], op: Binary, options?: typeof addOptions | typeof mulOptions | typeof divOptions): Row =>
  (n) => {
    const code = options ? n.options(options).fusedActivationFunction : 0;
    if (isQuantized(n.operand(0))) return quantizedBinary(n, name, code);
    return narrowed(n, activated(n, op(pair(n)), code));
  };

/** TFLite's kernels for these take integers as they are, whatever their scales. */
export const whole =
  (op: Binary): Row =>
  (n) =>
    narrowed(n, op(pair(n)));

const unary =
  (op: (x: Value) => Value, quantized?: Parameters<typeof quantizedActivation>[1]): Row =>
  (n) =>
    quantized && isQuantized(n.operand(0)) ? quantizedActivation(n, quantized) : op(n.x(0));

const integer = (like: Value, number: number): Value => like.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(number) });

/** The quotient rounded down. */
function floorDiv([a, b]: [Value, Value]): Value {
  if (a.dtype === 'f32') return floor(div([a, b]));
  return div([sub([a, mod([a, b])]), b]);
}

const absolute = (x: Value): Value => (x.dtype === 'f32' ? abs(x) : max([x, sub([integer(x, 0), x])]));
const negative = (x: Value): Value => (x.dtype === 'f32' ? neg(x) : sub([integer(x, 0), x]));
const signOf = (x: Value): Value => (x.dtype === 'f32' ? sign(x) : max([min([x, integer(x, 1)]), integer(x, -1)]));

/** atan2 by its quadrants; zeros have signs. */
function atan2(n: NodeContext): Value {
  const [y, x] = [n.f32(0), n.f32(1)];
  const zero = n.graph.scalar(0);
  const whole = (condition: Value) => cast(condition, { to: 'i32' });
  const steep = whole(greater([abs(y), abs(x)]));
  const ratio = where([steep, div([x, y]), div([y, where([whole(greater([abs(x), zero])), x, n.graph.scalar(1)])])]);
  const angle = atan(ratio);
  const isNegative = (value: Value) => whole(greater([n.integers([0], []), bitcast(value, { to: 'i32' })]));
  const half = where([isNegative(y), n.graph.scalar(-Math.PI / 2), n.graph.scalar(Math.PI / 2)]);
  const turn = where([isNegative(x), add([half, half]), zero]);
  return where([steep, sub([half, angle]), add([angle, turn])]);
}

export const arithmetic: Rows = {
  ADD: binary('ADD', add, addOptions),
  SUB: binary('SUB', sub, subOptions),
  MUL: binary('MUL', mul, mulOptions),
  DIV: binary('DIV', div, divOptions),
  MAXIMUM: binary('MAXIMUM', max),
  MINIMUM: binary('MINIMUM', min),
  SQUARED_DIFFERENCE: binary('SQUARED_DIFFERENCE', ([a, b]) => {
    const difference = sub([a, b]);
    return mul([difference, difference]);
  }),
  POW: binary('POW', pow),
  FLOOR_DIV: whole(floorDiv),
  FLOOR_MOD: whole((operands) => mod(operands)),
  ATAN2: atan2,
  ADD_N: (n) => n.all().reduce((a, b) => add([a, b])),
  ABS: unary(absolute, 'ABS'),
  NEG: unary(negative, 'NEG'),
  SIGN: unary(signOf),
  SQUARE: unary(square, 'SQUARE'),
  SQRT: unary(sqrt, 'SQRT'),
  RSQRT: unary((x) => reciprocal(sqrt(x)), 'RSQRT'),
  EXP: unary(exp, 'EXP'),
  LOG: unary(log, 'LOG'),
  SIN: unary(sin),
  COS: unary(cos),
  FLOOR: unary(floor),
  CEIL: unary(ceil),
  ROUND: unary(round),
};
