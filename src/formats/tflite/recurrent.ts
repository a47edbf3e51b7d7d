import type { Value } from '../../ir/graph.ts';
import { layerNorm } from '../../ops/groupNorm.ts';
import { add, clip, concat, mul, reduceSum, sigmoid, sub } from '../../ops/index.ts';
import { part, reshapedTo } from '../moves.ts';
import { activated } from './activation.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { floatWeights, type Product, productOf } from './hybrid.ts';
import {
  bidirectionalSequenceLSTMOptions,
  bidirectionalSequenceRNNOptions,
  lstmOptions,
  rnnOptions,
  sequenceRNNOptions,
  svdfOptions,
  unidirectionalSequenceLSTMOptions,
} from './options.ts';
import { quantizedLstm } from './quantizedLstm.ts';
import { quantizedSvdf } from './quantizedSvdf.ts';
import { given, type LstmClips, type LstmInputs, type Sequence, stateOf, unidirectional, vector } from './recurrentInputs.ts';
import { lstmSequence, rnnSequence } from './sequences.ts';
import { overTime } from './unrolled.ts';

const limited = (value: Value, bound: number): Value => (bound > 0 ? clip(value, { min: -bound, max: bound }) : value);

interface Lstm {
  step(x: Value): Value;
  /** Writes the states back. */
  end(): void;
}

/** One direction of a float or hybrid LSTM: gates in the order input (none where it is coupled to forget), forget, cell, output. */
function lstmCell(n: NodeContext, at: LstmInputs, { activation, asymmetric }: Sequence, clips: LstmClips): Lstm {
  const coupled = !given(n, at.input[0] as number);
  const gates = coupled ? [1, 2, 3] : [0, 1, 2, 3];
  const units = n.shape(at.input[1] as number)[0] as number;
  const normalised = given(n, at.norm[1] as number);
  const stack = (indexes: readonly number[]) =>
    productOf(
      n,
      gates.map((gate) => indexes[gate] as number),
      asymmetric,
    );
  const [fromInput, fromHidden] = [stack(at.input), stack(at.recurrent)];
  const project: Product | undefined = given(n, at.projection) ? productOf(n, [at.projection], asymmetric) : undefined;
  const bias = concat(
    gates.map((gate) => vector(n, at.bias[gate] as number)),
    { axis: 0 },
  );
  const [hidden, cell] = [stateOf(n, at.hidden), stateOf(n, at.cell)];
  let [h, c] = [hidden.value, cell.value];
  const step = (x: Value): Value => {
    const products = add([fromInput(x), fromHidden(h)]);
    const sums = normalised ? products : add([products, bias]);
    const sum = (gate: number): Value => part(sums, 1, gates.indexOf(gate) * units, units);
    const peep = (gate: number, value: Value): Value => {
      const index = at.peephole[gate] as number;
      return given(n, index) ? add([value, mul([c, vector(n, index)])]) : value;
    };
    const normal = (gate: number, value: Value): Value => {
      if (!normalised) return value;
      return layerNorm([value, vector(n, at.norm[gate] as number), vector(n, at.bias[gate] as number)], { epsilon: 1e-8 });
    };
    const forget = sigmoid(normal(1, peep(1, sum(1))));
    const input = coupled ? sub([n.graph.scalar(1), forget]) : sigmoid(normal(0, peep(0, sum(0))));
    const candidate = activated(n, normal(2, sum(2)), activation);
    c = limited(add([mul([forget, c]), mul([input, candidate])]), clips.cellClip);
    const output = sigmoid(normal(3, peep(3, sum(3))));
    h = mul([output, activated(n, c, activation)]);
    if (project) {
      const projected = project(h);
      h = limited(given(n, at.projectionBias) ? add([projected, vector(n, at.projectionBias)]) : projected, clips.projClip);
    }
    return h;
  };
  return {
    step,
    end() {
      hidden.set(h);
      cell.set(c);
    },
  };
}

function sequenceLstm(n: NodeContext): Result {
  const options = n.options(unidirectionalSequenceLSTMOptions);
  if (options.diagonalRecurrentTensors) n.refuse('diagonal recurrent weights');
  const sequence = {
    timeMajor: options.timeMajor !== 0,
    activation: options.fusedActivationFunction,
    asymmetric: options.asymmetricQuantizeInputs !== 0,
  };
  if (n.x(0).dtype !== 'f32') return quantizedLstm(n, unidirectional, sequence.timeMajor, options);
  return lstmOver(n, unidirectional, sequence, options);
}

/** One direction of a float or hybrid LSTM over a sequence. */
function lstmOver(n: NodeContext, at: LstmInputs, sequence: Sequence, clips: LstmClips, reverse = false): Value {
  const y = lstmSequence(n, at, sequence, clips, reverse);
  if (y) return y;
  const cell = lstmCell(n, at, sequence, clips);
  const unrolled = overTime(n.f32(0), sequence.timeMajor, cell.step, reverse);
  cell.end();
  return unrolled;
}

/** The single step of old files. */
function lstm(n: NodeContext): Result {
  const options = n.options(lstmOptions);
  if (options.kernelType !== 0) n.refuse('the basic LSTM kernel', { expected: 'the full one' });
  const sequence = { timeMajor: false, activation: options.fusedActivationFunction, asymmetric: options.asymmetricQuantizeInputs !== 0 };
  if (n.x(0).dtype !== 'f32') n.refuse('a quantized single step');
  const cell = lstmCell(n, unidirectional, sequence, options);
  const y = cell.step(n.f32(0));
  cell.end();
  return y;
}

