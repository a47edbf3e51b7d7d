import { allocate } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { RefTensor } from './define.ts';
import { opOf } from './registry.ts';

/** Elements and multiply-accumulates that the references take for a value, and the elements of the constants it follows from. */
interface Cost {
  readonly work: number;
  readonly from: number;
}

const NEVER: Cost = { work: Number.POSITIVE_INFINITY, from: 0 };
/** What takes more than this, and more than 64 for each element of the constants, is left to the program. */
const WORTH = 2 ** 23;

const costs = new WeakMap<Value, Cost>();
const results = new WeakMap<Value, Float64Array>();

/** Operators whose output differs from call to call. */
const RANDOM = new Set(['dropout']);

/** Whether `value` follows from constants alone, and is worth computing before the program runs. */
export function isConstant(value: Value): boolean {
  const { work, from } = costOf(value);
  return Number.isFinite(work) && work <= WORTH + 64 * from;
}

/** Elements and multiply-accumulates that `evaluate` takes; infinite for what does not follow from constants. */
export const workOf = (value: Value): number => costOf(value).work;

function costOf(value: Value): Cost {
  let cost = costs.get(value);
  if (!cost) {
    const { origin } = value;
    cost =
      origin.kind === 'const'
        ? { work: 0, from: origin.data.length }
        : origin.kind === 'node' && isPure(origin.node)
          ? costOfNode(origin.node)
          : NEVER;
    costs.set(value, cost);
  }
  return cost;
}

function costOfNode(node: Node): Cost {
  let work = opOf(node).macs?.(node.inputs, node.attrs, node.outputs) ?? 0;
  let from = 0;
  for (const { shape } of node.outputs) work += sizeOf(shape);
  for (const input of node.inputs) {
    const own = costOf(input);
    work += own.work;
    from += own.from;
  }
  return { work, from };
}

const isPure = (node: Node): boolean => node.inputs.length > 0 && !RANDOM.has(node.op) && !opOf(node).mutates;

/** The elements of a constant value, computed by the operators' float64 references; each node is computed once. */
export function evaluate(value: Value): Float64Array {
  const { origin } = value;
  let data = results.get(value);
  if (data) return data;
  if (origin.kind === 'const') {
    data = new Float64Array(origin.data);
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
