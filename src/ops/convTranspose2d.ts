import { ThimbleError } from '../core/errors.ts';
import type { Value } from '../ir/graph.ts';
import { type Conv2dAttributes, conv2dGradInput } from './conv2d.ts';
import { nhwc, type Padding } from './window.ts';

export interface ConvTranspose2dAttributes {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: Padding;
  readonly groups: number;
  /** Output channels. */
  readonly filters: number;
}

/**
 * Transposed convolution: the gradient of the convolution that maps [H', W', filters] to x. `same` gives H' = H · stride, `valid`
 * H' = (H - 1) · stride + (kernel - 1) · dilation + 1, less explicit padding. Inputs: x [N, H, W, C], w in panels with the logical shape
 * [kernelHeight, kernelWidth, filters / groups, C], optionally bias [filters].
 */
export function convTranspose2d(inputs: readonly Value[], attrs: ConvTranspose2dAttributes): Value {
  const { height, width, channels } = nhwc((inputs[0] as Value).shape);
  const { kernel, strides, dilations, padding, groups, filters } = attrs;
  const extent = (size: number, i: 0 | 1) => {
    if (padding === 'same') return size * strides[i];
    const pads = padding === 'valid' ? 0 : (padding[2 * i] as number) + (padding[2 * i + 1] as number);
    return (size - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - pads;
  };
  const input = [extent(height, 0), extent(width, 1), filters] as const;
  if (input[0] < 1 || input[1] < 1) throw new ThimbleError('SHAPE', 'the padding leaves no output', { op: 'convTranspose2d' });
  const convolution: Conv2dAttributes = { kernel, strides, dilations, padding, groups, filters: channels };
  return conv2dGradInput(inputs, { ...convolution, input });
}
