import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { flatten, input } from '../layers/core.ts';
import { globalAveragePooling2d } from '../layers/images.ts';
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
import { asFloats, type Cut, cutBefore, featureGraph } from './segments.ts';

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
  readonly extract: (x: Inputs) => Inputs;
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
  await model.compile({
    optimizer: optimizer(cut.trained.length ? batchSize : 1),
    loss: TRAINED_LOSS,
    metrics: ['accuracy'],
    batchSize: rows,
    flavour: kernels.flavour,
    // At least a byte: the error then states the sizes.
    ...(budget !== undefined && { budget: Math.max(1, Math.floor((budget - frozenBytes) / PAGE_BYTES) * PAGE_BYTES) }),
  });
  const extractor = frozen && new FeatureExtractor(new Session(frozen.program, kernels));
  const [only] = backbone.inputs;
  const extract = (x: Inputs): Inputs => {
    if (extractor) return extractor.rows(x);
    const { data, rows } = rowsFor(only as Cut['at'], backbone.inputs.length, x);
    return { dtype: 'f32', shape: [rows, ...(only as Cut['at']).shape.slice(1)], data } satisfies Tensor;
  };
  return { scheme, cut, model, frozen, bytes: frozenBytes + inPages(model.memory.totalBytes), extract };
}

function modelOf({ features, zero }: Backbone, cut: Cut, { weights }: Scheme, head: readonly Layer[], seed: number): Model {
  const start = input({ shape: cut.at.shape.slice(1), name: 'features' });
  const trained = cut.trained.length ? [backboneLayer(cut, features, weights, (value) => asFloats(value, zero))] : [];
  const { inputs, output } = chain([start, ...trained, ...head]);
  return new Model(networkOf(inputs, output), seed);
}

/** Layers that make one row of features of what the backbone gives: maps are averaged, the rest is flattened. */
export function rowsOfFeatures(shape: readonly number[]): Layer[] {
  const [, height = 1, width = 1] = shape;
  if (shape.length === 4 && height * width > 1) return [globalAveragePooling2d({ name: 'head_pool' })];
  return shape.length > 2 ? [flatten({ name: 'head_flatten' })] : [];
}

/** Bytes of the features of one item. */
export const featureBytes = ({ at }: Cut): number => sizeOf(at.shape) * 4;
