import { ThimbleError } from '../../../core/errors.ts';
import { type Shape, sizeOf } from '../../../core/shape.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import type { IsInfAttributes } from '../../../ops/isInf.ts';
import type { ModAttributes } from '../../../ops/mod.ts';
import type { FileAttribute } from '../encode.ts';
import { attrsOf, type Emission, type Emit, type Emits, type Form, identity, isIdentity, type Perm } from './emission.ts';

type Coefficients = Readonly<Record<string, number>>;

/** Applies `write` to the form that the operand has, whatever its order is. */
export function pointwise(e: Emission, node: Node, write: (x: string) => string): void {
  const [x] = node.inputs as [Value];
  const { name, perm, flattened } = e.form(x);
  e.put(node.outputs[0] as Value, write(name), perm, flattened);
}

/** An operator of one operand that ONNX has under `op`; attributes are floats. */
const unary =
  (op: string, attributes: (attrs: Coefficients) => Coefficients = () => ({})): Emit =>
  (e, node) => {
    const floats = Object.entries(attributes(attrsOf<Coefficients>(node))).map(([key, value]) => [key, { float: value }] as const);
    pointwise(e, node, (x) => e.op(op, [x], Object.fromEntries(floats)));
  };

/** An operator of one operand, composed. */
const composed =
  (write: (e: Emission, x: string, node: Node) => string): Emit =>
  (e, node) =>
    pointwise(e, node, (x) => write(e, x, node));

/** min(max(x, low), high): Relu where that is what it is. */
export function clamp(e: Emission, x: string, low: number, high: number): string {
  if (low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY) return x;
  if (low === 0 && high === Number.POSITIVE_INFINITY) return e.op('Relu', [x]);
  const bound = (value: number) => (Number.isFinite(value) ? e.scalar(value) : '');
  return e.op('Clip', [x, bound(low), bound(high)]);
}

/** The order in which operands that broadcast meet: that of the first which is not in its own. */
function sharedPerm(e: Emission, inputs: readonly Value[], rank: number): Perm {
  for (const input of inputs) {
    if (input.shape.length !== rank || input.origin.kind === 'const') continue;
    const form: Form = e.form(input);
    if (!form.flattened && !isIdentity(form.perm)) return form.perm;
  }
  return identity(rank);
}

/** `value` so that it broadcasts against tensors of `rank` axes in the order of `perm`. */
function operand(e: Emission, value: Value, rank: number, perm: Perm): string {
  const { shape } = value;
  if (sizeOf(shape) === 1 && value.origin.kind === 'const' && value.dtype === 'f32') return e.scalar(value.origin.data[0] as number);
  if (shape.length === rank) return e.as(value, perm);
  if (isIdentity(perm) || shape.length === 0) return e.plain(value);
  const lead = rank - shape.length;
  const whole: Shape = perm.map((axis) => (axis < lead ? 1 : (shape[axis - lead] as number)));
  const own = perm.filter((axis) => axis >= lead).map((axis) => axis - lead);
  return value.origin.kind === 'const' ? e.reshapedConstant(value, own, whole) : e.reshape(e.as(value, own), whole);
}

/** An operator of operands that broadcast; `convert` says what becomes of the result. */
const broadcasting =
  (op: string, attributes: (node: Node) => Readonly<Record<string, FileAttribute>> = () => ({}), isLogical = false): Emit =>
  (e, node) => {
    const [y] = node.outputs as [Value];
    const rank = y.shape.length;
    const perm = sharedPerm(e, node.inputs, rank);
    const inputs = node.inputs.map((input) => operand(e, input, rank, perm));
    const result = e.op(op, inputs, attributes(node));
    e.put(y, isLogical ? e.op('Cast', [result], { to: y.dtype === 'f32' ? 1 : 6 }) : result, perm);
  };

const compared = (op: string): Emit => broadcasting(op, () => ({}), true);

function where(e: Emission, node: Node): void {
  const [y] = node.outputs as [Value];
  const rank = y.shape.length;
  const perm = sharedPerm(e, node.inputs, rank);
  const [condition, a, b] = node.inputs.map((input) => operand(e, input, rank, perm)) as [string, string, string];
  e.put(y, e.op('Where', [e.op('Cast', [condition], { to: 9 }), a, b]), perm);
}

