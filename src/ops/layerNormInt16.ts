import { ThimbleError } from '../core/errors.ts';
import { scaled } from '../core/fixedPoint.ts';
import { inverseSqrt } from '../core/inverseSqrt.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Factor } from './arithmeticInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface LayerNormInt16Attributes extends Factor {
  /** The variance of rows that have less than 1. */
  readonly guard: number;
}

/** Of more numbers the reciprocal of their count, in 20 bits, is 0. */
const MOST_COLUMNS = 2 ** 20;

/**
 * Rows less their mean, over their deviation, times weights plus bias, in the fixed point of TFLite's integer LSTM (PortableApplyLayerNorm). Inputs: x of 16
 * bits held as i32 [..., n], weights and bias i32 [n], the bias in 1024ths of a step of the weights; the factor is the scale of the weights. The result is in
 * steps of 2^-12, 16 bits as i32.
 */
export const layerNormInt16: Op<LayerNormInt16Attributes> = defineOp<LayerNormInt16Attributes>({
  name: 'layerNormInt16',
  attrs: { multiplier: 2 ** 30, shift: 0, guard: 1 },
  infer(inputs, { guard }) {
    const { shape } = expectInput(inputs, 0, 'i32');
    const columns = shape.at(-1) ?? 1;
    if (columns > MOST_COLUMNS) throw new ThimbleError('SHAPE', `rows of ${columns} numbers`, { expected: `at most ${MOST_COLUMNS}` });
    for (const index of [1, 2]) {
      const given = sizeOf(expectInput(inputs, index, 'i32', 1).shape);
      if (given !== columns)
        throw new ThimbleError('SHAPE', index === 1 ? 'the weights do not fit' : 'the bias does not fit', {
          expected: `[${columns}]`,
          got: `[${given}]`,
        });
    }
    if (!(guard >= 1)) throw new RangeError(`a variance of ${guard}`);
    return [{ dtype: 'i32', shape }];
  },
  ref([x, weights, bias], { multiplier, shift, guard }) {
    const { shape, data } = x as RefTensor;
    const columns = shape.at(-1) ?? 1;
    const y = new Float64Array(data.length);
    for (let row = 0; row < data.length; row += columns) {
      const values = data.subarray(row, row + columns);
      const mean = Math.trunc((values.reduce((sum, value) => sum + value, 0) * 1024) / columns);
      const squares = values.reduce((sum, value) => sum + value * value, 0) * Math.floor(2 ** 20 / columns);
      const variance = Math.trunc((squares - mean * mean) / 2 ** 20);
      const root = inverseSqrt(variance < 1 ? guard : variance);
      values.forEach((value, c) => {
        const rescaled = scaled(1024 * value - mean, root.multiplier, root.shift, 'double');
        const weighted = (Math.imul(rescaled, (weights as RefTensor).data[c] as number) + ((bias as RefTensor).data[c] as number)) | 0;
        const whole = Math.trunc((weighted > 0 ? weighted + 512 : weighted - 512) / 1024);
        y[row + c] = Math.min(Math.max(scaled(whole, multiplier, shift + 12, 'double'), -32768), 32767);
      });
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const columns = shape.at(-1) ?? 1;
    const rows = columns ? sizeOf(shape) / columns : 0;
    ctx.step('layer_norm_s16', { x: ctx.in(0), weights: ctx.in(1), bias: ctx.in(2), y: ctx.out(), rows, columns, ...ctx.attrs });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0],
  tolerance: 'exact',
});
