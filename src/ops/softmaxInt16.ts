import { ThimbleError } from '../core/errors.ts';
import { scaled } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Factor } from './arithmeticInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { between, interpolationTable } from './interpolation.ts';

const inF64 = (x: number): number => x;
const limited = (x: number): number => Math.min(Math.max(x, -32768), 32767);

/** e^x of x in -10..0, and 1 / (1 + x) of x in 0..1, in steps of 2^-15. */
export const softmaxTables = (): { powers: number[]; reciprocals: number[] } => ({
  powers: interpolationTable(-10, 0, 32768, Math.exp, inF64),
  reciprocals: interpolationTable(0, 1, 32768, (x) => 1 / (1 + x), inF64),
});

/**
 * softmax over the last axis of 16-bit numbers, held as i32, in steps of 2^-15 (TFLite's SoftmaxInt16). Inputs: x, then `softmaxTables` (i32 [513]);
 * the factor brings differences of x to steps of 10 / 65535.
 */
export const softmaxInt16: Op<Factor> = defineOp<Factor>({
  name: 'softmaxInt16',
  attrs: { multiplier: 2 ** 30, shift: 0 },
  infer(inputs) {
    const { shape } = expectInput(inputs, 0, 'i32');
    for (const index of [1, 2]) {
      const entries = sizeOf(expectInput(inputs, index, 'i32').shape);
      if (entries !== 513) throw new ThimbleError('SHAPE', 'the table does not fit', { expected: '513 elements', got: String(entries) });
    }
    return [{ dtype: 'i32', shape }];
  },
  ref([x, powers, reciprocals], { multiplier, shift }) {
    const { shape, data } = x as RefTensor;
    const columns = shape.at(-1) ?? 1;
    const y = new Float64Array(data.length);
    for (let row = 0; row < data.length; row += columns) {
      const values = data.subarray(row, row + columns);
      const largest = Math.max(...values);
      const exponentials = values.map((value) =>
        between((powers as RefTensor).data, limited(scaled(value - largest, multiplier, shift, 'double') + 32767)),
      );
      const sum = exponentials.reduce((a, b) => a + b, 0);
      const zeros = Math.clz32(sum);
      const moved = Math.floor((sum * 2 ** (zeros - 1) + 8192) / 2 ** 14);
      const reciprocal = between((reciprocals as RefTensor).data, limited(moved - 98304));
      const right = 31 - zeros;
      exponentials.forEach((power, c) => {
        y[row + c] = Math.min(Math.max(Math.floor((power * reciprocal + 2 ** (right - 1)) / 2 ** right), 0), 32767);
      });
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const columns = shape.at(-1) ?? 1;
    const rows = columns ? sizeOf(shape) / columns : 0;
    ctx.step('softmax_s16', { x: ctx.in(0), powers: ctx.in(1), reciprocals: ctx.in(2), y: ctx.out(), rows, columns, ...ctx.attrs });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0],
  tolerance: 'exact',
});
