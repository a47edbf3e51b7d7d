import { ThimbleError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { convTranspose2d } from '../../ops/convTranspose2d.ts';
import { add, conv2d, conv2dGradInput, depthwiseConv2d } from '../../ops/index.ts';
import { windowOf as windowExtents } from '../../ops/window.ts';
import { padded, reshapedTo } from '../moves.ts';
import { panels, permuted } from '../weights.ts';
import { activated } from './activation.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { floatWeights, hybridConvolution, hybridDepthwise, hybridImage } from './hybrid.ts';
import { conv2DOptions, depthwiseConv2DOptions, transposeConvOptions } from './options.ts';
import { quantizedConvolution, quantizedDepthwise, quantizedTransposed } from './quantizedConvolution.ts';
import { fourAxes, windowOf } from './windows.ts';

/** The bias in input `index`, where there is one. */
export const bias = (n: NodeContext, index: number): Value[] =>
  n.has(index) ? [reshapedTo(n.f32(index), [n.f32(index).shape.reduce((a, b) => a * b, 1)])] : [];

/** x [N, H, W, C] with filters [out, kernelHeight, kernelWidth, C / groups]. */
function convolution(n: NodeContext): Result {
  const options = n.options(conv2DOptions);
  const window = windowOf(options);
  const channels = fourAxes(n.shape(0), 'a convolution')[3];
  const [filters, height, width, depth] = fourAxes(n.shape(1), 'a filter');
  if (depth < 1 || channels % depth || filters % (channels / depth)) {
    throw new ThimbleError('SHAPE', 'the filters do not fit', {
      expected: `a divisor of ${channels} channels`,
      got: formatShape(n.shape(1)),
    });
  }
  const attrs = { ...window, kernel: [height, width], filters, groups: channels / depth } as const;
  if (n.x(0).dtype !== 'f32') return quantizedConvolution(n, attrs, options.fusedActivationFunction);
  if (n.x(1).dtype !== 'f32') return hybridConvolution(n, attrs, options.fusedActivationFunction);
  const w = panels(permuted(n.f32(1), [1, 2, 3, 0]), attrs.groups);
  const y = conv2d([n.f32(0), w, ...bias(n, 2)], { ...attrs, ordered: n.ordered });
  return activated(n, y, options.fusedActivationFunction);
}

/** Each channel with filters of its own: [1, kernelHeight, kernelWidth, C · multiplier]. */
function depthwise(n: NodeContext): Result {
  const options = n.options(depthwiseConv2DOptions);
  const window = windowOf(options);
  const channels = fourAxes(n.shape(0), 'a convolution')[3];
  const [one, height, width, filters] = fourAxes(n.shape(1), 'a filter');
  if (one !== 1 || channels < 1 || filters % channels) {
    throw new ThimbleError('SHAPE', 'the filters do not fit', {
      expected: `[1, height, width, ${channels} · multiplier]`,
      got: formatShape(n.shape(1)),
    });
  }
  const attrs = { ...window, kernel: [height, width], multiplier: filters / channels } as const;
  if (n.x(0).dtype !== 'f32') return quantizedDepthwise(n, attrs, options.fusedActivationFunction);
  if (n.x(1).dtype !== 'f32') return hybridDepthwise(n, attrs, options.fusedActivationFunction);
  const w = reshapedTo(n.f32(1), [height, width, filters]);
  const y = depthwiseConv2d([n.f32(0), w, ...bias(n, 2)], { ...attrs, ordered: n.ordered });
  return activated(n, y, options.fusedActivationFunction);
}

/** What a transposed convolution computes of an output [N, H, W, filters]: where the full result starts and ends. */
export interface Transposed {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly filters: number;
  readonly output: readonly [number, number, number, number];
  readonly padding: 'same' | 'valid';
  /** Rows and columns cut off in front of the full result. */
  readonly before: readonly [number, number];
}

/** Inputs: the output's shape, filters [out, kernelHeight, kernelWidth, C], x, optionally a bias. */
function transposedConvolution(n: NodeContext): Result {
  const options = n.options(transposeConvOptions);
  const { strides, padding } = windowOf(options);
  const [batch, , , channels] = fourAxes(n.shape(2), 'a convolution');
  const [filters, height, width, depth] = fourAxes(n.shape(1), 'a filter');
  const output = fourAxes(n.numbers(0), 'the output');
  if (depth !== channels || output[3] !== filters || output[0] !== batch || output.some((extent) => extent < 1))
    throw damaged(`filters ${formatShape(n.shape(1))} and output ${formatShape(output)} do not fit`);
  const kernel = [height, width] as const;
  // TFLite pads as the convolution from the output to x would.
  const { padTop, padLeft } = windowExtents(output[1], output[2], kernel, {
    strides,
    dilations: [1, 1],
    padding: padding as 'same' | 'valid',
  });
  const attrs: Transposed = { kernel, strides, filters, output, padding: padding as 'same' | 'valid', before: [padTop, padLeft] };
  if (n.x(2).dtype !== 'f32') return quantizedTransposed(n, attrs, options.fusedActivationFunction);
  return activated(
    n,
    transposedFloat(hybridImage(n, 2), panels(permuted(floatWeights(n, 1), [1, 2, 0, 3])), bias(n, 3)[0], attrs),
    options.fusedActivationFunction,
  );
}

/** w in panels of [kernelHeight, kernelWidth, filters, C]. */
export function transposedFloat(
  x: Value,
  w: Value,
  biased: Value | undefined,
  { kernel, strides, filters, output, padding, before }: Transposed,
): Value {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const rest = biased ? [biased] : [];
  const attrs = { kernel, strides, dilations: [1, 1], padding, groups: 1 } as const;
  const forward = windowExtents(output[1], output[2], kernel, attrs);
  if (forward.outHeight === height && forward.outWidth === width)
    return conv2dGradInput([x, w, ...rest], { ...attrs, filters: channels, input: [output[1], output[2], filters] });
  const full = convTranspose2d([x, w], { ...attrs, padding: 'valid', filters });
  const cut = [0, 1].map((i): [number, number] => {
    const first = before[i] as number;
    return [-first, (output[1 + i] as number) + first - (full.shape[1 + i] as number)];
  });
  const placed = padded(full, [[0, 0], ...cut, [0, 0]], 'constant', 0);
  return biased ? add([placed, biased]) : placed;
}

export const convolutions: Rows = {
  CONV_2D: convolution,
  DEPTHWISE_CONV_2D: depthwise,
  TRANSPOSE_CONV: transposedConvolution,
};
