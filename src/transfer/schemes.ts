import { ThimbleError } from '../core/errors.ts';
import type { Backbone, BackboneWeight } from './backbone.ts';

/** What a predicate is asked about: a weight of the backbone. */
export type WeightInfo = Pick<BackboneWeight, 'name' | 'kind' | 'op' | 'layer' | 'shape'>;

/**
 * What is trained besides the new head: nothing (`head`), the last N layers of the backbone, all biases, everything, or the weights a predicate
 * picks. `auto` takes the largest of these that fits the budget.
 */
export type Train = 'head' | `last:${number}` | 'bias' | 'all' | 'auto' | ((weight: WeightInfo) => boolean);

export interface Scheme {
  readonly name: string;
  readonly weights: readonly BackboneWeight[];
}

/** The weights that `train` names. @throws INPUT for an unknown scheme, or one that finds nothing to train. */
export function schemeOf(backbone: Backbone, train: Exclude<Train, 'auto'>): Scheme {
  if (train === 'head') return { name: 'head', weights: [] };
  const { weights, layers } = backbone;
  const chosen = weights.filter(typeof train === 'function' ? train : chosenBy(train, layers));
  if (chosen.length === 0) {
    const why = backbone.isInt8 ? 'the backbone computes in 8 bits and stays frozen' : 'no weight of the backbone is meant';
    throw new ThimbleError('INPUT', `train: ${typeof train === 'function' ? 'the predicate' : `"${train}"`}: ${why}`, {
      hint: "train: 'head'",
    });
  }
  return { name: typeof train === 'function' ? 'predicate' : train, weights: chosen };
}

function chosenBy(train: string, layers: number): (weight: BackboneWeight) => boolean {
  if (train === 'all') return () => true;
  if (train === 'bias') return ({ kind }) => kind === 'bias';
  const count = /^last:(\d+)$/.exec(train)?.[1];
  if (!count || Number(count) < 1) {
    throw new ThimbleError('INPUT', `train: ${JSON.stringify(train)}`, {
      expected: "'head', 'last:N', 'bias', 'all', 'auto' or a predicate",
    });
  }
  return ({ layer }) => layer >= layers - Number(count);
}

/** What `auto` tries, the most trained weights first. */
export function candidates(backbone: Backbone): Scheme[] {
  const { layers, weights } = backbone;
  if (weights.length === 0) return [schemeOf(backbone, 'head')];
  const counts: number[] = [];
  for (let n = 1; n < layers; n *= 2) counts.unshift(n);
  const hasBias = weights.some(({ kind }) => kind === 'bias');
  const names: Exclude<Train, 'auto'>[] = [
    'all',
    ...counts.map((n): `last:${number}` => `last:${n}`),
    ...(hasBias ? (['bias'] as const) : []),
  ];
  return [...names.map((name) => schemeOf(backbone, name)), schemeOf(backbone, 'head')];
}
