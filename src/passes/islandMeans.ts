import type { Value } from '../ir/graph.ts';
import type { PoolAttributes } from '../ops/pool.ts';
import { type AveragePoolInt8Attributes, averagePool2dInt8, maxPool2dInt8 } from '../ops/poolInt8.ts';
import { quantizeInt8 } from '../ops/quantizeInt8.ts';
import { type ReduceAttributes, reducedAxes } from '../ops/reduce.ts';
import { reshape } from '../ops/reshape.ts';
import { transpose } from '../ops/transpose.ts';
import { type Quantized, quantizedOf, type Rule, rescaled, type Target } from './islands.ts';

// The 8-bit form of pools, means and softmaxes.

export const largest: Rule = (target) => {
  const x = quantizedOf(target.node.inputs[0], target.to);
  if (!x) return undefined;
  const { kernel, strides, padding } = target.node.attrs as unknown as PoolAttributes;
  return rescaled({ ...x, x: maxPool2dInt8(x.x, { kernel, strides, padding }) }, target);
};

type Window = Pick<PoolAttributes, 'kernel' | 'strides' | 'padding'>;

const mean = (x: Quantized, target: Target, window: Window, sums: AveragePoolInt8Attributes['sums']): Value => {
  const { zero: yZero, scale: yScale, low, high, arithmetic } = target;
  return averagePool2dInt8(x.x, { ...window, scale: x.scale, xZero: x.zero, yZero, yScale, low, high, sums, arithmetic });
};

export const average: Rule = (target) => {
  const x = quantizedOf(target.node.inputs[0], target.to);
  const { includePad, ...window } = target.node.attrs as unknown as PoolAttributes;
  const isPadded = window.padding !== 'valid' && !(Array.isArray(window.padding) && window.padding.every((n) => n === 0));
  return x && !(includePad && isPadded) ? mean(x, target, window, 'float') : undefined;
};

/** Probabilities in steps of a whole part of 1, as QLinearSoftmax of ONNX Runtime counts them: it multiplies them by 1 / scale, rounded down. */
export const probabilities: Rule = ({ node, to, scale, zero, low, high, ties, arithmetic }) => {
  const steps = Math.floor(1 / Math.fround(scale));
  if (arithmetic === 'float' || steps < 1 || !quantizedOf(node.inputs[0], to)) return undefined;
  return quantizeInt8(to.of(node.outputs[0] as Value), { scale: 1 / steps, zero, low, high, ties });
};

/** The mean of whole images. */
export const overImages: Rule = (target) => {
  const x = quantizedOf(target.node.inputs[0], target.to);
  const { axes } = target.node.attrs as unknown as ReduceAttributes;
  if (x?.x.shape.length !== 4) return undefined;
  const reduced = reducedAxes(x.x.shape, axes).join();
  if (reduced !== '1,2' && reduced !== '2,3') return undefined;
  const images = reduced === '1,2' ? x : { ...x, x: transpose(x.x, { perm: [0, 2, 3, 1] }) };
  const [, height, width] = images.x.shape as [number, number, number];
  const window: Window = { kernel: [height, width], strides: [1, 1], padding: 'valid' };
  const y = mean(images, target, window, target.arithmetic === 'float' ? 'float' : 'whole');
  return reshape(y, { shape: (target.node.outputs[0] as Value).shape });
};
