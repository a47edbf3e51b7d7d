import { ThimbleError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { WindowAttributes } from '../../ops/window.ts';
import { damaged } from './flatbuffer.ts';

/** Options that convolutions and pooling share. */
export interface WindowOptions {
  readonly padding: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationHFactor?: number;
  readonly dilationWFactor?: number;
}

/** The window of an operator: padding 0 is SAME, 1 VALID. @throws FORMAT for strides and dilations below 1. */
export function windowOf({ padding, strideH, strideW, dilationHFactor = 1, dilationWFactor = 1 }: WindowOptions): WindowAttributes {
  if ([strideH, strideW, dilationHFactor, dilationWFactor].some((extent) => extent < 1) || padding < 0 || padding > 1)
    throw damaged(`a window of strides [${strideH}, ${strideW}], dilations [${dilationHFactor}, ${dilationWFactor}], padding ${padding}`);
  return { strides: [strideH, strideW], dilations: [dilationHFactor, dilationWFactor], padding: padding === 0 ? 'same' : 'valid' };
}

/** @throws SHAPE where a tensor does not have four axes. */
export function fourAxes(shape: readonly number[], what: string): [number, number, number, number] {
  if (shape.length !== 4) throw new ThimbleError('SHAPE', `${what} needs four axes`, { got: formatShape(shape) });
  return shape as unknown as [number, number, number, number];
}
