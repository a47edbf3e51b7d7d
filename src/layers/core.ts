import type { Shape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { add as addOp } from '../ops/add.ts';
import { concat } from '../ops/concat.ts';
import { dropout as dropoutOp } from '../ops/dropout.ts';
import { gather } from '../ops/gather.ts';
import { linear } from '../ops/linear.ts';
import { mul } from '../ops/mul.ts';
import { prelu as preluOp } from '../ops/prelu.ts';
import { reshape as reshapeOp } from '../ops/reshape.ts';
import { type ActivationName, activate } from './activations.ts';
import type { Initializer, InitializerName } from './initializers.ts';
import { type CallContext, defineLayer, type LayerFactory, type Regularizer, type Symbolic } from './layer.ts';

/** The symbolic input of a model. `shape` leaves the batch axis out. */
export function input({
  shape,
  dtype = 'f32',
  name = 'input',
}: {
  readonly shape: Shape;
  readonly dtype?: 'f32' | 'i32';
  readonly name?: string;
}): Symbolic {
  return { shape, dtype, name };
}

/** Options of `dense`. */
export interface DenseConfig {
  /** Features of the output; 1 where left out. */
  readonly units: number;
  /** None (`linear`) where left out. */
  readonly activation: ActivationName;
  /** true where left out. */
  readonly useBias: boolean;
  /** `glorotUniform` where left out. */
  readonly kernelInitializer: InitializerName | Initializer;
  /** `zeros` where left out. */
  readonly biasInitializer: InitializerName | Initializer;
  /** A penalty that the loss gets for the size of the kernel; none where left out. */
  readonly kernelRegularizer: Regularizer | undefined;
}

/** The values of the weights `names` that the layer has, in that order. */
export const present = (ctx: CallContext, ...names: readonly string[]): Value[] => names.flatMap((name) => ctx.weight(name) ?? []);

/** y = activation(x · kernel + bias) over the last axis. kernel: [inputs, units]. */
export const dense: LayerFactory<DenseConfig> = defineLayer<DenseConfig>({
  type: 'dense',
  defaults: {
    units: 1,
    activation: 'linear',
    useBias: true,
    kernelInitializer: 'glorotUniform',
    biasInitializer: 'zeros',
    kernelRegularizer: undefined,
  },
  weights: ({ units, useBias, kernelInitializer, biasInitializer, kernelRegularizer }, [x]) => ({
    kernel: { shape: [(x as Shape).at(-1) as number, units], initializer: kernelInitializer, panels: 1, regularizer: kernelRegularizer },
    bias: useBias ? { shape: [units], initializer: biasInitializer } : undefined,
  }),
  call: ({ units, activation }, [x], ctx) => activate(activation, linear([x as Value, ...present(ctx, 'kernel', 'bias')], { units })),
});

/** An activation as a layer. */
export const activation: LayerFactory<{ readonly activation: ActivationName }> = defineLayer({
  type: 'activation',
  defaults: { activation: 'relu' as ActivationName },
  call: (config, [x]) => activate(config.activation, x as Value),
});

/** Parametric ReLU with a learned slope for each channel of the last axis. */
export const prelu: LayerFactory<{ readonly alphaInitializer: InitializerName | Initializer }> = defineLayer({
  type: 'prelu',
  defaults: { alphaInitializer: 'zeros' as InitializerName | Initializer },
  weights: ({ alphaInitializer }, [x]) => ({ alpha: { shape: (x as Shape).slice(-1), initializer: alphaInitializer } }),
  call: (_, [x], ctx) => preluOp(x as Value, ctx.weight('alpha') as Value),
});

/** All axes but the batch become one. */
export const flatten: LayerFactory<object> = defineLayer({
  type: 'flatten',
  defaults: {},
  call: (_, [x]) => reshapeOp(x as Value, { shape: [(x as Value).shape[0] as number, -1] }),
});

/** `targetShape` leaves the batch axis out. */
export const reshape: LayerFactory<{ readonly targetShape: Shape }> = defineLayer({
  type: 'reshape',
  defaults: { targetShape: [] as Shape },
  call: ({ targetShape }, [x]) => reshapeOp(x as Value, { shape: [(x as Value).shape[0] as number, ...targetShape] }),
});

/** Sets a share `rate` of its input to 0 during training and scales the rest by 1 / (1 - rate). */
export const dropout: LayerFactory<{ readonly rate: number }> = defineLayer({
  type: 'dropout',
  defaults: { rate: 0.5 },
  call({ rate }, [x], ctx) {
    if (!ctx.training || rate === 0) return x as Value;
    const { seed, step, salt } = ctx.random();
    return dropoutOp([x as Value, seed, step], { rate, salt });
  },
});

/** Rows of a learned table at i32 indexes. */
export const embedding: LayerFactory<{
  readonly inputDim: number;
  readonly outputDim: number;
  readonly embeddingsInitializer: InitializerName | Initializer;
}> = defineLayer({
  type: 'embedding',
  defaults: { inputDim: 1, outputDim: 1, embeddingsInitializer: 'randomUniform' as InitializerName | Initializer },
  weights: ({ inputDim, outputDim, embeddingsInitializer }) => ({
    embeddings: { shape: [inputDim, outputDim], initializer: embeddingsInitializer },
  }),
  call: (_, [x], ctx) => gather([ctx.weight('embeddings') as Value, x as Value], { axis: 0 }),
});

/** The sum of its inputs. */
export const add: LayerFactory<object> = defineLayer({
  type: 'add',
  defaults: {},
  call: (_, inputs) => inputs.slice(1).reduce((sum, x) => addOp([sum, x]), inputs[0] as Value),
});

/** The product of its inputs. */
export const multiply: LayerFactory<object> = defineLayer({
  type: 'multiply',
  defaults: {},
  call: (_, inputs) => inputs.slice(1).reduce((product, x) => mul([product, x]), inputs[0] as Value),
});

/** Its inputs joined along an axis (the batch axis counts as 0). */
export const concatenate: LayerFactory<{ readonly axis: number }> = defineLayer({
  type: 'concatenate',
  defaults: { axis: -1 },
  call: ({ axis }, inputs) => concat(inputs, { axis }),
});
