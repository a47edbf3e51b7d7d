import type { Value } from '../../ir/graph.ts';
import { clip, elu, gelu, geluTanh, hardSwish, leakyRelu, max, min, relu, sigmoid, tanh } from '../../ops/index.ts';
import { prelu } from '../../ops/prelu.ts';
import type { NodeContext, Row, Rows } from './context.ts';
import { isQuantized } from './context.ts';
import { geluOptions, leakyReluOptions } from './options.ts';
import { quantizedActivation, quantizedPrelu } from './quantizedActivation.ts';

/** Bounds of ActivationFunctionType: RELU, RELU_N1_TO_1, RELU6; undefined where the function is no clamp. */
export function activationBounds(code: number): { low: number; high: number } | undefined {
  const open = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  return [open, { low: 0, high: open.high }, { low: -1, high: 1 }, { low: 0, high: 6 }][code];
}

export const RELU = 1;
export const TANH = 4;

/** The fused activation `code` of an operator's float or i32 result. */
export function activated(n: NodeContext, value: Value, code: number): Value {
  if (code === TANH && value.dtype === 'f32') return tanh(value);
  const bounds = activationBounds(code);
  if (!bounds) return n.refuse(`activation function ${code}`);
  return clamped(value, bounds.low, bounds.high);
}

function clamped(value: Value, low: number, high: number): Value {
  const integer = (number: number) => value.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(number) });
  if (low === Number.NEGATIVE_INFINITY) return value;
  if (value.dtype === 'i32') {
    const raised = max([value, integer(low)]);
    return high === Number.POSITIVE_INFINITY ? raised : min([raised, integer(high)]);
  }
  return high === Number.POSITIVE_INFINITY && low === 0 ? relu(value) : clip(value, { min: low, max: high });
}

/** A function of one number: of floats by an operator, of quantized integers as TFLite's reference computes it. */
const unary =
  (name: Parameters<typeof quantizedActivation>[1], float: (x: Value, n: NodeContext) => Value): Row =>
  (n) =>
    isQuantized(n.operand(0)) ? quantizedActivation(n, name) : float(n.f32(0), n);

export const activations: Rows = {
  RELU: unary('RELU', (x) => relu(x)),
  RELU6: unary('RELU6', (x) => clip(x, { min: 0, max: 6 })),
  RELU_N1_TO_1: unary('RELU_N1_TO_1', (x) => clip(x, { min: -1, max: 1 })),
  RELU_0_TO_1: unary('RELU_0_TO_1', (x) => clip(x, { min: 0, max: 1 })),
  LOGISTIC: unary('LOGISTIC', (x) => sigmoid(x)),
  TANH: unary('TANH', (x) => tanh(x)),
  HARD_SWISH: unary('HARD_SWISH', (x) => hardSwish(x)),
  ELU: unary('ELU', (x) => elu(x, { alpha: 1 })),
  LEAKY_RELU: unary('LEAKY_RELU', (x, n) => leakyRelu(x, { alpha: n.options(leakyReluOptions).alpha })),
  GELU: unary('GELU', (x, n) => (n.options(geluOptions).approximate ? geluTanh(x) : gelu(x))),
  PRELU: (n) => (isQuantized(n.operand(0)) ? quantizedPrelu(n) : prelu(n.f32(0), n.f32(1))),
};