/** TensorProto.DataType of each dtype. */
const dataTypes = { f32: 1, i32: 6, i8: 3, u8: 2, bool: 9 } as const;

/** Operators on elements. */
export const elementwise: Emits = {
  abs: unary('Abs'),
  acos: unary('Acos'),
  acosh: unary('Acosh'),
  asin: unary('Asin'),
  asinh: unary('Asinh'),
  atan: unary('Atan'),
  atanh: unary('Atanh'),
  ceil: unary('Ceil'),
  cos: unary('Cos'),
  cosh: unary('Cosh'),
  erf: unary('Erf'),
  exp: unary('Exp'),
  floor: unary('Floor'),
  log: unary('Log'),
  mish: unary('Mish'),
  neg: unary('Neg'),
  reciprocal: unary('Reciprocal'),
  relu: unary('Relu'),
  round: unary('Round'),
  sigmoid: unary('Sigmoid'),
  sign: unary('Sign'),
  sin: unary('Sin'),
  sinh: unary('Sinh'),
  softplus: unary('Softplus'),
  softsign: unary('Softsign'),
  sqrt: unary('Sqrt'),
  tan: unary('Tan'),
  tanh: unary('Tanh'),
  copy: unary('Identity'),
  elu: unary('Elu', ({ alpha }) => ({ alpha: alpha as number })),
  leakyRelu: unary('LeakyRelu', ({ alpha }) => ({ alpha: alpha as number })),
  selu: unary('Selu', ({ alpha, gamma }) => ({ alpha: alpha as number, gamma: gamma as number })),
  hardSigmoid: unary('HardSigmoid', ({ alpha, beta }) => ({ alpha: alpha as number, beta: beta as number })),
  gelu: composed((e, x) => e.op('Gelu', [x])),
  geluTanh: composed((e, x) => e.op('Gelu', [x], { approximate: 'tanh' })),
  silu: composed((e, x) => e.op('Mul', [x, e.op('Sigmoid', [x])])),
  square: composed((e, x) => e.op('Mul', [x, x])),
  hardSwish: composed((e, x, node) => {
    const { alpha, beta } = attrsOf<{ alpha: number; beta: number }>(node);
    if (Math.abs(alpha - 1 / 6) < 1e-7 && beta === 0.5) return e.op('HardSwish', [x]);
    return e.op('Mul', [x, e.op('HardSigmoid', [x], { alpha: { float: alpha }, beta: { float: beta } })]);
  }),
  clip: composed((e, x, node) => {
    const { min, max } = attrsOf<{ min: number; max: number }>(node);
    return clamp(e, x, min, max);
  }),
  isNaN: composed((e, x) => e.op('Cast', [e.op('IsNaN', [x])], { to: 6 })),
  isInf: composed((e, x, node) => {
    const { detectNegative, detectPositive } = attrsOf<IsInfAttributes>(node);
    const found = e.op('IsInf', [x], { detect_negative: detectNegative ? 1 : 0, detect_positive: detectPositive ? 1 : 0 });
    return e.op('Cast', [found], { to: 6 });
  }),
  cast: composed((e, x, node) => e.op('Cast', [x], { to: dataTypes[attrsOf<{ to: keyof typeof dataTypes }>(node).to] })),
  add: broadcasting('Add'),
  sub: broadcasting('Sub'),
  mul: broadcasting('Mul'),
  div: broadcasting('Div'),
  min: broadcasting('Min'),
  max: broadcasting('Max'),
  pow: broadcasting('Pow'),
  mod: broadcasting('Mod', (node) => {
    const { fmod } = attrsOf<ModAttributes>(node);
    if (!fmod && node.outputs[0]?.dtype === 'f32') throw new ThimbleError('UNSUPPORTED_ATTR', 'ONNX has no floored remainder of floats');
    return { fmod: fmod ? 1 : 0 };
  }),
  equal: compared('Equal'),
  greater: compared('Greater'),
  greaterOrEqual: compared('GreaterOrEqual'),
  bitwiseAnd: broadcasting('BitwiseAnd'),
  bitwiseOr: broadcasting('BitwiseOr'),
  bitwiseXor: broadcasting('BitwiseXor'),
  where,
};
