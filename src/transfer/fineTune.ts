import { formatBytes, parseBytes } from '../core/bytes.ts';
import { ThimbleError } from '../core/errors.ts';
import { kernelsFor } from '../hosts/kernels.ts';
import type { InferenceModel } from '../inference/model.ts';
import type { Graph } from '../ir/graph.ts';
import type { Layer } from '../layers/layer.ts';
import { layerFactories } from '../layers/registry.ts';
import { simplify } from '../passes/optimize.ts';
import type { Flavour } from '../runtime/flavour.ts';
import { adam, type Optimizer, sgd } from '../train/optimizers.ts';
import { type Backbone, backboneOf, type Seen } from './backbone.ts';
import { type Classifier, newClassifier, ownClassifier } from './classifier.ts';
import { FineTuning } from './fineTuning.ts';
import { type Phase, startPhase } from './phase.ts';
import { candidates, type Scheme, schemeOf, type Train } from './schemes.ts';
import { standardize } from './standardize.ts';

export interface FineTuneOptions {
  /** Names of the new classes, or their number; left out, the model's own classes go on, from the weights of its classifier where that is a float one. */
  readonly classes?: number | readonly string[] | undefined;
  /** What is trained; `head` where left out. See `Train`. */
  readonly train?: Train;
  /** Layers between the features and the classes, e.g. `[dense({ units: 32, activation: 'relu' })]`; none where left out. */
  readonly head?: readonly Layer[];
  /** Bytes, or text such as '4MB', that the linear memories may use together. */
  readonly budget?: number | string;
  /**
   * Whether the features of the frozen part are computed once and kept in host memory (true where left out). Say no where samples are augmented anew each
   * epoch, or do not fit.
   */
  readonly cacheFeatures?: boolean;
  /**
   * Whether the head also sees what the old classifier makes of an item: true where left out, if there is a classifier and the budget allows. It helps
   * where the new classes are of the old kind, and makes the model larger by the classifier.
   */
  readonly oldClasses?: boolean;
  /** Items of an update. */
  readonly batchSize?: number;
  /**
   * Of everything. Where left out, the head is trained by gradient descent with momentum, which among the heads that fit the items finds one of
   * small weights; the rest by Adam, whose steps fit layers of any scale.
   */
  readonly optimizer?: (options: { readonly learningRate?: number; readonly gradientAccumulationSteps?: number }) => Optimizer;
  /** Of the head, before anything else is trained: 0.05 where left out, or that of the `optimizer` given. */
  readonly headLearningRate?: number;
  /** Of everything trained together: 1e-5 where left out, or that of the `optimizer` given. */
  readonly learningRate?: number;
  /** Draws the head's weights and the order of samples. */
  readonly seed?: number;
  readonly flavour?: Flavour | 'auto';
  /** The output with the classes; the first where left out. */
  readonly output?: string;
  /** The node whose output the head is to see; what the old classifier saw (and said, see `oldClasses`) where left out. */
  readonly features?: string;
}

const HEAD_RATE = 0.05;
const KEPT_RATE = 0.01;
const RATE = 1e-5;
const MOMENTUM = 0.9;
const BATCH = 16;

/**
 * Transfer learning: replaces the classifier of an imported model by a new head and trains that, and as much of the rest as `train` says. Float
 * backbones train in float; 8-bit ones stay as they are, frozen, with a float head. Where more than the head is trained, the head is trained
 * first (Kumar et al. 2022: else its random weights spoil the features).
 * @throws INPUT where no classifier is found or `train` finds nothing, BUDGET where it does not fit, UNSUPPORTED_OP where a part has no gradient.
 */
export async function fineTune(model: InferenceModel, options: FineTuneOptions = {}): Promise<FineTuning> {
  const { train = 'head', head = [], budget, batchSize = BATCH, seed = 1, flavour = model.flavour } = options;
  const source = simplify(model.source);
  const { output, features } = options;
  // Layers in between change what the classifier sees.
  const own = options.classes === undefined ? ownClassifier(backboneOf(source, { output, features, sees: 'features' })) : undefined;
  const labels = labelsOf(options.classes ?? own?.classes, model.task?.labels);
  if (labels.length < 2) throw new ThimbleError('INPUT', `${labels.length} classes`, { expected: 'at least 2' });
  const kept = own?.keepsWeights && !head.length ? own : undefined;
  const kernels = await kernelsFor(flavour);
  const start = ({ backbone, scheme, head }: Attempt): Promise<Phase> =>
    startPhase({
      backbone,
      scheme,
      head,
      seed,
      batchSize,
      optimizer: (gradientAccumulationSteps) => optimizerFor(options, scheme, kept, gradientAccumulationSteps),
      budget: budget === undefined ? undefined : parseBytes(budget),
      kernels,
    });
  const layers = ({ groups }: Backbone) => [
    standardize({ name: 'head_scale', groups }),
    ...head.map(unused),
    newClassifier(labels.length).layer,
  ];
  const attempts = attemptsOf(source, options, train, kept).map((attempt) => ({
    ...attempt,
    head: kept ? [kept.layer] : layers(attempt.backbone),
  }));
  const { attempt, phase, reason } = await chosen(attempts, start);
  const { backbone } = attempt;
  return new FineTuning(phase, {
    reason: reason ?? (train === 'auto' ? largest(backbone) : 'as asked for'),
    backbone,
    head: attempt.head,
    labels,
    keepsClassifier: kept !== undefined,
    kernels,
    cacheFeatures: options.cacheFeatures ?? true,
    optimizer: () => optimizerFor(options, phase.scheme, kept, batchSize),
    start: { head: () => start({ ...attempt, scheme: schemeOf(backbone, 'head') }), all: () => start(attempt) },
  });
}

