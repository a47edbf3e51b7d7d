import type { Budget } from '../plan/budget.ts';
import type { Flavour } from '../runtime/flavour.ts';
import type { Loss, LossName } from './losses.ts';
import type { Metric, MetricName } from './metrics.ts';
import type { Optimizer, OptimizerName } from './optimizers.ts';

/** Options of `Model.compile`. */
export interface CompileOptions {
  /** `rmsprop` where left out, as in Keras. */
  readonly optimizer?: OptimizerName | Optimizer;
  /** Without one the model predicts only. */
  readonly loss?: LossName | Loss;
  /** Computed by `fit` and `evaluate` beside the loss. */
  readonly metrics?: readonly (MetricName | Metric)[];
  /** Items a call of the program takes; smaller batches are handled exactly. 32 where left out. */
  readonly batchSize?: number;
  /**
   * Trains for 8 bits: weights and activations are rounded as `quantize` will round them, gradients pass straight through, and ranges are learned
   * (Jacob et al. 2018). Compile a trained model once more with it and fit for a few epochs; `quantize` then needs no calibration data.
   */
  readonly quantizationAware?: boolean;
  /** Bytes, or text such as '64KB' or `least`, that the whole linear memory may use. */
  readonly budget?: Budget;
  /** `simd` (default) gives the same bits on every host; `scalar` needs no SIMD and gives the same; `relaxed` may be faster; `auto` is the fastest there is. */
  readonly flavour?: Flavour | 'auto';
}

export interface EvaluateOptions {
  readonly sampleWeight?: Float32Array;
}
