import { Graph, type Value } from '../ir/graph.ts';
import type { Variable } from '../ir/variable.ts';
import type { Symbolic, Weight } from '../layers/layer.ts';
import { abs } from '../ops/abs.ts';
import { add } from '../ops/add.ts';
import { clip } from '../ops/clip.ts';
import { mul } from '../ops/mul.ts';
import { accumulate, clear, clipScale, increment } from '../ops/optimizers.ts';
import { reduceSquares } from '../ops/reduceSquares.ts';
import { reduceSum } from '../ops/reduceSum.ts';
import { gradients } from '../passes/autodiff.ts';
import { quantizeAware, type RangeVariables } from '../passes/quantizeAware.ts';
import type { Loss } from './losses.ts';
import { applyNetwork, type Call, type Network, type NetworkContext } from './network.ts';
import type { Optimizer } from './optimizers.ts';

/** Names of inputs and outputs that are not the user's. */
export const io = {
  labels: 'labels',
  sampleWeight: 'sampleWeight',
  learningRate: 'learningRate',
  loss: 'loss',
  predictions: 'predictions',
} as const;

/** The ranges of quantization-aware training; undefined where activations and weights are not rounded. */
export type Rounding = RangeVariables | undefined;

/** Variables of a training program besides the weights. */
export interface TrainingState {
  /** Completed optimizer steps, and draws of the counter RNG: i32. */
  readonly step: Variable;
  readonly draws: Variable;
  readonly seed: Variable;
  /** Slots of each trained parameter, in the optimizer's order. */
  readonly slots: ReadonlyMap<Variable, readonly Variable[]>;
  /** Sums of gradients between updates; empty without accumulation. */
  readonly sums: ReadonlyMap<Variable, Variable>;
}

export interface TrainingSpec {
  readonly network: Network;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly state: TrainingState;
  /** The parameters to train. */
  readonly trained: readonly Weight[];
  readonly rounding: Rounding;
  /** What the network's inputs are computed from; they are inputs of the methods where it is left out. */
  readonly front?: Front;
}

/** Adds the values of a network's inputs, `batch` rows each, to a graph. */
export type Front = (graph: Graph, network: Network, batch: number) => Map<Symbolic, Value>;

const addInputs: Front = (graph, network, batch) =>
  new Map(network.inputs.map((tensor) => [tensor, graph.input(tensor.name, { dtype: tensor.dtype, shape: [batch, ...tensor.shape] })]));

const noRandom = () => {
  throw new Error('a layer draws random numbers outside training');
};

interface Forward {
  readonly training: boolean;
  readonly random?: (graph: Graph) => NetworkContext['random'];
  readonly rounding?: Rounding;
  readonly front?: Front | undefined;
  readonly onLayer?: NonNullable<NetworkContext['onLayer']>;
}

/** A graph of the network on `batch` items, rounded where that is wanted, and its output. */
function forward(
  name: string,
  network: Network,
  batch: number,
  { rounding, random = () => noRandom, front = addInputs, ...context }: Forward,
): { graph: Graph; predictions: Value } {
  const graph = new Graph(name);
  const predictions = applyNetwork(network, graph, front(graph, network, batch), { ...context, random: random(graph) });
  if (!rounding) return { graph, predictions };
  graph.output(io.predictions, predictions);
  const rounded = quantizeAware(graph, rounding, context.training);
  return { graph: rounded, predictions: (rounded.outputs.pop() as Graph['outputs'][number]).value };
}

/** Method `predict`: the network's output. `onLayer` sees each layer's value, before any rounding. */
export function predictGraph(network: Network, batch: number, onLayer?: (call: Call, output: Value) => void, rounding?: Rounding): Graph {
  const { graph, predictions } = forward('predict', network, batch, { training: false, rounding, ...(onLayer && { onLayer }) });
  graph.output(io.predictions, predictions);
  return graph;
}

function addLabels(graph: Graph, loss: Loss, predictions: Value, symbolic: Symbolic): Value {
  const shape = loss.labels === 'i32' ? symbolic.shape.slice(0, -1) : symbolic.shape;
  return graph.input(io.labels, { dtype: loss.labels, shape: [predictions.shape[0] as number, ...shape] });
}

