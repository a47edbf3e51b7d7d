import type { Shape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { linear } from '../ops/linear.ts';
import { gru as gruOp, lstm as lstmOp, rnn } from '../ops/recurrent.ts';
import { reshape } from '../ops/reshape.ts';
import { slice } from '../ops/slice.ts';
import { present } from './core.ts';
import type { Initializer, InitializerName } from './initializers.ts';
import { defineLayer, type LayerFactory, type WeightSpec } from './layer.ts';

/** Options of all recurrent layers. */
export interface RecurrentConfig {
  /** Features of the output; 1 where left out. */
  readonly units: number;
  /** The output of every step, [steps, units], instead of the last one's; false where left out. */
  readonly returnSequences: boolean;
  /** true where left out. */
  readonly useBias: boolean;
  /** Of the weights of inputs; `glorotUniform` where left out. */
  readonly kernelInitializer: InitializerName | Initializer;
  /** Of the weights of the state; `orthogonal` where left out. */
  readonly recurrentInitializer: InitializerName | Initializer;
}

const defaults: RecurrentConfig = {
  units: 1,
  returnSequences: false,
  useBias: true,
  kernelInitializer: 'glorotUniform',
  recurrentInitializer: 'orthogonal',
};

function weightsOf(
  { units, useBias, kernelInitializer, recurrentInitializer }: RecurrentConfig,
  x: Shape,
  gates: number,
): Record<string, WeightSpec | undefined> {
  const width = gates * units;
  return {
    kernel: { shape: [x.at(-1) as number, width], initializer: kernelInitializer, panels: 1 },
    recurrentKernel: { shape: [units, width], initializer: recurrentInitializer, panels: 1 },
    bias: useBias ? { shape: [width], initializer: 'zeros' } : undefined,
  };
}

/** All steps of h [batch, steps, units], or the last. */
function outputOf(h: Value, { returnSequences }: RecurrentConfig): Value {
  if (returnSequences) return h;
  const [batch, steps, units] = h.shape as [number, number, number];
  return reshape(slice(h, { starts: [0, steps - 1, 0], sizes: [batch, 1, units] }), { shape: [batch, units] });
}

/** Options of `simpleRnn`. */
export interface SimpleRnnConfig extends RecurrentConfig {
  /** `tanh` where left out. */
  readonly activation: 'tanh' | 'relu';
}

/** h = activation(x · kernel + h · recurrentKernel + bias) over [steps, features]. */
export const simpleRnn: LayerFactory<SimpleRnnConfig> = defineLayer<SimpleRnnConfig>({
  type: 'simpleRnn',
  defaults: { ...defaults, activation: 'tanh' },
  weights: (config, [x]) => weightsOf(config, x as Shape, 1),
  call(config, [x], ctx) {
    const { units, activation } = config;
    const xw = linear([x as Value, ...present(ctx, 'kernel', 'bias')], { units });
    return outputOf(rnn([xw, ctx.weight('recurrentKernel') as Value], { units, activation }), config);
  },
});

/** Options of `lstm`. */
export interface LstmConfig extends RecurrentConfig {
  /** Start the forget gate's bias at 1 (Jozefowicz et al. 2015); true where left out. */
  readonly unitForgetBias: boolean;
}

/** Long short-term memory over [steps, features]; gates in the order input, forget, cell, output, as in Keras. */
export const lstm: LayerFactory<LstmConfig> = defineLayer<LstmConfig>({
  type: 'lstm',
  defaults: { ...defaults, unitForgetBias: true },
  weights(config, [x]) {
    const { units, unitForgetBias } = config;
    const weights = weightsOf(config, x as Shape, 4);
    const forget: Initializer = (shape) =>
      Float32Array.from({ length: shape[0] as number }, (_, i) => (Math.floor(i / units) === 1 ? 1 : 0));
    return { ...weights, bias: weights.bias && { ...weights.bias, initializer: unitForgetBias ? forget : 'zeros' } };
  },
  call(config, [x], ctx) {
    const { units } = config;
    const xw = linear([x as Value, ...present(ctx, 'kernel', 'bias')], { units: 4 * units });
    return outputOf(lstmOp([xw, ctx.weight('recurrentKernel') as Value], { units }), config);
  },
});

/** Gated recurrent unit over [steps, features], reset after the product (Keras reset_after); gates in the order update, reset, new. */
export const gru: LayerFactory<RecurrentConfig> = defineLayer<RecurrentConfig>({
  type: 'gru',
  defaults,
  weights(config, [x]) {
    const weights = weightsOf(config, x as Shape, 3);
    return { ...weights, recurrentBias: weights.bias };
  },
  call(config, [x], ctx) {
    const { units } = config;
    const xw = linear([x as Value, ...present(ctx, 'kernel', 'bias')], { units: 3 * units });
    return outputOf(gruOp([xw, ...present(ctx, 'recurrentKernel', 'recurrentBias')], { units }), config);
  },
});
