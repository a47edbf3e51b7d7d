import { ThimbleError } from '../core/errors.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { optimize } from '../passes/optimize.ts';
import type { Training } from '../program/format.ts';
import { lossOf } from '../train/losses.ts';
import { evaluateGraph, type Front, trainGraph } from '../train/methods.ts';
import type { Optimizer } from '../train/optimizers.ts';
import { planTraining } from '../train/training.ts';
import type { Backbone } from './backbone.ts';
import { type Phase, TRAINED_LOSS } from './phase.ts';
import { FEATURES, featureGraph, replay } from './segments.ts';

/** The methods that train a fine-tuned model as a whole, and what a host has to know of them. */
export interface TrainableMethods {
  readonly graphs: readonly Graph[];
  readonly training: Training;
}

/**
 * Training of `phase` in one program, from the model's own inputs: the frozen part runs before each step, on one item at a time, and `optimizer`
 * adds up as many gradients as an update takes. Weights, moments and counters are those of the phase.
 */
export function trainableMethods(backbone: Backbone, phase: Phase, optimizer: Optimizer): TrainableMethods {
  const { network, seed } = phase.model;
  const loss = lossOf(TRAINED_LOSS);
  const planned = planTraining(network, seed, loss, { optimizer });
  const before = new Map(phase.model.state().map((held) => [held.variable.name, held.data]));
  for (const held of planned.held) held.data = before.get(held.variable.name)?.slice() ?? held.data;
  const front = frontOf(backbone, phase);
  const spec = { ...planned.spec, front };
  const { gradientAccumulationSteps: accumulationSteps, learningRate } = optimizer.options;
  const graphs = [evaluateGraph(network, loss, 1, undefined, front), trainGraph('train', spec, 1, true)];
  if (accumulationSteps > 1) graphs.push(trainGraph('accumulate', spec, 1, false));
  return {
    graphs,
    training: { batchSize: 1, learningRate: phase.model.learningRateOverride ?? learningRate, accumulationSteps, accumulated: 0 },
  };
}

/** The features of one item, from the model's inputs. */
function frontOf(backbone: Backbone, { cut, frozen }: Phase): Front {
  const features = frozen ? optimize(featureGraph(backbone, cut)) : undefined;
  return (graph, network) => {
    const inputs = backbone.inputs.map((input) => [input, graph.input(input.name, input)] as const);
    const start = network.inputs[0];
    if (!start) throw new ThimbleError('INPUT', 'the trained part has no input');
    const value = features ? replayed(features, graph) : (inputs.find(([input]) => input === cut.at)?.[1] as Value);
    return new Map([[start, value]]);
  };
}

/** Appends a graph of constants and inputs that `target` has too; returns its output. */
function replayed(features: Graph, target: Graph): Value {
  const map = new Map<Value, Value>();
  for (const input of features.inputs) {
    const known = target.inputs.find(({ name }) => name === input.name);
    if (known) map.set(input, known);
  }
  replay(features.nodes, target, map);
  return map.get((features.outputs.find(({ name }) => name === FEATURES) as Graph['outputs'][number]).value) as Value;
}
