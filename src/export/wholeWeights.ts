import { unpackPanels } from '../core/panels.ts';
import type { WeightEncoding } from '../formats/onnx/export/weights.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { fakeQuantize, stepOf } from '../ops/fakeQuantize.ts';
import type { QuantizeAttributes } from '../ops/quantizeInt8.ts';
import { weightsOf } from '../passes/activationPlan.ts';
import { rewrite } from '../passes/rewrite.ts';
import { wholeNumbers } from '../passes/steps.ts';

/** Operators that move elements as they are. */
const MOVES = new Set(['reshape', 'transpose', 'slice']);

/** Whether a value is rounded to 8-bit steps, moved or not. */
const isRounded = (value: Value): boolean => {
  const node = producer(value);
  return stepOf(value) !== undefined || (node !== undefined && MOVES.has(node.op) && isRounded(node.inputs[0] as Value));
};

/**
 * Weights of products of 8-bit numbers as the whole numbers that their file had them in: those that steps give back to the bit. What reads floats keeps
 * floats: ONNX Runtime takes less exact products for whole numbers.
 */
export function wholeWeights({ nodes }: Graph): ReadonlyMap<Value, WeightEncoding> {
  const found = new Map<Value, WeightEncoding>();
  for (const node of nodes) {
    const layout = weightsOf(node);
    const [x, value] = node.inputs;
    if (!layout || value?.origin.kind !== 'const' || !isRounded(x as Value)) continue;
    const { logical, groups } = layout;
    const columns = logical.at(-1) as number;
    const data = dataOf(value) as Float32Array;
    const rows = groups === undefined ? data : unpackPanels(data, logical, groups);
    const whole = wholeNumbers(rows, columns, { known: value.graph.steps });
    if (!whole?.numbers.every((number, i) => Math.fround(number * (whole.steps[i % columns] as number)) === rows[i])) continue;
    found.set(value, { bits: 8, data: whole.numbers, scales: whole.steps });
  }
  return found;
}

/** `source` with numbers that are quantized and dequantized again, and read in no other way, as what is rounded to steps. */
export function roundedToSteps(source: Graph): Graph {
  const read = new Map<Value, Node[]>();
  for (const node of source.nodes) for (const input of node.inputs) read.set(input, [...(read.get(input) ?? []), node]);
  const isOutput = new Set(source.outputs.map(({ value }) => value));
  const rounded = new Map<Value, Value>();
  return rewrite(source, (node, _, to) => {
    const [bytes] = node.inputs as [Value];
    const from = node.op === 'dequantizeInt8' ? producer(bytes) : undefined;
    if (from?.op !== 'quantizeInt8' || isOutput.has(bytes)) return undefined;
    const { scale, zero, low, high, ties } = from.attrs as unknown as QuantizeAttributes;
    const isInverse = ({ op, attrs }: Node) => op === 'dequantizeInt8' && attrs.scale === scale && attrs.zero === zero;
    if (ties !== 'even' || !(read.get(bytes) ?? []).every(isInverse)) return undefined;
    const step = (number: number) => to.target.scalar(number);
    const y = rounded.get(bytes) ?? fakeQuantize([to.of(from.inputs[0] as Value), step(scale), step(zero)], { low, high });
    rounded.set(bytes, y);
    return [y];
  });
}
