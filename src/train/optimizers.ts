import { ThimbleError } from '../core/errors.ts';
import type { Value } from '../ir/graph.ts';
import { adagradUpdate, adamUpdate, momentumUpdate, rmspropUpdate, sgdUpdate } from '../ops/optimizers.ts';
import type { Schedule } from './schedules.ts';

/** What every optimizer takes. */
export interface CommonOptions {
  /** 0.001 where nothing else is said; a schedule gives one for each update. */
  readonly learningRate: number | Schedule;
  /** L2 decay added to the gradient (PyTorch's weight_decay); apart from it in adamW. */
  readonly weightDecay: number;
  /** Clips each gradient element to [-clipValue, clipValue]. */
  readonly clipValue: number | undefined;
  /** Scales each parameter's gradient down to this norm. */
  readonly clipNorm: number | undefined;
  /** Scales all gradients together down to this norm. */
  readonly globalClipNorm: number | undefined;
  /** Batches whose mean gradient makes one update. */
  readonly gradientAccumulationSteps: number;
}

/** One parameter's operands, for the update. */
export interface UpdateOperands {
  readonly parameter: Value;
  readonly gradient: Value;
  /** The state of the parameter, in the order of `Optimizer.slots`. */
  readonly slots: readonly Value[];
  /** f32 scalar. */
  readonly learningRate: Value;
  /** Updates so far, this one included: i32 scalar. */
  readonly step: Value;
  /** Multiplies the gradient; absent for 1. */
  readonly scale: Value | undefined;
}

/** An optimizer: plain data plus the node it adds for each parameter. */
export interface Optimizer {
  /** Its name in saved files. */
  readonly type: string;
  /** As given, defaults filled in: what saved files say of it. */
  readonly options: CommonOptions & Readonly<Record<string, unknown>>;
  /** State it keeps for each parameter, and what that starts with. */
  readonly slots: readonly { readonly name: string; readonly initial: number }[];
  /** Appends the update of one parameter to the graph. */
  update(operands: UpdateOperands): void;
}

const common: CommonOptions = {
  learningRate: 0.001,
  weightDecay: 0,
  clipValue: undefined,
  clipNorm: undefined,
  globalClipNorm: undefined,
  gradientAccumulationSteps: 1,
};

const scaled = ({ scale }: UpdateOperands): Value[] => (scale ? [scale] : []);

/** Options of `sgd`. */
export interface SgdOptions extends CommonOptions {
  /** Share of the last update that goes into the next; 0 where left out. */
  readonly momentum: number;
  /** Looks ahead by the momentum; false where left out. */
  readonly nesterov: boolean;
}

/** Gradient descent, with momentum (Polyak 1964) and Nesterov's variant in PyTorch's form: v = μ v + g; p -= lr v. Default rate 0.01. */
export function sgd(given: Partial<SgdOptions> = {}): Optimizer {
  const options = { ...common, learningRate: 0.01, momentum: 0, nesterov: false, ...given };
  const { momentum, nesterov, weightDecay } = options;
  return {
    type: 'sgd',
    options,
    slots: momentum ? [{ name: 'velocity', initial: 0 }] : [],
    update(o) {
      const { parameter, gradient, slots, learningRate } = o;
      if (momentum)
        momentumUpdate.node([parameter, gradient, slots[0] as Value, learningRate, ...scaled(o)], { momentum, nesterov, weightDecay });
      else sgdUpdate.node([parameter, gradient, learningRate, ...scaled(o)], { weightDecay });
    },
  };
}

/** Options of `rmsprop`. */
export interface RmspropOptions extends CommonOptions {
  /** Decay of the mean of squares; 0.9 where left out. */
  readonly rho: number;
  /** Added to the root; 1e-7 where left out. */
  readonly epsilon: number;
}

/** v = rho v + (1 - rho) g²; p -= lr g / (√v + epsilon) (Hinton 2012). */
export function rmsprop(given: Partial<RmspropOptions> = {}): Optimizer {
  const options = { ...common, rho: 0.9, epsilon: 1e-7, ...given };
  const { rho, epsilon, weightDecay } = options;
  return {
    type: 'rmsprop',
    options,
    slots: [{ name: 'square', initial: 0 }],
    update(o) {
      rmspropUpdate.node([o.parameter, o.gradient, o.slots[0] as Value, o.learningRate, ...scaled(o)], { rho, epsilon, weightDecay });
    },
  };
}

/** Options of `adagrad`. */
export interface AdagradOptions extends CommonOptions {
  /** What sums of squares start with; 0.1 where left out. */
  readonly initialAccumulatorValue: number;
  /** Added to the root; 1e-7 where left out. */
  readonly epsilon: number;
}

/** v += g²; p -= lr g / (√v + epsilon) (Duchi et al. 2011). */
export function adagrad(given: Partial<AdagradOptions> = {}): Optimizer {
  const options = { ...common, initialAccumulatorValue: 0.1, epsilon: 1e-7, ...given };
  const { epsilon, weightDecay } = options;
  return {
    type: 'adagrad',
    options,
    slots: [{ name: 'square', initial: options.initialAccumulatorValue }],
    update(o) {
      adagradUpdate.node([o.parameter, o.gradient, o.slots[0] as Value, o.learningRate, ...scaled(o)], { epsilon, weightDecay });
    },
  };
}

/** Options of `adam` and `adamW`. */
export interface AdamOptions extends CommonOptions {
  /** Decay of the mean of gradients; 0.9 where left out. */
  readonly beta1: number;
  /** Decay of the mean of their squares; 0.999 where left out. */
  readonly beta2: number;
  /** Added to the root; 1e-7 where left out. */
  readonly epsilon: number;
}

function adamLike(type: 'adam' | 'adamW', decay: number, given: Partial<AdamOptions>): Optimizer {
  const options = { ...common, weightDecay: decay, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, ...given };
  const { beta1, beta2, epsilon, weightDecay } = options;
  return {
    type,
    options,
    slots: [
      { name: 'mean', initial: 0 },
      { name: 'square', initial: 0 },
    ],
    update(o) {
      const inputs = [o.parameter, o.gradient, ...o.slots, o.learningRate, o.step, ...scaled(o)];
      adamUpdate.node(inputs, { beta1, beta2, epsilon, weightDecay, decoupled: type === 'adamW' });
    },
  };
}

/** Adam (Kingma and Ba 2015). */
export const adam = (options: Partial<AdamOptions> = {}): Optimizer => adamLike('adam', 0, options);

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019), 0.004 by default as in Keras. */
export const adamW = (options: Partial<AdamOptions> = {}): Optimizer => adamLike('adamW', 0.004, options);

/** Optimizers by name. */
export const optimizers = { sgd, rmsprop, adagrad, adam, adamW } as const satisfies Record<string, (options?: never) => Optimizer>;

export type OptimizerName = keyof typeof optimizers;

/** @throws INPUT for an unknown name. */
export function optimizerOf(given: OptimizerName | Optimizer): Optimizer {
  if (typeof given !== 'string') return given;
  const make = optimizers[given];
  if (!make) throw new ThimbleError('INPUT', `no optimizer "${given}"`, { expected: Object.keys(optimizers).join(', ') });
  return make();
}
