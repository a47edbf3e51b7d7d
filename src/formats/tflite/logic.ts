import type { Value } from '../../ir/graph.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import { bitwiseAnd, bitwiseOr, cast, equal, greater, greaterOrEqual, sub, where } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import { isQuantized, type NodeContext, type Row, type Rows } from './context.ts';
import type { Operand } from './operand.ts';
import { quantizedComparison } from './quantizedArithmetic.ts';

/** 0 or 1 in i32, from a comparison's result. */
export const bool = (value: Value): Operand => ({ value: value.dtype === 'i32' ? value : cast(value, { to: 'i32' }), elem: 'bool' });

const not = (value: Value): Value => sub([value.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(1) }), value]);

type Compare = (operands: [Value, Value]) => Value;

const comparison =
  (op: Compare, { swap = false, negate = false } = {}): Row =>
  (n) => {
    const [a, b] = isQuantized(n.operand(0))
      ? quantizedComparison(n)
      : n.x(0).dtype === 'f32'
        ? [n.f32(0), n.f32(1)]
        : [n.i32(0), n.i32(1)];
    const { value } = bool(op(swap ? [b, a] : [a, b]));
    return bool(negate ? not(value) : value);
  };

/** `decisive` is the number that settles the result whatever the other operand is: where it is a constant, so is the result. */
const logical =
  (op: Compare, decisive: number): Row =>
  (n) => {
    const operands: [Value, Value] = [n.i32(0), n.i32(1)];
    const settled = operands.find((value) => value.shape.length === 0 && isConstant(value) && evaluate(value)[0] === decisive);
    return bool(settled && operands.every(({ shape }) => shape.length === 0) ? settled : op(operands));
  };

/** SELECT's condition may be one number an item of the first axis; SELECT_V2 broadcasts. */
function select(n: NodeContext): Value {
  const condition = n.i32(0);
  const [a, b] = [n.x(1), n.x(2)];
  const perItem = n.node.op === 'SELECT' && condition.shape.length === 1 && a.shape.length > 1;
  const shape = perItem ? [condition.shape[0] as number, ...a.shape.slice(1).map(() => 1)] : condition.shape;
  return n.wide([a, b], ([x, y]) => where([reshapedTo(condition, shape), x as Value, y as Value]));
}

export const logic: Rows = {
  EQUAL: comparison(equal),
  NOT_EQUAL: comparison(equal, { negate: true }),
  GREATER: comparison(greater),
  GREATER_EQUAL: comparison(greaterOrEqual),
  LESS: comparison(greater, { swap: true }),
  LESS_EQUAL: comparison(greaterOrEqual, { swap: true }),
  LOGICAL_AND: logical(bitwiseAnd, 0),
  LOGICAL_OR: logical(bitwiseOr, 1),
  LOGICAL_NOT: (n) => bool(not(n.i32(0))),
  SELECT: select,
  SELECT_V2: select,
};
