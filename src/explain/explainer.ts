import type { Tensor } from '../core/tensor.ts';
import type { MemoryPlan } from '../plan/report.ts';
import type { Inputs } from '../train/data.ts';
import { type ActivationStatistics, activationStatistics, activations } from './activations.ts';
import type { Attribution } from './attribution.ts';
import { Engine, type EngineOptions, type ImageLayout } from './engine.ts';
import { convolutionsOf, filtersOf } from './filters.ts';
import { type GradCam, type GradCamOptions, gradCam } from './gradCam.ts';
import {
  type IntegratedGradients,
  type IntegratedGradientsOptions,
  integratedGradients,
  type SmoothGradOptions,
  saliency,
  smoothGrad,
  type TargetOptions,
} from './gradients.ts';
import { type OcclusionOptions, occlusion } from './occlusion.ts';
import type { Explainable } from './subject.ts';

export type ExplainerOptions = EngineOptions;

/**
 * Explains what a model answers. Each method is compiled when it is first asked for: a forward pass, or a forward and a backward pass, in a
 * linear memory of its own that is known before it runs. A model built of layers is explained with the weights it has at the call.
 *
 * `x` is rows side by side in a typed array, a tensor, or data by input name, as `Model.predict` takes it; a tensor of one item is one row.
 * All methods throw INPUT for what does not fit the model, and BUDGET where their plan exceeds `budget`; those that need gradients throw
 * UNSUPPORTED_OP where an operator has none.
 */
export class Explainer {
  readonly #engine: Engine;

  /** @param model built of layers, or loaded. @throws INPUT for an input or output that it does not have. */
  constructor(model: Explainable, options: ExplainerOptions = {}) {
    this.#engine = new Engine(model, options);
  }

  /** The explained input as an image. @throws INPUT where it is none. */
  get image(): ImageLayout {
    return this.#engine.image;
  }

  /** Names of the layers, in the order they run in. @throws INPUT for a model from a `.thimble` file. */
  get layers(): string[] {
    return [...this.#engine.forward().layers.keys()];
  }

  /** Those of `layers` that are convolutions. */
  get convolutions(): string[] {
    return convolutionsOf(this.#engine.forward());
  }

  /** The scores of each row, row-major: logits, unless `score` says otherwise. */
  scores(x: Inputs): Promise<Float32Array> {
    const columns = this.#engine.columns(x);
    return this.#engine.scores(columns, columns.rows, (row) => ({ row, x: this.#engine.row(columns, row) }));
  }

  /** d score / d input (Simonyan et al. 2013), signed. */
  saliency(x: Inputs, options: TargetOptions = {}): Promise<Attribution> {
    return saliency(this.#engine, x, options);
  }

  /** The mean of the gradients at noisy copies of the row (Smilkov et al. 2017); the noise follows from `seed`. */
  smoothGrad(x: Inputs, options: SmoothGradOptions = {}): Promise<Attribution> {
    return smoothGrad(this.#engine, x, options);
  }

  /** Attributions that sum to f(x) - f(baseline) (Sundararajan et al. 2017). */
  integratedGradients(x: Inputs, options: IntegratedGradientsOptions = {}): Promise<IntegratedGradients> {
    return integratedGradients(this.#engine, x, options);
  }

  /** Where the last convolution (or `layer`) sees the class (Selvaraju et al. 2017): relu of its maps, weighted by the mean of their gradients. */
  gradCam(x: Inputs, options: GradCamOptions = {}): Promise<GradCam> {
    return gradCam(this.#engine, x, options);
  }

  /** How far the score falls when a patch hides a part of the input (Zeiler and Fergus 2014). Needs no gradient: any model will do. */
  occlusion(x: Inputs, options: OcclusionOptions = {}): Promise<Attribution> {
    return occlusion(this.#engine, x, options);
  }

  /** What layers give for each row, by layer: f32 [rows, ...]; images [rows, height, width, channels]. All layers must fit in memory at once. */
  activations(x: Inputs, layers: readonly string[]): Promise<Record<string, Tensor>> {
    return activations(this.#engine, x, layers);
  }

  /** How the data falls on the activation functions, those of `layers` or all: dead units, saturation, histograms, curves. */
  activationStatistics(x: Inputs, layers?: readonly string[]): Promise<ActivationStatistics[]> {
    return activationStatistics(this.#engine, x, layers);
  }

  /** The filters of a convolution by its layer's name: f32 [height, width, channels, filters]. @throws INPUT where the layer is none. */
  filters(layer: string): Tensor {
    return filtersOf(this.#engine.forward(), layer);
  }

  /** Bytes of the methods planned so far, by name. */
  memory(): Promise<Record<string, MemoryPlan>> {
    return this.#engine.memory();
  }
}
