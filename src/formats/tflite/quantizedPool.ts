import type { Value } from '../../ir/graph.ts';
import { realFactor } from '../../ops/conv2dInt16.ts';
import { add, averagePool2dInt8, cast, conv2dInt16, div, max, maxPool2d, maxPool2dInt8, min } from '../../ops/index.ts';
import { type Padding, windowOf } from '../../ops/window.ts';
import { type NodeContext, widened } from './context.ts';
import { UNSIGNED } from './elements.ts';
import { activationRange } from './quantization.ts';

interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

/** Pooling of integers; input and output have one scale. */
export function quantizedPool(n: NodeContext, kind: 'average' | 'max', window: Window, code: number): Value {
  const range = activationRange(n, code);
  const operand = n.operand(0);
  const isByte = operand.value.dtype === 'i8';
  if (isByte && kind === 'max') return maxPool2dInt8(operand.value, { ...window, ...range });
  if (isByte && operand.elem === 'int8') return averagePool2dInt8(operand.value, { ...window, ...range });
  const y = kind === 'max' ? largest(n, window) : mean(n, window);
  // Means of uint8 round as those of numbers from 0 do.
  const shift = operand.elem === 'uint8' ? UNSIGNED : 0;
  const limited = min([max([y, n.integers([range.low + shift], [])]), n.integers([range.high + shift], [])]);
  return n.narrow(limited);
}

/** 16-bit numbers are whole in floats. */
const largest = (n: NodeContext, window: Window): Value => cast(maxPool2d(cast(n.i32(0), { to: 'f32' }), window), { to: 'i32' });

/** Sums by a convolution with ones, divided by the number of elements inside the image; halves away from zero. */
function mean(n: NodeContext, { kernel, strides, padding }: Window): Value {
  const x = widened(n.operand(0));
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const attrs = { kernel, strides, padding, dilations: [1, 1] } as const;
  const { outHeight, outWidth, padTop, padLeft } = windowOf(height, width, kernel, attrs);
  const taps = kernel[0] * kernel[1];
  n.allow((taps + 3) * channels + 2 * outHeight * outWidth);
  const ones = n.graph.constant({ dtype: 'i8', shape: [...kernel, 1, channels], data: new Int8Array(taps * channels).fill(1) });
  const each = (value: number) => n.integers(new Int32Array(channels).fill(value));
  const one = realFactor(1);
  const sums = conv2dInt16([x, ones, each(0), each(one.multiplier), each(one.shift)], {
    ...attrs,
    filters: channels,
    groups: channels,
    low: -(2 ** 31),
    high: 2 ** 31 - 1,
    rounding: 'real',
  });
  const inside = (at: number, size: number, extent: number) => Math.min(at + size, extent) - Math.max(at, 0);
  const counts = Array.from({ length: outHeight * outWidth }, (_, i) => {
    const rows = inside(Math.floor(i / outWidth) * strides[0] - padTop, kernel[0], height);
    return rows * inside((i % outWidth) * strides[1] - padLeft, kernel[1], width);
  });
  const line = [outHeight, outWidth, 1];
  const half = n.integers(
    counts.map((count) => Math.floor(count / 2)),
    line,
  );
  return div([add([sums, n.signed(sums, half)]), n.integers(counts, line)]);
}
