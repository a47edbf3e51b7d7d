import { ThimbleError } from '../../../core/errors.ts';
import { unpackPanels } from '../../../core/panels.ts';
import { type Node, producer, type Value } from '../../../ir/graph.ts';
import { dataOf } from '../../../ops/constants.ts';
import type { Epilogue } from '../../../ops/epilogue.ts';
import type { RecurrentAttributes } from '../../../ops/recurrent.ts';
import type { SliceAttributes } from '../../../ops/slice.ts';
import { attrsOf, type Emission, type Emit, type Emits, permuted } from './emission.ts';
import { constantOf } from './weights.ts';

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

/** The products with the input: the dense layer that computes xw, or where something is in between, the identity. */
function inputProducts(node: Node, width: number) {
  const xw = node.inputs[0] as Value;
  const linear = absorbedProduct(node);
  if (!linear) {
    const eye = Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));
    return { x: xw, depth: width, kernel: eye, bias: new Float32Array(width), name: node.name };
  }
  const [x, w, b] = linear.inputs as [Value, Value, Value?];
  const depth = x.shape.at(-1) as number;
  const kernel = unpackPanels(constantOf(w) as Float32Array, [depth, width]);
  return { x, depth, kernel, bias: b ? (dataOf(b) as Float32Array) : new Float32Array(width), name: w.name };
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
    const width = gates.length * units;
    const { x, depth, kernel, bias, name } = inputProducts(node, width);
    const rows = (value: Value, own: readonly number[]) => {
      const columns = own.length * units;
      return gateRows(unpackPanels(constantOf(value) as Float32Array, [units, columns]), units, units, own);
    };
    const recurrent = candidate ? Float32Array.of(...rows(w, [0, 1]), ...rows(candidate, [0])) : rows(w, gates);
    const recurrentShift = recurrentBias ? (dataOf(recurrentBias) as Float32Array) : new Float32Array(width);
    const biases = new Float32Array(2 * width);
    biases.set(inGateOrder(bias, units, gates));
    biases.set(inGateOrder(recurrentShift, units, gates), width);
    const inputs = [
      // ONNX wants the steps first.
      e.as(x, [1, 0, 2]),
      e.tensor(name, [1, width, depth], gateRows(kernel, depth, units, gates)),
      e.tensor(w.name, [1, width, units], recurrent),
      e.tensor(`${node.name}/bias`, [1, 2 * width], biases),
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
