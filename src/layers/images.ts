import type { Shape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { conv2d as conv2dOp } from '../ops/conv2d.ts';
import { convTranspose2d } from '../ops/convTranspose2d.ts';
import { depthwiseConv2d as depthwiseOp } from '../ops/depthwiseConv2d.ts';
import { pad } from '../ops/pad.ts';
import { averagePool2d, maxPool2d } from '../ops/pool.ts';
import { reduceMax } from '../ops/reduceMax.ts';
import { reduceMean } from '../ops/reduceMean.ts';
import { resize } from '../ops/resize.ts';
import { nhwc, type Padding } from '../ops/window.ts';
import { type ActivationName, activate } from './activations.ts';
import { present } from './core.ts';
import type { Initializer, InitializerName } from './initializers.ts';
import { defineLayer, type LayerFactory, type Regularizer } from './layer.ts';

/** One number for both axes, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number];

const pair = (given: Pair): readonly [number, number] => (typeof given === 'number' ? [given, given] : given);

interface ConvolutionConfig {
  /** 3 where left out. */
  readonly kernelSize: Pair;
  /** 1 where left out. */
  readonly strides: Pair;
  /** `valid` (none), the default, or `same`: as many outputs as inputs at stride 1, padded as in Keras. */
  readonly padding: Padding;
  /** 1 where left out. */
  readonly dilationRate: Pair;
  /** None where left out. */
  readonly activation: ActivationName;
  readonly useBias: boolean;
  readonly kernelInitializer: InitializerName | Initializer;
  readonly biasInitializer: InitializerName | Initializer;
  readonly kernelRegularizer: Regularizer | undefined;
}

const convolution: ConvolutionConfig = {
  kernelSize: 3,
  strides: 1,
  padding: 'valid',
  dilationRate: 1,
  activation: 'linear',
  useBias: true,
  kernelInitializer: 'glorotUniform',
  biasInitializer: 'zeros',
  kernelRegularizer: undefined,
};

const windowOf = ({ kernelSize, strides, padding, dilationRate }: ConvolutionConfig) => ({
  kernel: pair(kernelSize),
  strides: pair(strides),
  dilations: pair(dilationRate),
  padding,
});

/** Options of `conv2d` and `conv2dTranspose`. */
export interface Conv2dConfig extends ConvolutionConfig {
  /** Channels of the output; 1 where left out. */
  readonly filters: number;
  /** Parts of the channels that are convolved apart; 1 where left out. Divides channels and filters. */
  readonly groups: number;
}

/** Convolution over [height, width, channels]. kernel: [kernelHeight, kernelWidth, channels / groups, filters]. */
export const conv2d: LayerFactory<Conv2dConfig> = defineLayer<Conv2dConfig>({
  type: 'conv2d',
  defaults: { ...convolution, filters: 1, groups: 1 },
  weights: ({ filters, groups, kernelSize, useBias, kernelInitializer, biasInitializer, kernelRegularizer }, [x]) => ({
    kernel: {
      shape: [...pair(kernelSize), ((x as Shape).at(-1) as number) / groups, filters],
      initializer: kernelInitializer,
      panels: groups,
      regularizer: kernelRegularizer,
    },
    bias: useBias ? { shape: [filters], initializer: biasInitializer } : undefined,
  }),
  call: (config, [x], ctx) => {
    const { filters, groups, activation } = config;
    return activate(activation, conv2dOp([x as Value, ...present(ctx, 'kernel', 'bias')], { ...windowOf(config), filters, groups }));
  },
});

/** Options of `depthwiseConv2d`. */
export interface DepthwiseConv2dConfig extends ConvolutionConfig {
  /** Filters of each channel; 1 where left out. */
  readonly depthMultiplier: number;
}

/** Each channel through filters of its own. kernel: [kernelHeight, kernelWidth, channels · depthMultiplier]. */
export const depthwiseConv2d: LayerFactory<DepthwiseConv2dConfig> = defineLayer<DepthwiseConv2dConfig>({
  type: 'depthwiseConv2d',
  defaults: { ...convolution, depthMultiplier: 1 },
  weights: ({ depthMultiplier, kernelSize, useBias, kernelInitializer, biasInitializer, kernelRegularizer }, [x]) => {
    const channels = ((x as Shape).at(-1) as number) * depthMultiplier;
    return {
      kernel: { shape: [...pair(kernelSize), channels], initializer: kernelInitializer, regularizer: kernelRegularizer },
      bias: useBias ? { shape: [channels], initializer: biasInitializer } : undefined,
    };
  },
  call: (config, [x], ctx) => {
    const { depthMultiplier, activation } = config;
    return activate(
      activation,
      depthwiseOp([x as Value, ...present(ctx, 'kernel', 'bias')], { ...windowOf(config), multiplier: depthMultiplier }),
    );
  },
});

