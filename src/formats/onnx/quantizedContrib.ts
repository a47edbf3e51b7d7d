import type { Value } from '../../ir/graph.ts';
import { evaluated, isConstant } from '../../ops/evaluate.ts';
import { add, cast, concat, mul, where } from '../../ops/index.ts';
import { permuted } from '../weights.ts';
import { stepOf } from './bytes.ts';
import type { NodeContext, Row, Rows } from './context.ts';
import { count } from './counted.ts';
import { layers } from './layers.ts';
import type { Operand } from './operand.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import { dequantizedAt, quantized, quantizedTo } from './quantized.ts';
import type { QuantizedGroup } from './quantizedGroups.ts';
import { reductions } from './reductions.ts';
import { reshapedTo } from './shapes.ts';

/** What a float row gives for these inputs. */
function floats(row: Row | undefined, n: NodeContext, inputs: readonly (Operand | undefined)[], version: number): Value {
  const result = (row as Row)(n.with(inputs, version));
  const [first] = (Array.isArray(result) ? result : [result]) as [Value | Operand];
  return 'value' in first ? first.value : first;
}

/** The operator computes on numbers of its type, perhaps with a constant that has its scale and zero point behind it. */
const numbersOf = (n: NodeContext, constant?: number): QuantizedGroup => ({
  arithmetic: n.elem(0) === 'int8' ? 'int8' : 'uint8',
  operand: (constant !== undefined && stepOf(n, constant + 1, constant + 2, n.elem(constant))) || null,
});

/** X, its scale and zero point, then those of Y: the float operator between dequantization and quantization. */
const unary =
  (row: Row | undefined, version: (n: NodeContext) => number = () => 17): Row =>
  (n) =>
    quantizedTo(n, floats(row, n, [dequantizedAt(n, 0)], version(n)), 3, 4, n.elem(0), { group: numbersOf(n) });

/** An operator on images whose channels are the second axis, on x [N, ..., C]; the other inputs are the same. */
const onChannelsLast =
  (row: Row): Row =>
  (n) => {
    const { value, elem } = n.operand(0);
    const last = value.shape.length - 1;
    const axes = count(last + 1);
    const first = permuted(value, [0, last, ...axes.slice(1, last)]);
    const y = row(n.with([{ value: first, elem }, ...n.bindings.slice(1)])) as Operand;
    return { value: permuted(y.value, [0, ...axes.slice(2), 1]), elem: y.elem };
  };

/** The same where the attribute says so: ONNX Runtime's optimizer for processors without another order of their own. */
const inEitherOrder = (row: Row | undefined): Row => {
  const [first, last] = [row as Row, onChannelsLast(row as Row)];
  return (n) => (n.int('channels_last', 0) ? last(n) : first(n));
};

/** A and B with their scales and zero points, then those of C. */
const binary =
  (op: (operands: readonly Value[]) => Value): Row =>
  (n) => {
    const constant = [0, 3].find((index) => isConstant(n.x(index)));
    const y = op([dequantizedAt(n, 0).value, dequantizedAt(n, 3).value]);
    return quantizedTo(n, y, 6, 7, n.elem(0), { group: numbersOf(n, constant) });
  };

/** Scale and zero point of Y, then each part with its own. */
function qLinearConcat(n: NodeContext): Operand {
  const parts = Array.from({ length: Math.floor((n.arity - 2) / 3) }, (_, i) => dequantizedAt(n, 2 + 3 * i).value);
  const axis = n.axis('axis', 0, (parts[0] as Value).shape.length);
  return quantizedTo(n, concat(parts, { axis }), 0, 1, n.elem(2));
}

function qLinearWhere(n: NodeContext): Operand {
  const chosen = where([n.x(0), dequantizedAt(n, 1).value, dequantizedAt(n, 4).value]);
  return quantizedTo(n, chosen, 7, 8, n.elem(1));
}

const constant = (n: NodeContext, operand: Operand): Operand =>
  isConstant(operand.value) ? { ...operand, value: n.graph.constant(evaluated(operand.value)) } : operand;

/** alpha · A · B + C in steps of alpha · both scales; floats where Y has no scale. */
function qGemm(n: NodeContext): Operand {
  const perColumn = { axis: n.int('transB', 0) ? 0 : 1, block: 0 };
  const [a, b] = [dequantizedAt(n, 0), dequantizedAt(n, 3, 4, 5, perColumn)];
  const steps = mul([mul([reshapedTo(n.f32(1), []), n.f32(4)]), n.graph.scalar(n.float('alpha', 1))]);
  const c = n.has(6) ? mul([cast(n.x(6), { to: 'f32' }), steps]) : undefined;
  const bias = c && constant(n, { value: c, elem: 'float32' });
  const y = floats(products.Gemm, n, [a, constant(n, b), bias], 17);
  return n.has(7) ? quantizedTo(n, y, 7, 8, n.elem(8)) : { value: y, elem: 'float32' };
}

/** Probabilities in steps of a whole part of 1: ONNX Runtime multiplies them by 1 / scale, rounded down. */
function qLinearSoftmax(n: NodeContext): Operand {
  const probabilities = floats(layers.Softmax, n, [dequantizedAt(n, 0)], n.int('opset'));
  const steps = Math.floor(1 / n.number(3));
  const scale = { value: n.graph.scalar(1 / steps), elem: n.elem(3) };
  return steps > 0
    ? quantizedTo(n.with([n.operand(0), scale, n.binding(4)]), probabilities, 1, 2, n.elem(0))
    : quantizedTo(n, probabilities, 3, 4, n.elem(0));
}

/** `MaxPool` of quantized numbers. */
function maxPool(n: NodeContext): Operand {
  const y = (pooling.MaxPool as Row)(n) as Value | Operand;
  return 'value' in y ? y : { value: y, elem: n.elem(0) };
}

/** Quantized operators of ONNX Runtime (domain com.microsoft): what its quantizer writes in the format QOperator. */
export const quantizedContrib: Rows = {
  QuantizeLinear: quantized.QuantizeLinear as Row,
  DequantizeLinear: quantized.DequantizeLinear as Row,
  QLinearAdd: binary(add),
  QLinearMul: binary(mul),
  QLinearConcat: qLinearConcat,
  QLinearWhere: qLinearWhere,
  QGemm: qGemm,
  QLinearSigmoid: unary(layers.Sigmoid),
  QLinearLeakyRelu: unary(layers.LeakyRelu),
  QLinearSoftmax: qLinearSoftmax,
  QLinearConv: inEitherOrder(quantized.QLinearConv),
  QLinearAveragePool: inEitherOrder(unary(pooling.AveragePool)),
  QLinearGlobalAveragePool: inEitherOrder(unary(pooling.GlobalAveragePool)),
  NhwcMaxPool: onChannelsLast(maxPool),
  QLinearReduceMean: unary(reductions.ReduceMean, () => 13),
};
