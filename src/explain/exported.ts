import type { InferenceModel } from '../inference/model.ts';
import type { Graph } from '../ir/graph.ts';
import type { Model } from '../train/model.ts';
import { layoutOf } from './engine.ts';
import { gradCamGraph, gradientGraph, hasFeatures, names, scoresGraph } from './methods.ts';
import { type SubjectOptions, subjectOf } from './subject.ts';

export interface ExplanationOptions extends SubjectOptions {
  /** How an image lies in the input; found from its extents where left out. */
  readonly layout?: 'nhwc' | 'nchw';
  /** Whose maps Grad-CAM weighs; what the last convolution gives where left out. */
  readonly layer?: string;
  /** Grad-CAM alone: it needs no gradients before the last convolution, so hardly more memory than inference. */
  readonly only?: 'gradCam' | undefined;
}

/**
 * The methods that gradients and Grad-CAM need, for `model.export({ methods: explanationMethods(model) })` and for `toModel` of `fineTune`: then the
 * `.thimble` file can be explained on any host, without the compiler. Of a model without images or convolutions, gradients alone. `batchSize` has to be
 * that of the export.
 * @throws UNSUPPORTED_OP or INPUT where the model has no gradients; occlusion needs no methods.
 */
export function explanationMethods(model: Model | InferenceModel, options: ExplanationOptions = {}): Graph[] {
  const subject = subjectOf(model, options);
  const graphs = [scoresGraph(subject.forward(names.scores))];
  if (options.only === undefined) graphs.push(gradientGraph(subject.forward(names.gradient)));
  const image = layoutOf(subject.input.shape, options.layout);
  const forward = subject.forward(names.gradCam);
  if (image && (options.layer !== undefined || hasFeatures(forward)))
    graphs.push(gradCamGraph(forward, options.layer, [image.height, image.width]));
  return graphs;
}
