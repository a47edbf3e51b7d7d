import { ThimbleError } from '../core/errors.ts';
import { type Loss, type LossName, lossOf } from './losses.ts';
import type { TrainingSpec, TrainingState } from './methods.ts';
import { type Metric, type MetricName, metricOf } from './metrics.ts';
import type { Network } from './network.ts';
import { type Optimizer, type OptimizerName, optimizerOf } from './optimizers.ts';
import { type Held, hold } from './state.ts';

export interface TrainingOptions {
  readonly optimizer?: OptimizerName | Optimizer;
  readonly metrics?: readonly (MetricName | Metric)[];
  /** Ranges of quantization-aware training by name; new ones are added to it. Without it nothing is rounded. */
  readonly ranges?: Map<string, Held> | undefined;
}

/** A model's training, planned: what its graphs are made of, and the state they keep besides the weights. */
export interface Compiled {
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly metrics: readonly Metric[];
  readonly spec: TrainingSpec;
  readonly held: readonly Held[];
  readonly step: Held;
}

/**
 * What training `network` on `loss` takes: the parameters of its trainable layers, and state for the optimizer.
 * @throws INPUT where every layer is frozen.
 */
export function planTraining(
  network: Network,
  seed: number,
  loss: LossName | Loss,
  { optimizer: given = 'rmsprop', metrics = [], ranges }: TrainingOptions,
): Compiled {
  const optimizer = optimizerOf(given);
  const lossFunction = lossOf(loss);
  const trained = network.layers
    .filter((layer) => layer.trainable)
    .flatMap((layer) => [...layer.weights.values()].filter(({ variable }) => variable.role === 'parameter'));
  if (trained.length === 0)
    throw new ThimbleError('INPUT', 'every layer is frozen: there is nothing to train', {
      hint: 'set trainable on a layer, or compile without a loss',
    });
  const counter = (name: string, initial = 0) => hold({ name, role: 'counter', dtype: 'i32', initial });
  const [step, draws, seedState] = [counter('step'), counter('draws'), counter('seed', seed)] as const;
  const like = (variable: Held['variable'], name: string, initial: number) => {
    const { shape, layout, logicalShape } = variable;
    return hold({ name: `${variable.name}/${name}`, role: 'moment', shape, layout, logicalShape, initial });
  };
  const slots = new Map(
    trained.map(({ variable }) => [variable, optimizer.slots.map(({ name, initial }) => like(variable, name, initial))]),
  );
  const accumulates = optimizer.options.gradientAccumulationSteps > 1;
  const sums = new Map(accumulates ? trained.map(({ variable }) => [variable, like(variable, 'gradientSum', 0)]) : []);
  const state: TrainingState = {
    step: step.variable,
    draws: draws.variable,
    seed: seedState.variable,
    slots: new Map([...slots].map(([variable, held]) => [variable, held.map((entry) => entry.variable)])),
    sums: new Map([...sums].map(([variable, entry]) => [variable, entry.variable])),
  };
  return {
    optimizer,
    loss: lossFunction,
    metrics: metrics.map((metric) => metricOf(metric)),
    spec: { network, loss: lossFunction, optimizer, state, trained, rounding: ranges && ((name) => rangeOf(ranges, name).variable) },
    held: [step, draws, seedState, ...[...slots.values()].flat(), ...sums.values()],
    step,
  };
}

function rangeOf(ranges: Map<string, Held>, name: string): Held {
  const range = ranges.get(name) ?? hold({ name, role: 'statistic', shape: [3] });
  ranges.set(name, range);
  return range;
}
