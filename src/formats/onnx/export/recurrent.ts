import { ThimbleError } from '../../../core/errors.ts';
import { unpackPanels } from '../../../core/panels.ts';
import { type Node, producer, type Value } from '../../../ir/graph.ts';
import { dataOf } from '../../../ops/constants.ts';
import type { Epilogue } from '../../../ops/epilogue.ts';
import type { RecurrentAttributes } from '../../../ops/recurrent.ts';
import type { SliceAttributes } from '../../../ops/slice.ts';
import { attrsOf, type Emission, type Emit, type Emits, permuted } from './emission.ts';
import { weightOf } from './weights.ts';

/** Where each gate of ONNX is among thimble's. */
const ORDERS = {
  rnn: { op: 'RNN', gates: [0] },
  /** ONNX: input, output, forget, cell. */
  lstm: { op: 'LSTM', gates: [0, 3, 1, 2] },
  gru: { op: 'GRU', gates: [0, 1, 2] },
  gruBefore: { op: 'GRU', gates: [0, 1, 2] },
} as const;

/** Columns [rows, gates · units] as ONNX has them: [1, gates · units, rows], gates in its order. */
function gateRows(data: Float32Array, rows: number, units: number, gates: readonly number[]): Float32Array {
  const turned = permuted(data, [rows, gates.length * units], [1, 0]);
  return inGateOrder(turned, units * rows, gates);
}

function inGateOrder(data: Float32Array, size: number, gates: readonly number[]): Float32Array {
  const ordered = new Float32Array(data.length);
  gates.forEach((gate, i) => void ordered.set(data.subarray(gate * size, (gate + 1) * size), i * size));
  return ordered;
}

/** The dense layer whose result a recurrent operator reads, and takes in. */
export function absorbedProduct(node: Node): Node | undefined {
  const linear = node.op in ORDERS ? producer(node.inputs[0] as Value) : undefined;
  if (linear?.op !== 'linear') return undefined;
  const { residual, low, high } = attrsOf<Epilogue>(linear);
  return !residual && low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY ? linear : undefined;
}

/** Gates that lie one after the other along the first axis of tensor `name`, put in ONNX's order. */
function gatesInOrder(e: Emission, name: string, units: number, gates: readonly number[]): string {
  if (gates.every((gate, i) => gate === i)) return name;
  const parts = e.many('Split', [name, e.ints(gates.map(() => units))], { axis: 0 }, gates.length);
  const ordered = gates.map((gate) => parts[gate] as string);
  return e.op('Concat', ordered, { axis: 0 });
}

/** Name of the tensor [1, gates · units, depth] with weights [depth, gates · units], which may be whole numbers or computed when the model runs. */
function weights(e: Emission, value: Value, depth: number, units: number, gates: readonly number[]): string {
  const columns = gates.length * units;
  if (value.origin.kind === 'const' && !e.weights.has(value)) {
    const data = unpackPanels(value.origin.data as Float32Array, [depth, columns]);
    return e.tensor(value.name, [1, columns, depth], gateRows(data, depth, units, gates));
  }
  const rows = weightOf(e, value, { logical: [depth, columns], groups: 1, perm: [1, 0] });
  return e.op('Unsqueeze', [gatesInOrder(e, rows, units, gates), e.ints([0])]);
}

/** Name of the tensor [1, 2 · gates · units] with the biases of the input and of the state, zeros where there is none. */
function biases(e: Emission, name: string, given: readonly (Value | undefined)[], units: number, gates: readonly number[]): string {
  const width = gates.length * units;
  if (given.every((bias) => !bias || bias.origin.kind === 'const')) {
    const both = new Float32Array(2 * width);
    given.forEach((bias, i) => void (bias && both.set(inGateOrder(dataOf(bias) as Float32Array, units, gates), i * width)));
    return e.tensor(name, [1, 2 * width], both);
  }
  const parts = given.map((bias) =>
    bias ? gatesInOrder(e, e.plain(bias), units, gates) : e.tensor(name, [width], new Float32Array(width)),
  );
  return e.op('Unsqueeze', [e.op('Concat', parts, { axis: 0 }), e.ints([0])]);
}

/** The products with the input: the dense layer that computes xw, or where something is in between, the identity. */
function inputProducts(e: Emission, node: Node, units: number, gates: readonly number[]) {
  const xw = node.inputs[0] as Value;
  const linear = absorbedProduct(node);
  if (!linear) {
    const width = gates.length * units;
    const eye = Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));
    return { x: xw, kernel: e.tensor(node.name, [1, width, width], gateRows(eye, width, units, gates)), bias: undefined };
  }
  const [x, w, bias] = linear.inputs as [Value, Value, Value?];
  return { x, kernel: weights(e, w, x.shape.at(-1) as number, units, gates), bias };
}

/** ONNX gives the cells of the last step alone: what reads them, which must be slices of that step. */
function readersOfCells(node: Node, last: number): Node[] {
  const cells = node.outputs[1] as Value;
  const readers = node.op === 'lstm' ? cells.graph.nodes.filter(({ inputs }) => inputs.includes(cells)) : [];
  for (const { op, attrs } of readers) {
    const { starts, sizes } = attrs as unknown as SliceAttributes;
    if (op !== 'slice' || starts[1] !== last || sizes[1] !== 1) {
      throw new ThimbleError('UNSUPPORTED_OP', 'ONNX has no operator for the cells of all steps of an LSTM', { node: node.name });
    }
  }
  return readers;
}

const cell =
  (kind: keyof typeof ORDERS): Emit =>
  (e: Emission, node: Node) => {
    const { op, gates } = ORDERS[kind];
    const { units, activation, reverse } = attrsOf<RecurrentAttributes>(node);
    const [, w, ...rest] = node.inputs as [Value, Value, ...Value[]];
    const recurrentBias = kind === 'gru' ? rest[0] : undefined;
    const candidate = kind === 'gruBefore' ? rest[0] : undefined;
    const states = rest.slice(recurrentBias || candidate ? 1 : 0);
    const { x, kernel, bias } = inputProducts(e, node, units, gates);
    // The gates that scale the state before the product of the candidate stand apart from it.
    const recurrent = candidate
      ? e.op('Concat', [weights(e, w, units, units, [0, 1]), weights(e, candidate, units, units, [0])], { axis: 1 })
      : weights(e, w, units, units, gates);
    const inputs = [
      // ONNX wants the steps first.
      e.as(x, [1, 0, 2]),
      kernel,
      recurrent,
      biases(e, `${node.name}/bias`, [bias, recurrentBias], units, gates),
      ...(states.length ? ['', ...states.map((state) => e.op('Unsqueeze', [e.plain(state), e.ints([0])]))] : []),
    ];
    const attributes = {
      hidden_size: units,
      ...(kind === 'gru' && { linear_before_reset: 1 }),
      ...(activation === 'relu' && { activations: ['Relu'] }),
      ...(reverse && { direction: 'reverse' }),
    };
    const readers = readersOfCells(node, reverse ? 0 : (x.shape[1] as number) - 1);
    const [y, , lastCells] = e.many(op, inputs, attributes, readers.length ? 3 : 1);
    e.put(node.outputs[0] as Value, e.op('Squeeze', [y as string, e.ints([1])]), [1, 0, 2]);
    for (const reader of readers) e.put(reader.outputs[0] as Value, lastCells as string, [1, 0, 2]);
  };

/** Recurrent layers. */
export const recurrent: Emits = { rnn: cell('rnn'), lstm: cell('lstm'), gru: cell('gru'), gruBefore: cell('gruBefore') };
