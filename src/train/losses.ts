import { ThimbleError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { abs } from '../ops/abs.ts';
import { add } from '../ops/add.ts';
import { clip } from '../ops/clip.ts';
import { div } from '../ops/div.ts';
import { log } from '../ops/log.ts';
import { min } from '../ops/min.ts';
import { mul } from '../ops/mul.ts';
import { reduceMean } from '../ops/reduceMean.ts';
import { reduceSum } from '../ops/reduceSum.ts';
import { relu } from '../ops/relu.ts';
import { softmaxCrossEntropy } from '../ops/softmaxCrossEntropy.ts';
import { softplus } from '../ops/softplus.ts';
import { square } from '../ops/square.ts';
import { sub } from '../ops/sub.ts';

/** A loss for each batch item: [batch]. Positions and features of an item are averaged, classes summed. */
export interface Loss {
  readonly name: string;
  /** Dtype of the labels: i32 class indexes or f32 of the predictions' shape. */
  readonly labels: 'i32' | 'f32';
  readonly config: Readonly<Record<string, number>>;
  apply(predictions: Value, labels: Value): Value;
}

/** The mean over all axes but the batch. */
function perItem(x: Value): Value {
  const axes = x.shape.map((_, axis) => axis).slice(1);
  return axes.length ? reduceMean(x, { axes }) : x;
}

/**
 * What a final softmax or sigmoid was applied to: cross-entropies are computed from logits, which is exact and stable. Predictions without
 * one are taken for logits.
 */
function logitsOf(predictions: Value, activation: 'softmax' | 'sigmoid'): Value {
  const { origin } = predictions;
  return origin.kind === 'node' && origin.node.op === activation ? (origin.node.inputs[0] as Value) : predictions;
}

function expectSame(loss: string, predictions: Value, labels: Value): void {
  if (sameShape(predictions.shape, labels.shape)) return;
  throw new ThimbleError('SHAPE', 'labels need the shape of the predictions', {
    op: loss,
    expected: formatShape(predictions.shape),
    got: formatShape(labels.shape),
  });
}

function elementwise(name: string, config: Record<string, number>, f: (predictions: Value, labels: Value) => Value): Loss {
  return {
    name,
    labels: 'f32',
    config,
    apply(predictions, labels) {
      expectSame(name, predictions, labels);
      return perItem(f(predictions, labels));
    },
  };
}

/** Mean of (p - t)². */
export const meanSquaredError = (): Loss => elementwise('meanSquaredError', {}, (p, t) => square(sub([p, t])));

/** Mean of |p - t|. */
export const meanAbsoluteError = (): Loss => elementwise('meanAbsoluteError', {}, (p, t) => abs(sub([p, t])));

/** e²/2 for |e| = |p - t| <= delta, else delta (|e| - delta/2) (Huber 1964). */
export const huber = ({ delta = 1 }: { readonly delta?: number } = {}): Loss =>
  elementwise('huber', { delta }, (p, t) => {
    const error = abs(sub([p, t]));
    const near = min([error, p.graph.scalar(delta)]);
    return add([mul([square(near), p.graph.scalar(0.5)]), mul([sub([error, near]), p.graph.scalar(delta)])]);
  });

/** max(1 - t p, 0) for labels -1 and 1. */
export const hinge = (): Loss => elementwise('hinge', {}, (p, t) => relu(sub([p.graph.scalar(1), mul([t, p])])));

/** softplus(z) - t z from logits z, for labels in [0, 1]; smoothing moves them to (1 - ε) t + ε/2. */
export const binaryCrossentropy = ({ labelSmoothing = 0 }: { readonly labelSmoothing?: number } = {}): Loss =>
  elementwise('binaryCrossentropy', { labelSmoothing }, (p, t) => {
    const z = logitsOf(p, 'sigmoid');
    const smooth = labelSmoothing ? add([mul([t, p.graph.scalar(1 - labelSmoothing)]), p.graph.scalar(labelSmoothing / 2)]) : t;
    return sub([softplus(z), mul([smooth, z])]);
  });

/** Cross-entropy of softmax(logits) against class indexes (i32, the predictions' shape without classes). */
export const sparseCategoricalCrossentropy = ({ labelSmoothing = 0 }: { readonly labelSmoothing?: number } = {}): Loss => ({
  name: 'sparseCategoricalCrossentropy',
  labels: 'i32',
  config: { labelSmoothing },
  apply: (predictions, labels) => perItem(softmaxCrossEntropy([logitsOf(predictions, 'softmax'), labels], { labelSmoothing })),
});

/** Cross-entropy of softmax(logits) against one-hot or soft labels. */
export const categoricalCrossentropy = ({ labelSmoothing = 0 }: { readonly labelSmoothing?: number } = {}): Loss => ({
  name: 'categoricalCrossentropy',
  labels: 'f32',
  config: { labelSmoothing },
  apply: (predictions, labels) => perItem(softmaxCrossEntropy([logitsOf(predictions, 'softmax'), labels], { labelSmoothing })),
});

/** Probabilities below this count as this, as in Keras. */
const SMALLEST_PROBABILITY = 1e-7;

/** Kullback–Leibler divergence Σ t ln(t / p) of probabilities over the last axis. */
export const klDivergence = (): Loss => ({
  name: 'klDivergence',
  labels: 'f32',
  config: {},
  apply(p, t) {
    expectSame('klDivergence', p, t);
    const limit = (x: Value) => clip(x, { min: SMALLEST_PROBABILITY, max: 1 });
    return perItem(reduceSum(mul([limit(t), log(div([limit(t), limit(p)]))]), { axes: [-1] }));
  },
});

/** Losses by their Keras name. */
export const losses = {
  meanSquaredError,
  mse: meanSquaredError,
  meanAbsoluteError,
  mae: meanAbsoluteError,
  huber,
  hinge,
  binaryCrossentropy,
  sparseCategoricalCrossentropy,
  categoricalCrossentropy,
  klDivergence,
} as const satisfies Record<string, (config?: Record<string, number>) => Loss>;

export type LossName = keyof typeof losses;

/** @throws INPUT for an unknown name. */
export function lossOf(given: LossName | Loss): Loss {
  if (typeof given !== 'string') return given;
  const make = losses[given];
  if (!make) throw new ThimbleError('INPUT', `no loss "${given}"`, { expected: Object.keys(losses).join(', ') });
  return make();
}
