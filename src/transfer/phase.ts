import { formatBytes } from '../core/bytes.ts';
import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { input } from '../layers/core.ts';
import type { Layer } from '../layers/layer.ts';
import { optimize } from '../passes/optimize.ts';
import { type Built, build } from '../program/build.ts';
import { PAGE_BYTES } from '../program/format.ts';
import type { Kernels } from '../runtime/flavour.ts';
import { Session } from '../runtime/session.ts';
import type { Inputs } from '../train/data.ts';
import { Model } from '../train/model.ts';
import { chain, networkOf } from '../train/network.ts';
import type { Optimizer } from '../train/optimizers.ts';
import type { Backbone } from './backbone.ts';
import { FeatureExtractor, rowsFor } from './features.ts';
import { backboneLayer } from './layer.ts';
import type { Scheme } from './schemes.ts';
import { type Cut, cutBefore, featureGraph } from './segments.ts';

/** On class indexes and logits. */
export const TRAINED_LOSS = 'sparseCategoricalCrossentropy';

export interface PhaseOptions {
  readonly backbone: Backbone;
  readonly scheme: Scheme;
  readonly head: readonly Layer[];
  readonly seed: number;
  readonly batchSize: number;
  readonly optimizer: (steps: number) => Optimizer;
  /** Bytes for everything; no limit where left out. */
  readonly budget: number | undefined;
  readonly kernels: Kernels;
}

/** Training of one scheme: the frozen part as a program of its own, the rest as a model. */
export interface Phase {
  readonly scheme: Scheme;
  readonly cut: Cut;
  readonly model: Model;
  /** The frozen part's program; undefined where nothing is frozen before the first trained layer. */
  readonly frozen: Built | undefined;
  /** Linear memory of both programs: whole pages of 64 KiB. */
  readonly bytes: number;
  /** What `model` takes for rows of the whole network's input. */
  readonly extract: (x: Inputs) => Tensor;
}

const inPages = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;

/**
 * Plans and instantiates a phase; the head's weights are kept as they are.
 * @throws BUDGET where both programs together exceed the budget, UNSUPPORTED_OP where a trained part has no gradient.
 */
export async function startPhase({ backbone, scheme, head, seed, batchSize, optimizer, budget, kernels }: PhaseOptions): Promise<Phase> {
  const cut = cutBefore(backbone, scheme.weights);
  const isWhole = cut.frozen.length === 0 && cut.at.dtype === 'f32';
  const frozen = isWhole ? undefined : build([optimize(featureGraph(backbone, cut))], { name: 'features', budget });
  const frozenBytes = frozen ? inPages(frozen.program.totalBytes) : 0;
  const kept = head.map((layer) => [...layer.weights.values()].map(({ data }) => data));
  const model = modelOf(backbone, cut, scheme, head, seed);
  head.forEach((layer, i) => {
    [...layer.weights.values()].forEach((weight, j) => {
      const data = kept[i]?.[j];
      if (data) weight.data = data;
    });
  });
  // A trained part of the backbone takes one item at a time: steps add up gradients instead of rows.
  const rows = cut.trained.length ? 1 : batchSize;
  const compiling = model.compile({
    optimizer: optimizer(cut.trained.length ? batchSize : 1),
    loss: TRAINED_LOSS,
    metrics: ['accuracy'],
    batchSize: rows,
    flavour: kernels.flavour,
    // At least a byte: the error then states the sizes.
    ...(budget !== undefined && { budget: Math.max(1, Math.floor((budget - frozenBytes) / PAGE_BYTES) * PAGE_BYTES) }),
  });
  await compiling.catch((error: unknown) => {
    throw error instanceof ThimbleError && error.code === 'BUDGET' && budget !== undefined ? overBoth(error, frozenBytes, budget) : error;
  });
  const extractor = frozen && new FeatureExtractor(new Session(frozen.program, kernels));
  const [only] = backbone.inputs;
  const extract = (x: Inputs): Tensor => {
    if (extractor) return extractor.rows(x);
    const { data, rows } = rowsFor(only as Cut['at'], backbone.inputs.length, x);
    return { dtype: 'f32', shape: [rows, ...(only as Cut['at']).shape.slice(1)], data };
  };
  return { scheme, cut, model, frozen, bytes: frozenBytes + inPages(model.memory.totalBytes), extract };
}

/** The error of the trained part's budget as one of the budget of both. */
function overBoth(error: ThimbleError, frozenBytes: number, budget: number): ThimbleError {
  if (frozenBytes === 0) return error;
  return new ThimbleError('BUDGET', `the frozen part takes ${formatBytes(frozenBytes)}, and beside it ${error.message}`, {
    expected: `at most ${budget} bytes for both`,
    got: `${frozenBytes + inPages(Number.parseInt(error.got ?? '0', 10))} bytes`,
  });
}

function modelOf({ features }: Backbone, cut: Cut, { weights }: Scheme, head: readonly Layer[], seed: number): Model {
  const start = input({ shape: cut.at.shape.slice(1), name: 'features' });
  const trained = cut.trained.length ? [backboneLayer(cut, features, weights)] : [];
  const { inputs, output } = chain([start, ...trained, ...head]);
  return new Model(networkOf(inputs, output), seed);
}

/** Bytes of the features of one item. */
export const featureBytes = ({ at }: Cut): number => sizeOf(at.shape) * 4;
