import type { TypedArray } from '../core/dtype.ts';
import { unpackPanels } from '../core/panels.ts';
import { sizeOf } from '../core/shape.ts';
import type { Node, Value } from '../ir/graph.ts';
import { dense } from '../layers/core.ts';
import type { Layer } from '../layers/layer.ts';
import type { Conv2dAttributes } from '../ops/conv2d.ts';
import type { LinearAttributes } from '../ops/linear.ts';
import type { Backbone } from './backbone.ts';

/** The dense layer that gives the classes. */
export interface Classifier {
  readonly layer: Layer;
  readonly classes: number;
  /** Whether it starts with the weights of the model's own classifier. */
  readonly keepsWeights: boolean;
}

const NAME = 'head_classes';

/** A classifier with new weights: zeros, the one start that favours no class. */
export const newClassifier = (classes: number): Classifier => ({
  layer: dense({ units: classes, name: NAME, kernelInitializer: 'zeros' }),
  classes,
  keepsWeights: false,
});

/**
 * The model's own classifier as a dense layer; with its weights where it is a float dense layer, or a convolution of one pixel, which commutes with the
 * averaging before or behind it. Of 8-bit ones only the number of classes is taken: the scale of their features is not in the graph.
 */
export function ownClassifier({ classifier, features }: Backbone): Classifier | undefined {
  if (!classifier) return undefined;
  const classes = (classifier.outputs[0] as Value).shape.at(-1) as number;
  const found = weightsOf(classifier, features.shape.at(-1) as number);
  if (!found) return newClassifier(classes);
  const { kernel, bias } = found;
  const layer = dense({
    units: classes,
    name: NAME,
    useBias: bias !== undefined,
    kernelInitializer: () => kernel.slice(),
    ...(bias && { biasInitializer: () => bias.slice() }),
  });
  return { layer, classes, keepsWeights: true };
}

/** Weights [channels, classes] in logical order, and the bias. */
function weightsOf(
  { op, attrs, inputs, outputs }: Node,
  channels: number,
): { kernel: Float32Array; bias: Float32Array | undefined } | undefined {
  const [x, w, b] = inputs;
  const { low, high, residual } = attrs as unknown as LinearAttributes;
  const isBounded = low !== Number.NEGATIVE_INFINITY || high !== Number.POSITIVE_INFINITY || residual;
  const kernel = w && floatsOf(w);
  const bias = b && floatsOf(b);
  if ((op !== 'linear' && op !== 'conv2d') || isBounded || !kernel || (b && !bias)) return undefined;
  if (op === 'conv2d') {
    const { kernel: window, groups } = attrs as unknown as Conv2dAttributes;
    if (sizeOf(window) !== 1 || groups !== 1) return undefined;
  }
  const classes = (outputs[0] as Value).shape.at(-1) as number;
  if ((x as Value).shape.at(-1) !== channels) return undefined;
  return { kernel: unpackPanels(kernel, [channels, classes]), bias };
}

function floatsOf({ dtype, origin }: Value): Float32Array | undefined {
  return origin.kind === 'const' && dtype === 'f32' ? ((origin as { readonly data: TypedArray }).data as Float32Array) : undefined;
}
