import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

/** y = table[x + 128]: any function of one i8. Inputs: x (i8), table (i8, 256 elements). */
export const lookup: Op<object> = defineOp<object>({
  name: 'lookup',
  attrs: {},
  infer(inputs) {
    const { shape } = expectInput(inputs, 0, 'i8');
    const entries = sizeOf(expectInput(inputs, 1, 'i8').shape);
    if (entries !== 256) throw new ThimbleError('SHAPE', 'the table does not fit', { expected: '256 elements', got: String(entries) });
    return [{ dtype: 'i8', shape }];
  },
  ref: ([x, table]) => [(x as RefTensor).data.map((value) => (table as RefTensor).data[value + 128] as number)],
  lower(ctx) {
    ctx.step('lookup_u8', { x: ctx.in(0), table: ctx.in(1), y: ctx.out(), length: sizeOf((ctx.inputs[0] as TensorType).shape) });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0],
  tolerance: 'exact',
});

/** The 256 entries of a `lookup` table of `f`, which gives whole numbers in -128..127. */
export const lookupTable = (f: (x: number) => number): Int8Array => Int8Array.from({ length: 256 }, (_, i) => f(i - 128));
