import type { Value } from '../../ir/graph.ts';
import { averagePool2d, maxPool2d, sqrt, square } from '../../ops/index.ts';
import { activated } from './activation.ts';
import { isQuantized, type NodeContext, type Row, type Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { pool2DOptions } from './options.ts';
import { quantizedPool } from './quantizedPool.ts';
import { fourAxes, windowOf } from './windows.ts';

/** Pooling without its activation function. */
const pool =
  (compute: (n: NodeContext, window: Parameters<typeof averagePool2d>[1]) => Value, quantized?: 'average' | 'max'): Row =>
  (n) => {
    fourAxes(n.shape(0), 'pooling');
    const options = n.options(pool2DOptions);
    const { filterHeight, filterWidth, fusedActivationFunction } = options;
    if (filterHeight < 1 || filterWidth < 1) throw damaged(`a window of ${filterHeight}×${filterWidth}`);
    const { strides, padding } = windowOf(options);
    const window = { kernel: [filterHeight, filterWidth], strides, padding } as const;
    if (quantized && isQuantized(n.operand(0))) return quantizedPool(n, quantized, window, fusedActivationFunction);
    return activated(n, compute(n, window), fusedActivationFunction);
  };

export const pooling: Rows = {
  AVERAGE_POOL_2D: pool((n, window) => averagePool2d(n.f32(0), window), 'average'),
  MAX_POOL_2D: pool((n, window) => maxPool2d(n.f32(0), window as Parameters<typeof maxPool2d>[1]), 'max'),
  L2_POOL_2D: pool((n, window) => sqrt(averagePool2d(square(n.f32(0)), window))),
};
