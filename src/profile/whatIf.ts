import { ThimbleError } from '../core/errors.ts';
import type { InferenceModel } from '../inference/model.ts';
import { build } from '../program/build.ts';
import { evaluateGraph, predictGraph, type TrainingSpec, trainGraph } from '../train/methods.ts';
import type { Model } from '../train/model.ts';
import { planTraining } from '../train/training.ts';

/** What a change would do to the memory: planned to the byte, or why it cannot be. */
export interface WhatIf {
  readonly change: string;
  readonly totalBytes?: number;
  readonly arenaBytes?: number;
  readonly stateBytes?: number;
  readonly reason?: string;
}

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

/** Variants of a model's training: each is planned as `compile` would, nothing is instantiated. @throws INPUT before compile with a loss. */
export async function trainingVariants(model: Model): Promise<WhatIf[]> {
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
  return [
    ...(await Promise.all(BATCHES.map((batch) => planned(`batch ${batch}`, () => plan(spec, batch))))),
    await planned(`only "${last?.layerName}" trains`, headOnly),
    await planned('only biases and scales train', () => {
      if (biases.length === 0) throw new ThimbleError('INPUT', 'no trained layer has any');
      return plan({ ...spec, trained: biases });
    }),
    await planned('sgd without momentum', () => plan(planTraining(network, seed, loss, { optimizer: 'sgd', metrics }).spec)),
  ];
}

/** Variants of inference: batches through `reload`, which plans the model's file for a batch; int8 through `quantized`. */
export async function inferenceVariants(
  reload: (batch: number) => Promise<InferenceModel>,
  quantized: () => Promise<InferenceModel>,
): Promise<WhatIf[]> {
  return [
    ...(await Promise.all(BATCHES.map((batch) => planned(`batch ${batch}`, async () => (await reload(batch)).memory)))),
    await planned('int8 weights and activations', async () => (await quantized()).memory),
  ];
}