/** Method `evaluate`: predictions, and the loss of each batch item. */
export function evaluateGraph(network: Network, loss: Loss, batch: number, rounding?: Rounding, front?: Front): Graph {
  const { graph, predictions } = forward('evaluate', network, batch, { training: false, rounding, front });
  const losses = loss.apply(predictions, addLabels(graph, loss, predictions, network.output));
  graph.output(io.predictions, predictions);
  graph.output('losses', losses);
  return graph;
}

/**
 * A training step on `batch` items: forward, loss, backward, update. With `update` false it only adds the gradients to the sums.
 * The loss is Σ weight · loss / batch plus penalties; an update runs as soon as its gradient is complete, so gradients die early, except
 * under global-norm clipping, which needs them all.
 */
export function trainGraph(name: string, spec: TrainingSpec, batch: number, update: boolean): Graph {
  const { network, loss, state, trained, rounding, front } = spec;
  const random = (own: Graph) => () => ({ seed: own.state(state.seed), step: own.state(state.draws) });
  const { graph, predictions } = forward(name, network, batch, { training: true, random, rounding, front });
  const labels = addLabels(graph, loss, predictions, network.output);
  const weight = graph.input(io.sampleWeight, { dtype: 'f32', shape: [batch] });
  const mean = mul([reduceSum(mul([loss.apply(predictions, labels), weight])), graph.scalar(1 / batch)]);
  const total = trained.reduce((sum, item) => addPenalty(sum, item, graph), mean);
  graph.output(io.loss, total);
  graph.output(io.predictions, predictions);

  const parameters = trained.map(({ variable }) => graph.state(variable));
  const found = gradients(total, parameters);
  const used = parameters.flatMap((parameter, i) => {
    const gradient = found.get(parameter);
    return gradient ? [{ parameter, gradient, variable: (trained[i] as Weight).variable }] : [];
  });
  if (update) addUpdates(graph, spec, used);
  else for (const { gradient, variable } of used) accumulate.node([graph.state(state.sums.get(variable) as Variable), gradient]);
  increment.node(graph.state(state.draws));
  return graph;
}

/** loss + l1 Σ |w| + l2 Σ w². */
function addPenalty(loss: Value, { variable, regularizer }: Weight, graph: Graph): Value {
  const { l1 = 0, l2 = 0 } = regularizer ?? {};
  let total = loss;
  if (l1) total = add([total, mul([reduceSum(abs(graph.state(variable))), graph.scalar(l1)])]);
  if (l2) total = add([total, mul([reduceSquares(graph.state(variable)), graph.scalar(l2)])]);
  return total;
}

interface Gradient {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly variable: Variable;
}

function addUpdates(graph: Graph, { optimizer, state }: TrainingSpec, found: readonly Gradient[]): void {
  const { clipValue, clipNorm, globalClipNorm, gradientAccumulationSteps: steps } = optimizer.options;
  const learningRate = graph.input(io.learningRate, { dtype: 'f32', shape: [] });
  const step = graph.state(state.step);
  const clipped = found.map(({ parameter, gradient, variable }) => {
    let g = gradient;
    if (steps > 1) {
      const sum = graph.state(state.sums.get(variable) as Variable);
      g = mul([add([sum, g]), graph.scalar(1 / steps)]);
      clear.node(sum);
    }
    if (clipValue !== undefined) g = clip(g, { min: -clipValue, max: clipValue });
    if (clipNorm !== undefined) g = mul([g, clipScale(reduceSquares(g), { limit: clipNorm })]);
    return { parameter, gradient: g, variable };
  });
  const norms = globalClipNorm === undefined ? [] : clipped.map(({ gradient }) => reduceSquares(gradient));
  const scale = norms.length
    ? clipScale(
        norms.slice(1).reduce((sum, norm) => add([sum, norm]), norms[0] as Value),
        { limit: globalClipNorm as number },
      )
    : undefined;
  for (const { parameter, gradient, variable } of clipped) {
    const slots = (state.slots.get(variable) ?? []).map((slot) => graph.state(slot));
    optimizer.update({ parameter, gradient, slots, learningRate, step, scale });
  }
  increment.node(step);
}
