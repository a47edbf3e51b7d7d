import { formatBytes, parseBytes } from '../core/bytes.ts';
import { ThimbleError } from '../core/errors.ts';
import { kernelsFor } from '../hosts/kernels.ts';
import type { InferenceModel } from '../inference/model.ts';
import type { Layer } from '../layers/layer.ts';
import { simplify } from '../passes/optimize.ts';
import type { Flavour } from '../runtime/flavour.ts';
import { adam, type Optimizer } from '../train/optimizers.ts';
import { type Backbone, backboneOf } from './backbone.ts';
import { newClassifier, ownClassifier } from './classifier.ts';
import { FineTuning } from './fineTuning.ts';
import { type Phase, type PhaseOptions, rowsOfFeatures, startPhase } from './phase.ts';
import { candidates, type Scheme, schemeOf, type Train } from './schemes.ts';

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
  /** Items of an update. */
  readonly batchSize?: number;
  readonly optimizer?: (options: { readonly learningRate?: number; readonly gradientAccumulationSteps?: number }) => Optimizer;
  /** Of the head, before anything else is trained. */
  readonly headLearningRate?: number;
  /** Of everything trained together. */
  readonly learningRate?: number;
  /** Draws the head's weights and the order of samples. */
  readonly seed?: number;
  readonly flavour?: Flavour | 'auto';
  /** The output with the classes; the first where left out. */
  readonly output?: string;
  /** The node whose output the head is to see; what the old classifier saw where left out. */
  readonly features?: string;
}

const HEAD_RATE = 0.01;
const RATE = 1e-4;
const BATCH = 16;

/**
 * Transfer learning: replaces the classifier of an imported model by a new head and trains that, and as much of the rest as `train` says. Float
 * backbones train in float; 8-bit ones stay as they are, frozen, with a float head. Where more than the head is trained, the head is trained
 * first (Kumar et al. 2022: else its random weights spoil the features).
 * @throws INPUT where no classifier is found or `train` finds nothing, BUDGET where it does not fit, UNSUPPORTED_OP where a part has no gradient.
 */
export async function fineTune(model: InferenceModel, options: FineTuneOptions = {}): Promise<FineTuning> {
  const { train = 'head', budget, batchSize = BATCH, seed = 1, flavour = model.flavour } = options;
  const backbone = backboneOf(simplify(model.source), options.output, options.features);
  const own = options.classes === undefined ? ownClassifier(backbone) : undefined;
  const labels = labelsOf(options.classes ?? own?.classes, model.task?.labels);
  if (labels.length < 2) throw new ThimbleError('INPUT', `${labels.length} classes`, { expected: 'at least 2' });
  const kernels = await kernelsFor(flavour);
  // Layers in between change what the classifier sees.
  const classifier = own && !options.head?.length ? own : newClassifier(labels.length);
  const layers = [...rowsOfFeatures(backbone.features.shape), ...(options.head ?? []), classifier.layer];
  const optimizer = options.optimizer ?? adam;
  const phaseOptions = (scheme: Scheme, learningRate: number): PhaseOptions => ({
    backbone,
    scheme,
    head: layers,
    seed,
    batchSize,
    optimizer: (gradientAccumulationSteps) => optimizer({ learningRate, gradientAccumulationSteps }),
    budget: budget === undefined ? undefined : parseBytes(budget),
    kernels,
  });
  const headFirst = () => startPhase(phaseOptions(schemeOf(backbone, 'head'), options.headLearningRate ?? HEAD_RATE));
  const both = (scheme: Scheme) => startPhase(phaseOptions(scheme, options.learningRate ?? RATE));
  const plan = await chosen(backbone, train, headFirst, both);
  const { scheme } = plan.phase;
  return new FineTuning(plan.phase, {
    reason: plan.reason,
    backbone,
    head: layers,
    labels,
    keepsClassifier: classifier.keepsWeights,
    kernels,
    cacheFeatures: options.cacheFeatures ?? true,
    optimizer: () =>
      optimizer({
        learningRate: scheme.weights.length ? (options.learningRate ?? RATE) : (options.headLearningRate ?? HEAD_RATE),
        gradientAccumulationSteps: batchSize,
      }),
    start: { head: headFirst, all: () => both(scheme) },
  });
}

/** Names of the classes; numbers where nobody says any. @throws INPUT where nobody says how many. */
function labelsOf(classes: number | readonly string[] | undefined, known: readonly string[] | undefined): readonly string[] {
  if (classes === undefined) throw new ThimbleError('INPUT', 'the model has no classifier to go on with', { hint: 'say the classes' });
  if (typeof classes !== 'number') return classes;
  return known?.length === classes ? known : Array.from({ length: classes }, (_, i) => String(i));
}

/** The phase that `train` names; of `auto` the first that fits, and why it is that. */
async function chosen(
  backbone: Backbone,
  train: Train,
  headFirst: () => Promise<Phase>,
  both: (scheme: Scheme) => Promise<Phase>,
): Promise<{ phase: Phase; reason: string }> {
  const start = (scheme: Scheme) => (scheme.weights.length === 0 ? headFirst() : both(scheme));
  if (train !== 'auto') return { phase: await start(schemeOf(backbone, train)), reason: 'as asked for' };
  const refused: string[] = [];
  let last: unknown;
  for (const scheme of candidates(backbone)) {
    try {
      const phase = await start(scheme);
      const only = backbone.weights.length === 0 ? 'the backbone computes in 8 bits and stays frozen' : 'it is the largest scheme';
      return { phase, reason: refused.length ? `the largest scheme that fits: ${refused.join('; ')}` : only };
    } catch (error) {
      if (!(error instanceof ThimbleError && ['BUDGET', 'UNSUPPORTED_OP', 'INPUT'].includes(error.code))) throw error;
      last = error;
      refused.push(`${scheme.name} ${error.code === 'BUDGET' ? `needs ${needed(error)}` : `cannot: ${error.message}`}`);
    }
  }
  throw last;
}

const needed = ({ got }: ThimbleError): string => (got ? formatBytes(Number.parseInt(got, 10)) : 'more than the budget');
