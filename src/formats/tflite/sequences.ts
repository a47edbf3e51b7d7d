import type { Value } from '../../ir/graph.ts';
import type { Op } from '../../ops/define.ts';
import { concat, linear, lstm, rnn } from '../../ops/index.ts';
import type { RecurrentAttributes } from '../../ops/recurrent.ts';
import { part, reshapedTo } from '../moves.ts';
import { panels, permuted } from '../weights.ts';
import { RELU, TANH } from './activation.ts';
import type { NodeContext } from './context.ts';
import { floatWeights } from './hybrid.ts';
import { given, type LstmClips, type LstmInputs, type Sequence, type State, stateOf, vector } from './recurrentInputs.ts';

/** Weights [units, width] of all gates side by side, in panels, and their number of columns. */
function columns(n: NodeContext, indexes: readonly number[]): { weights: Value; units: number } {
  const joined = n.folded(
    concat(
      indexes.map((index) => permuted(floatWeights(n, index), [1, 0])),
      { axis: 1 },
    ),
  );
  return { weights: panels(joined), units: joined.shape[1] as number };
}

/** [batch, steps, …] of a sequence and back. */
const turned = (x: Value, timeMajor: boolean): Value => {
  const [first, second, width] = x.shape as [number, number, number];
  return timeMajor && first !== 1 && second !== 1 ? permuted(x, [1, 0, 2]) : reshapedTo(x, timeMajor ? [second, first, width] : x.shape);
};

interface Cell {
  readonly op: Op<RecurrentAttributes>;
  readonly input: readonly number[];
  readonly recurrent: readonly number[];
  readonly bias: readonly number[];
  readonly states: readonly State[];
}

/** All steps by one kernel. Outputs of `op` are the states, step by step. */
function sequence(
  n: NodeContext,
  { op, input, recurrent, bias, states }: Cell,
  { timeMajor, activation }: Sequence,
  reverse: boolean,
): Value {
  const x = turned(n.f32(0), timeMajor);
  const { weights, units: width } = columns(n, input);
  const biases = n.folded(
    concat(
      bias.map((index) => vector(n, index)),
      { axis: 0 },
    ),
  );
  const units = width / input.length;
  const inputs = [linear([x, weights, biases], { units: width }), columns(n, recurrent).weights, ...states.map(({ value }) => value)];
  const outputs = op.all(inputs, { units, activation: activation === RELU ? 'relu' : 'tanh', reverse });
  const [batch, steps] = x.shape as readonly [number, number, number];
  states.forEach((state, i) => {
    state.set(reshapedTo(part(outputs[i] as Value, 1, reverse ? 0 : steps - 1, 1), [batch, units]));
  });
  return turned(outputs[0] as Value, timeMajor);
}

const isSequence = (n: NodeContext, weight: number): boolean =>
  n.x(0).shape.length === 3 && !n.x(0).shape.includes(0) && n.x(weight).dtype === 'f32';

/** A float LSTM as the kernel knows it: all four gates, tanh, nothing clipped, projected or normalised, no peepholes. Undefined where it is another. */
export function lstmSequence(n: NodeContext, at: LstmInputs, how: Sequence, clips: LstmClips, reverse = false): Value | undefined {
  const special = [...at.peephole, ...at.norm, at.projection].some((index) => given(n, index));
  const plain = how.activation === TANH && !(clips.cellClip > 0) && !special && at.input.every((index) => given(n, index));
  if (!plain || !isSequence(n, at.input[0] as number)) return undefined;
  const states = [stateOf(n, at.hidden), stateOf(n, at.cell)];
  return sequence(n, { op: lstm, input: at.input, recurrent: at.recurrent, bias: at.bias, states }, how, reverse);
}

/** A float RNN of tanh or relu. Undefined where it is another. Inputs from `first` on: W, R, bias, hidden state. */
export function rnnSequence(n: NodeContext, first: number, how: Sequence, reverse = false): Value | undefined {
  if ((how.activation !== TANH && how.activation !== RELU) || !isSequence(n, first)) return undefined;
  const states = [stateOf(n, first + 3)];
  return sequence(n, { op: rnn, input: [first], recurrent: [first + 1], bias: [first + 2], states }, how, reverse);
}
