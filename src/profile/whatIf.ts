import { ThimbleError } from '../core/errors.ts';
import type { InferenceModel } from '../inference/model.ts';
import { type Built, build } from '../program/build.ts';
import { evaluateGraph, predictGraph, type TrainingSpec, trainGraph } from '../train/methods.ts';
import type { Model } from '../train/model.ts';
import { sgd } from '../train/optimizers.ts';
import { planTraining } from '../train/training.ts';
import type { FineTuneOptions } from '../transfer/fineTune.ts';
import { recomputation } from './recompute.ts';

/** What a change would do to the memory: planned to the byte, estimated where it says so, or why it cannot be. */
export interface WhatIf {
  readonly change: string;
  readonly totalBytes?: number;
  readonly arenaBytes?: number;
  readonly stateBytes?: number;
  /** What it was estimated by, and what else the change costs; nothing where it was planned. */
  readonly estimate?: string;
  readonly reason?: string;
}

/** Calls `report` before each variant is planned. */
export type VariantProgress = (change: string, position: number, count: number) => void;

const BATCHES = [1, 8, 32];

/** Plans `change`, whatever comes of it. */
async function planned(change: string, plan: () => Planned | Promise<Planned>): Promise<WhatIf> {
  try {
    const { totalBytes, regions } = await plan();
    return { change, totalBytes, arenaBytes: regions.arena, stateBytes: regions.state };
  } catch (error) {
    if (!(error instanceof ThimbleError)) throw error;
    return { change, reason: error.message };
  }
}

type Planned = Pick<InferenceModel['memory'], 'totalBytes' | 'regions'>;

/** A change and how to plan it. */
type Variant = readonly [change: string, plan: () => Planned | Promise<Planned>];

/** One after the other: each holds a whole plan. */
async function allPlanned(variants: readonly Variant[], progress: VariantProgress = () => undefined): Promise<WhatIf[]> {
  const results: WhatIf[] = [];
  for (const [i, [change, plan]] of variants.entries()) {
    progress(change, i, variants.length);
    results.push(await planned(change, plan));
  }
  return results;
}

const RECOMPUTE = 'recompute activations in the backward pass';

/** An estimate of what recomputing activations would do to all methods with a backward pass, for nothing does it yet. */
export function recomputeVariant({ program, methods }: Pick<Built, 'program' | 'methods'>): WhatIf {
  const estimates = Object.entries(methods).map(([name, method]) => ({
    method,
    found: /^(train|accumulate)/.test(name) ? recomputation(method) : undefined,
  }));
  const found = estimates.find(({ method }) => method === methods.train)?.found;
  if (!found) return { change: RECOMPUTE, reason: 'no schedule with checkpoints has a lower peak: few activations are kept for it' };
  const arenaBytes = Math.max(...estimates.map((one) => one.found?.arenaBytes ?? one.method.arenaBytes));
  const records = estimates.reduce((sum, one) => sum + (one.found?.recordBytes ?? 0), 0);
  const { regions, totalBytes } = program;
  const more = found.macs > 0 ? `, ${((found.extraMacs / found.macs) * 100).toFixed(0)} % more MACs` : '';
  return {
    change: RECOMPUTE,
    totalBytes: totalBytes - regions.arena.bytes + arenaBytes + records,
    arenaBytes,
    stateBytes: regions.state.bytes,
    estimate: `estimate, no pass does it: ${found.segments} segments${more}`,
  };
}

/** Variants of a model's training: each is planned as `compile` would, nothing is instantiated. @throws INPUT before compile with a loss. */
export async function trainingVariants(model: Model, progress?: VariantProgress): Promise<WhatIf[]> {
  const { network, compiled, batchSize, seed } = model;
  if (!compiled) throw new ThimbleError('INPUT', 'the model has no loss to train on', { hint: 'compile it with a loss' });
  const { loss, optimizer, metrics, spec } = compiled;
  const plan = (training: TrainingSpec, batch = batchSize): Planned =>
    build([predictGraph(network, batch), evaluateGraph(network, loss, batch), trainGraph('train', training, batch, true)], {
      name: 'model',
    }).memory;
  const last = network.layers.findLast((layer) => [...layer.weights.values()].some(({ variable }) => variable.role === 'parameter'));
  const headOnly = (): Planned => {
    const before = network.layers.map(({ trainable }) => trainable);
    try {
      for (const layer of network.layers) layer.trainable = layer === last;
      return plan(planTraining(network, seed, loss, { optimizer, metrics }).spec);
    } finally {
      network.layers.forEach((layer, i) => {
        layer.trainable = before[i] as boolean;
      });
    }
  };
  const biases = spec.trained.filter(({ variable }) => variable.logicalShape.length === 1);
  const variants: Variant[] = [
    ...BATCHES.map((batch): Variant => [`batch ${batch}`, () => plan(spec, batch)]),
    [`only "${last?.layerName}" trains`, headOnly],
    [
      'only biases and scales train',
      () => {
        if (biases.length === 0) throw new ThimbleError('INPUT', 'no trained layer has any');
        return plan({ ...spec, trained: biases });
      },
    ],
    ['sgd without momentum', () => plan(planTraining(network, seed, loss, { optimizer: 'sgd', metrics }).spec)],
  ];
  return [...(await allPlanned(variants, progress)), recomputeVariant(model.built)];
}

/** Variants of training an imported model, each planned by `plan`. */
export async function fineTuningVariants(
  plan: (change: FineTuneOptions) => Promise<InferenceModel>,
  current: InferenceModel,
  progress?: VariantProgress,
): Promise<WhatIf[]> {
  const variants = [
    ...BATCHES.map((batchSize) => [`an update every ${batchSize} item${batchSize > 1 ? 's' : ''}`, { batchSize }] as const),
    ['only the head trains', { train: 'head' }],
    ['only biases and the head train', { train: 'bias' }],
    ['everything trains', { train: 'all' }],
    ['sgd without momentum', { optimizer: sgd }],
  ] as const;
  const planned = variants.map(([change, options]): Variant => [change, async () => (await plan(options)).memory]);
  return [...(await allPlanned(planned, progress)), recomputeVariant(current)];
}

/** Variants of inference: batches through `reload`, which plans the model's file for a batch; with the least memory; int8 through `quantized`. */
export async function inferenceVariants(
  reload: (batch: number) => Promise<InferenceModel>,
  least: () => Promise<InferenceModel>,
  quantized: () => Promise<InferenceModel>,
  progress?: VariantProgress,
): Promise<WhatIf[]> {
  return allPlanned(
    [
      ...BATCHES.map((batch): Variant => [`batch ${batch}`, async () => (await reload(batch)).memory]),
      ['the least memory', async () => (await least()).memory],
      ['int8 weights and activations', async () => (await quantized()).memory],
    ],
    progress,
  );
}