/** Names of the classes; numbers where nobody says any. @throws INPUT where nobody says how many. */
function labelsOf(classes: number | readonly string[] | undefined, known: readonly string[] | undefined): readonly string[] {
  if (classes === undefined) throw new ThimbleError('INPUT', 'the model has no classifier to go on with', { hint: 'say the classes' });
  if (typeof classes !== 'number') return classes;
  return known?.length === classes ? known : Array.from({ length: classes }, (_, i) => String(i));
}

/** @param kept the model's own classifier, which sees features of any unit: Adam's steps do not depend on it. */
function optimizerFor(
  { optimizer, headLearningRate, learningRate }: FineTuneOptions,
  { weights }: Scheme,
  kept: Classifier | undefined,
  gradientAccumulationSteps: number,
): Optimizer {
  const rate = weights.length ? learningRate : headLearningRate;
  const given = { gradientAccumulationSteps, ...(rate !== undefined && { learningRate: rate }) };
  if (optimizer) return optimizer(given);
  if (weights.length) return adam({ learningRate: RATE, ...given });
  return kept ? adam({ learningRate: KEPT_RATE, ...given }) : sgd({ learningRate: HEAD_RATE, momentum: MOMENTUM, ...given });
}

/** The layer as its factory makes it: one that has seen inputs of one size takes no others. */
function unused(layer: Layer): Layer {
  const factory = layerFactories[layer.type as keyof typeof layerFactories] as ((config: object) => Layer) | undefined;
  return factory?.({ ...layer.config, name: layer.layerName, trainable: layer.trainable }) ?? layer;
}

/** A scheme, with a head and what it is to see. */
interface Attempt {
  readonly backbone: Backbone;
  readonly scheme: Scheme;
  readonly head: readonly Layer[];
}

/**
 * What may be trained, the best first. Old classes are given up last: on photographs they are worth more than training more than the head
 * (`test/transfer/photographs.test.ts`).
 */
function attemptsOf(
  graph: Graph,
  { output, features, oldClasses }: FineTuneOptions,
  train: Train,
  kept: Classifier | undefined,
): Omit<Attempt, 'head'>[] {
  const seeing = (sees: Seen) => backboneOf(graph, { output, features, sees });
  const most = seeing(kept ? 'features' : oldClasses === false ? 'roots' : 'roots and old classes');
  const backbones = oldClasses === undefined && most.groups.length > 1 ? [most, seeing('roots')] : [most];
  const schemes = train === 'auto' ? candidates(most) : [schemeOf(most, train)];
  return backbones.flatMap((backbone) => schemes.map((scheme) => ({ backbone, scheme })));
}

/** The first attempt that fits, and why it is that where it is not the very first. */
async function chosen(
  attempts: readonly Attempt[],
  start: (attempt: Attempt) => Promise<Phase>,
): Promise<{ readonly attempt: Attempt; readonly phase: Phase; readonly reason: string | undefined }> {
  const refused: string[] = [];
  let last: unknown;
  for (const attempt of attempts) {
    const { backbone, scheme } = attempt;
    try {
      const phase = await start(attempt);
      return { attempt, phase, reason: refused.length ? `the largest that fits: ${refused.join('; ')}` : undefined };
    } catch (error) {
      if (!(error instanceof ThimbleError && ['BUDGET', 'UNSUPPORTED_OP', 'INPUT'].includes(error.code))) throw error;
      last = error;
      const what = `${scheme.name}${backbone.groups.length > 1 ? ' with the old classes' : ''}`;
      refused.push(`${what} ${error.code === 'BUDGET' ? `needs ${needed(error)}` : `cannot: ${error.message}`}`);
    }
  }
  throw last;
}

const largest = ({ weights }: Backbone): string =>
  weights.length === 0 ? 'the backbone computes in 8 bits and stays frozen' : 'it is the largest scheme';

const needed = ({ got }: ThimbleError): string => (got ? formatBytes(Number.parseInt(got, 10)) : 'more than the budget');