/** Forward and backward; tensors of the second direction follow those of the first. */
function bidirectionalLstm(n: NodeContext): Result {
  const options = n.options(bidirectionalSequenceLSTMOptions);
  const sequence = {
    timeMajor: options.timeMajor !== 0,
    activation: options.fusedActivationFunction,
    asymmetric: options.asymmetricQuantizeInputs !== 0,
  };
  if (n.x(0).dtype !== 'f32') n.refuse('a quantized bidirectional LSTM');
  if (n.has(39)) n.refuse('an auxiliary input');
  const none = [-1, -1, -1, -1];
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
  const direction = (first: number, hidden: number): LstmInputs => ({
    x: 0,
    input: range(first, 4),
    recurrent: range(first + 4, 4),
    peephole: [first + 8, first + 9, -1, first + 10],
    bias: range(first + 11, 4),
    projection: first + 15,
    projectionBias: first + 16,
    hidden,
    cell: hidden + 1,
    norm: none,
  });
  const results = [lstmOver(n, direction(1, 35), sequence, options), lstmOver(n, direction(18, 37), sequence, options, true)];
  return options.mergeOutputs ? concat(results, { axis: 2 }) : results;
}

/** h = f(x · W + h · R + bias). Inputs from `first` on: W, R, bias, hidden state. */
function rnnCell(n: NodeContext, first: number, { activation, asymmetric }: Sequence): Lstm {
  const [fromInput, fromHidden] = [productOf(n, [first], asymmetric), productOf(n, [first + 1], asymmetric)];
  const bias = vector(n, first + 2);
  const hidden = stateOf(n, first + 3);
  let h = hidden.value;
  return {
    step(x) {
      h = activated(n, add([add([fromInput(x), bias]), fromHidden(h)]), activation);
      return h;
    },
    end: () => hidden.set(h),
  };
}

function rnn(n: NodeContext): Result {
  const options = n.options(rnnOptions);
  const cell = rnnCell(n, 1, {
    timeMajor: false,
    activation: options.fusedActivationFunction,
    asymmetric: options.asymmetricQuantizeInputs !== 0,
  });
  const y = cell.step(n.f32(0));
  cell.end();
  return y;
}

function sequenceRnn(n: NodeContext): Result {
  const options = n.options(sequenceRNNOptions);
  const sequence = {
    timeMajor: options.timeMajor !== 0,
    activation: options.fusedActivationFunction,
    asymmetric: options.asymmetricQuantizeInputs !== 0,
  };
  return rnnOver(n, 1, sequence);
}

function rnnOver(n: NodeContext, first: number, sequence: Sequence, reverse = false): Value {
  const y = rnnSequence(n, first, sequence, reverse);
  if (y) return y;
  const cell = rnnCell(n, first, sequence);
  const unrolled = overTime(n.f32(0), sequence.timeMajor, cell.step, reverse);
  cell.end();
  return unrolled;
}

function bidirectionalRnn(n: NodeContext): Result {
  const options = n.options(bidirectionalSequenceRNNOptions);
  const sequence = {
    timeMajor: options.timeMajor !== 0,
    activation: options.fusedActivationFunction,
    asymmetric: options.asymmetricQuantizeInputs !== 0,
  };
  if (n.has(9)) n.refuse('an auxiliary input');
  const results = [rnnOver(n, 1, sequence), rnnOver(n, 5, sequence, true)];
  return options.mergeOutputs ? concat(results, { axis: 2 }) : results;
}

/**
 * A dense layer over time by low rank (Nakkiran et al. 2015). Inputs: x [batch, width], features [filters, width], time [filters, memory],
 * optionally bias [units], state [batch, filters · memory], which moves by one step.
 */
function svdf(n: NodeContext): Result {
  const { rank, fusedActivationFunction, asymmetricQuantizeInputs } = n.options(svdfOptions);
  const [filters = 0, memory = 0] = n.shape(2);
  if (rank < 1 || filters % rank || memory < 1) throw damaged(`${filters} filters of rank ${rank}`);
  if (n.x(0).dtype !== 'f32') return quantizedSvdf(n, rank);
  const x = n.f32(0);
  const batch = x.shape[0] as number;
  const state = stateOf(n, 4);
  const newest = reshapedTo(productOf(n, [1], asymmetricQuantizeInputs !== 0)(x), [batch, filters, 1]);
  const past = reshapedTo(state.value, [batch, filters, memory]);
  const window = memory === 1 ? newest : concat([part(past, 2, 1, memory - 1), newest], { axis: 2 });
  state.set(reshapedTo(window, state.value.shape));
  const time = reshapedTo(floatWeights(n, 2), [filters, memory]);
  const products = reduceSum(mul([window, time]), { axes: [2] });
  const sums = reduceSum(reshapedTo(products, [batch, filters / rank, rank]), { axes: [2] });
  return activated(n, n.has(3) ? add([sums, vector(n, 3)]) : sums, fusedActivationFunction);
}

/** Operators that keep state. */
export const recurrent: Rows = {
  UNIDIRECTIONAL_SEQUENCE_LSTM: sequenceLstm,
  BIDIRECTIONAL_SEQUENCE_LSTM: bidirectionalLstm,
  LSTM: lstm,
  RNN: rnn,
  UNIDIRECTIONAL_SEQUENCE_RNN: sequenceRnn,
  BIDIRECTIONAL_SEQUENCE_RNN: bidirectionalRnn,
  SVDF: svdf,
};
