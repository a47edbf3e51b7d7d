import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { floatWeights } from './hybrid.ts';

/** What recurrent operators are told beside their tensors. */
export interface Sequence {
  readonly timeMajor: boolean;
  readonly activation: number;
  /** Hybrid products quantize their inputs with a zero point. */
  readonly asymmetric: boolean;
}

/** A state tensor of a recurrent operator: where its value is found, and where the new one goes. */
export interface State {
  readonly value: Value;
  set(value: Value): void;
}

export function stateOf(n: NodeContext, index: number): State {
  const { variables } = n.importer;
  const at = n.node.inputs[index] ?? -1;
  if (!n.input(index).isVariable) {
    const { value } = n.operand(index);
    return { value, set() {} };
  }
  const { value } = variables.tensor(n.scope.graph, at);
  return { value, set: (next) => variables.assignTensor(n.scope.graph, at, next) };
}

/** Tensors of one direction of an LSTM, by their index among the inputs; -1 is none. */
export interface LstmInputs {
  readonly x: number;
  /** Input weights of the input, forget, cell and output gates; then recurrent weights, peepholes (no cell), biases, normalisation. */
  readonly input: readonly number[];
  readonly recurrent: readonly number[];
  readonly peephole: readonly number[];
  readonly bias: readonly number[];
  readonly projection: number;
  readonly projectionBias: number;
  readonly hidden: number;
  readonly cell: number;
  readonly norm: readonly number[];
}

export const unidirectional: LstmInputs = {
  x: 0,
  input: [1, 2, 3, 4],
  recurrent: [5, 6, 7, 8],
  peephole: [9, 10, -1, 11],
  bias: [12, 13, 14, 15],
  projection: 16,
  projectionBias: 17,
  hidden: 18,
  cell: 19,
  norm: [20, 21, 22, 23],
};

export interface LstmClips {
  readonly cellClip: number;
  readonly projClip: number;
}

export const given = (n: NodeContext, index: number): boolean => index >= 0 && n.has(index);

/** Biases, peepholes and normalisation as floats of one axis. */
export function vector(n: NodeContext, index: number): Value {
  const value = floatWeights(n, index);
  return reshapedTo(value, [sizeOf(value.shape)]);
}
