import { allocate } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { RefTensor } from './define.ts';
import { opOf } from './registry.ts';

const known = new WeakMap<Value, boolean>();
const results = new WeakMap<Value, Float64Array>();

/** Operators whose output differs from call to call. */
const RANDOM = new Set(['dropout']);

/** Whether `value` follows from constants alone. */
export function isConstant(value: Value): boolean {
  let answer = known.get(value);
  if (answer === undefined) {
    const { origin } = value;
    answer = origin.kind === 'const' || (origin.kind === 'node' && isPure(origin.node) && origin.node.inputs.every(isConstant));
    known.set(value, answer);
  }
  return answer;
}

const isPure = (node: Node): boolean => node.inputs.length > 0 && !RANDOM.has(node.op) && !opOf(node).mutates;

/** The elements of a constant value, computed by the operators' float64 references; each node is computed once. */
export function evaluate(value: Value): Float64Array {
  const { origin } = value;
  let data = results.get(value);
  if (data) return data;
  if (origin.kind === 'const') {
    data = Float64Array.from(origin.data);
    results.set(value, data);
    return data;
  }
  if (origin.kind !== 'node') throw new Error(`"${value.name}" is not a constant`);
  const { node } = origin;
  const inputs = node.inputs.map((input): RefTensor => ({ dtype: input.dtype, shape: input.shape, data: evaluate(input) }));
  const outputs = opOf(node).ref(inputs, node.attrs, node.outputs);
  node.outputs.forEach((output, i) => {
    results.set(output, outputs[i] as Float64Array);
  });
  return results.get(value) as Float64Array;
}

/** A constant value as a tensor of its dtype. */
export function evaluated(value: Value): Tensor {
  const { dtype, shape, origin } = value;
  if (origin.kind === 'const') return { dtype, shape, data: origin.data };
  const elements = evaluate(value);
  const data = allocate(dtype, elements.length);
  data.set(elements);
  return { dtype, shape, data };
}
