import { type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectWords, type Op, type RefTensor } from './define.ts';

/**
 * Row-major places (i32 [size]) of the elements of x (f32 or i32, any shape) that are not 0, and their count (i32 [1]).
 * Places after the count are 0.
 */
export const nonZero: Op<object> = defineOp<object>({
  name: 'nonZero',
  attrs: {},
  infer(inputs) {
    const { shape } = expectWords(inputs, 0);
    return [
      { dtype: 'i32', shape: [sizeOf(shape)] as Shape },
      { dtype: 'i32', shape: [1] },
    ];
  },
  ref([x]) {
    const { data } = x as RefTensor;
    const found = Array.from(data.keys()).filter((i) => data[i] !== 0);
    const places = new Float64Array(data.length);
    places.set(found);
    return [places, Float64Array.of(found.length)];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const fields = { x: ctx.in(0), places: ctx.out(0), count: ctx.out(1), length: sizeOf(shape) };
    ctx.step(dtype === 'i32' ? 'nonzero_i32' : 'nonzero_f32', fields);
  },
  grad: { none: 'a place has no slope' },
  tolerance: 'exact',
});
