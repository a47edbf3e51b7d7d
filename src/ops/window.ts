import { ThimbleError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';

/** `same`: ceil(in / stride) outputs, the odd padding at the end; `valid`: none; or [top, bottom, left, right]. */
export type Padding = 'same' | 'valid' | readonly [number, number, number, number];

/** What convolutions and pooling share: a window that walks over NHWC images. */
export interface WindowAttributes {
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: Padding;
}

export const windowDefaults: WindowAttributes = { strides: [1, 1], dilations: [1, 1], padding: 'valid' };

export interface Window {
  readonly outHeight: number;
  readonly outWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** Output extents and leading padding of a kernelHeight × kernelWidth window. @throws SHAPE where nothing is left, UNSUPPORTED_ATTR for bad numbers. */
export function windowOf(height: number, width: number, kernel: readonly [number, number], attrs: WindowAttributes): Window {
  const { strides, dilations, padding } = attrs;
  for (const [name, pair] of Object.entries({ kernel, strides, dilations })) {
    if (pair.some((n) => !Number.isInteger(n) || n < 1))
      throw new ThimbleError('UNSUPPORTED_ATTR', `${name} must be whole and at least 1`, { got: String(pair) });
  }
  const axis = (size: number, i: 0 | 1): [number, number] => {
    const span = (kernel[i] - 1) * dilations[i] + 1;
    const stride = strides[i];
    if (padding === 'same') {
      const out = Math.ceil(size / stride);
      return [out, Math.floor(Math.max((out - 1) * stride + span - size, 0) / 2)];
    }
    const [before, after] = padding === 'valid' ? [0, 0] : [padding[2 * i] as number, padding[2 * i + 1] as number];
    return [Math.floor((size + before + after - span) / stride) + 1, before];
  };
  const [outHeight, padTop] = axis(height, 0);
  const [outWidth, padLeft] = axis(width, 1);
  if (outHeight < 1 || outWidth < 1) {
    throw new ThimbleError('SHAPE', `a ${kernel.join('×')} window does not fit into ${height}×${width}`, {
      hint: "use padding 'same' or a smaller kernel",
    });
  }
  return { outHeight, outWidth, padTop, padLeft };
}

/** Extents of an NHWC tensor. */
export function nhwc(shape: Shape): { batch: number; height: number; width: number; channels: number } {
  if (shape.length !== 4)
    throw new ThimbleError('SHAPE', 'images need four axes', { expected: '[batch, height, width, channels]', got: `[${shape}]` });
  const [batch, height, width, channels] = shape as [number, number, number, number];
  return { batch, height, width, channels };
}