/** Transposed convolution. kernel: [kernelHeight, kernelWidth, filters / groups, channels], as Keras has it. */
export const conv2dTranspose: LayerFactory<Conv2dConfig> = defineLayer<Conv2dConfig>({
  type: 'conv2dTranspose',
  defaults: { ...convolution, filters: 1, groups: 1 },
  weights: ({ filters, groups, kernelSize, useBias, kernelInitializer, biasInitializer, kernelRegularizer }, [x]) => ({
    kernel: {
      shape: [...pair(kernelSize), filters / groups, (x as Shape).at(-1) as number],
      initializer: kernelInitializer,
      panels: groups,
      regularizer: kernelRegularizer,
    },
    bias: useBias ? { shape: [filters], initializer: biasInitializer } : undefined,
  }),
  call: (config, [x], ctx) => {
    const { filters, groups, activation } = config;
    return activate(activation, convTranspose2d([x as Value, ...present(ctx, 'kernel', 'bias')], { ...windowOf(config), filters, groups }));
  },
});

/** Options of the pooling layers. */
export interface PoolingConfig {
  /** 2 where left out. */
  readonly poolSize: Pair;
  /** The pool size where left out. */
  readonly strides: Pair | undefined;
  /** `valid` where left out. */
  readonly padding: Padding;
}

const pooling: PoolingConfig = { poolSize: 2, strides: undefined, padding: 'valid' };
const poolOf = ({ poolSize, strides = poolSize, padding }: PoolingConfig) => ({ kernel: pair(poolSize), strides: pair(strides), padding });

/** The largest value of each window. */
export const maxPooling2d: LayerFactory<PoolingConfig> = defineLayer({
  type: 'maxPooling2d',
  defaults: pooling,
  call: (config, [x]) => maxPool2d(x as Value, poolOf(config)),
});

/** The mean of each window; padding is not counted. */
export const averagePooling2d: LayerFactory<PoolingConfig> = defineLayer({
  type: 'averagePooling2d',
  defaults: pooling,
  call: (config, [x]) => averagePool2d(x as Value, poolOf(config)),
});

/** The mean over all positions: [height, width, channels] → [channels]. */
export const globalAveragePooling2d: LayerFactory<object> = defineLayer({
  type: 'globalAveragePooling2d',
  defaults: {},
  call: (_, [x]) => reduceMean(x as Value, { axes: [1, 2] }),
});

/** The largest value over all positions: [height, width, channels] → [channels]. */
export const globalMaxPooling2d: LayerFactory<object> = defineLayer({
  type: 'globalMaxPooling2d',
  defaults: {},
  call: (_, [x]) => reduceMax(x as Value, { axes: [1, 2] }),
});

/** The mean over the steps of a sequence: [steps, features] → [features]. */
export const globalAveragePooling1d: LayerFactory<object> = defineLayer({
  type: 'globalAveragePooling1d',
  defaults: {},
  call: (_, [x]) => reduceMean(x as Value, { axes: [1] }),
});

/** Borders of zeros: [top, bottom, left, right], or one number for all. */
export const zeroPadding2d: LayerFactory<{ readonly padding: number | readonly [number, number, number, number] }> = defineLayer({
  type: 'zeroPadding2d',
  defaults: { padding: 1 as number | readonly [number, number, number, number] },
  call({ padding }, [x]) {
    const [top, bottom, left, right] = typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
    return pad(x as Value, {
      pads: [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ],
    });
  },
});

/** Options of `upSampling2d`. */
export interface UpSamplingConfig {
  /** How often rows and columns are repeated; 2 where left out. */
  readonly size: Pair;
  /** `nearest` where left out. */
  readonly interpolation: 'nearest' | 'bilinear';
}

/** Images enlarged by whole factors. */
export const upSampling2d: LayerFactory<UpSamplingConfig> = defineLayer<UpSamplingConfig>({
  type: 'upSampling2d',
  defaults: { size: 2, interpolation: 'nearest' },
  call({ size, interpolation }, [x]) {
    const { height, width } = nhwc((x as Value).shape);
    const [vertical, horizontal] = pair(size);
    return resize(x as Value, { size: [height * vertical, width * horizontal], mode: interpolation });
  },
});
