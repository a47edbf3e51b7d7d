import { sizeOf } from '../core/shape.ts';
import { byteLength, type TensorType } from '../core/tensor.ts';
import { defineOp, type Op, type RefTensor } from './define.ts';

/** y = x, in memory of its own: what an output needs that would share memory with something else. */
export const copy: Op<object> = defineOp({
  name: 'copy',
  attrs: {},
  infer: ([x]) => [{ dtype: (x as TensorType).dtype, shape: (x as TensorType).shape }],
  ref: ([x]) => [(x as RefTensor).data.slice(0, sizeOf((x as RefTensor).shape))],
  lower(ctx) {
    ctx.step('copy_bytes', { x: ctx.in(0), y: ctx.out(), bytes: byteLength(ctx.outputs[0] as TensorType) });
  },
  grad: (_, [dy]) => [dy ?? null],
  tolerance: 'exact',
});
