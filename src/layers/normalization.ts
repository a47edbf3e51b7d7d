import type { Shape } from '../core/shape.ts';
import { sizeOf } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { batchNorm, batchNormInference, movingAverage } from '../ops/batchNorm.ts';
import { groupNorm, layerNorm, rmsNorm } from '../ops/groupNorm.ts';
import { present } from './core.ts';
import { defineLayer, type LayerFactory } from './layer.ts';

/** Options of `batchNormalization`. */
export interface BatchNormalizationConfig {
  /** Weight of the old running statistics; 0.99 where left out. */
  readonly momentum: number;
  /** Added to the variance; 1e-3 where left out. */
  readonly epsilon: number;
  /** Running variance from n - 1 instead of n elements, as PyTorch has it; Keras uses n, and so does what leaves it out. */
  readonly unbiased: boolean;
}

/** Batch normalisation over the last axis; running statistics at inference. */
export const batchNormalization: LayerFactory<BatchNormalizationConfig> = defineLayer<BatchNormalizationConfig>({
  type: 'batchNormalization',
  defaults: { momentum: 0.99, epsilon: 1e-3, unbiased: false },
  weights: (_, [x]) => {
    const shape = (x as Shape).slice(-1);
    return {
      gamma: { shape, initializer: 'ones' },
      beta: { shape, initializer: 'zeros' },
      movingMean: { shape, initializer: 'zeros', statistic: true },
      movingVariance: { shape, initializer: 'ones', statistic: true },
    };
  },
  call({ momentum, epsilon, unbiased }, [x], ctx) {
    const [gamma, beta, movingMean, movingVariance] = present(ctx, 'gamma', 'beta', 'movingMean', 'movingVariance') as [
      Value,
      Value,
      Value,
      Value,
    ];
    if (!ctx.training) return batchNormInference([x as Value, gamma, beta, movingMean, movingVariance], { epsilon });
    const [y, mean, variance] = batchNorm.all([x as Value, gamma, beta], { epsilon }) as [Value, Value, Value];
    const rows = sizeOf((x as Value).shape.slice(0, -1));
    movingAverage.node([movingMean, mean], { momentum });
    movingAverage.node([movingVariance, variance], { momentum, scale: unbiased && rows > 1 ? rows / (rows - 1) : 1 });
    return y;
  },
});

const affine = (x: Shape) => ({
  gamma: { shape: x.slice(-1), initializer: 'ones' as const },
  beta: { shape: x.slice(-1), initializer: 'zeros' as const },
});

/** Layer normalisation over the last axis. */
export const layerNormalization: LayerFactory<{ readonly epsilon: number }> = defineLayer({
  type: 'layerNormalization',
  defaults: { epsilon: 1e-3 },
  weights: (_, [x]) => affine(x as Shape),
  call: ({ epsilon }, [x], ctx) => layerNorm([x as Value, ...present(ctx, 'gamma', 'beta')], { epsilon }),
});

/** Normalisation over groups of channels and all positions. */
export const groupNormalization: LayerFactory<{ readonly groups: number; readonly epsilon: number }> = defineLayer({
  type: 'groupNormalization',
  defaults: { groups: 32, epsilon: 1e-3 },
  weights: (_, [x]) => affine(x as Shape),
  call: ({ groups, epsilon }, [x], ctx) => groupNorm([x as Value, ...present(ctx, 'gamma', 'beta')], { groups, epsilon }),
});

/** Division by the root mean square of the last axis. */
export const rmsNormalization: LayerFactory<{ readonly epsilon: number }> = defineLayer({
  type: 'rmsNormalization',
  defaults: { epsilon: 1e-6 },
  weights: (_, [x]) => ({ gamma: affine(x as Shape).gamma }),
  call: ({ epsilon }, [x], ctx) => rmsNorm([x as Value, ...present(ctx, 'gamma')], { epsilon }),
});
