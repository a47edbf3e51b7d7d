import { bytesPerElement } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, normalizeAxis, type Shape, sizeOf, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectAny, expectInput, type Op, type RefTensor } from './define.ts';
import { slice } from './slice.ts';
import { stridedCopy } from './stridedCopy.ts';

export interface ConcatAttributes {
  readonly axis: number;
}

/** Joins tensors of one dtype along `axis`; the other extents are equal. */
export const concat: Op<ConcatAttributes> = defineOp<ConcatAttributes>({
  name: 'concat',
  attrs: { axis: -1 },
  infer(inputs, attrs) {
    const { dtype, shape } = expectAny(inputs, 0);
    const axis = normalizeAxis(attrs.axis, shape.length);
    const others = (s: Shape) => s.filter((_, i) => i !== axis).join();
    inputs.forEach((_, i) => {
      expectInput(inputs, i, dtype);
    });
    if (inputs.some((type) => type.shape.length !== shape.length || others(type.shape) !== others(shape))) {
      throw new ThimbleError('SHAPE', 'tensors to join differ outside the axis', {
        got: inputs.map((type) => formatShape(type.shape)).join(', '),
      });
    }
    return [
      {
        dtype,
        shape: shape.map((extent, i) => (i === axis ? inputs.reduce((sum, type) => sum + (type.shape[axis] as number), 0) : extent)),
      },
    ];
  },
  ref(inputs, attrs, [y]) {
    const { shape } = y as TensorType;
    const axis = normalizeAxis(attrs.axis, shape.length);
    const outer = sizeOf(shape.slice(0, axis));
    const result = new Float64Array(sizeOf(shape));
    let at = 0;
    for (let o = 0; o < outer; o++) {
      for (const { data } of inputs as RefTensor[]) {
        const run = data.length / outer;
        result.set(data.subarray(o * run, (o + 1) * run), at);
        at += run;
      }
    }
    return [result];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.outputs[0] as TensorType;
    const axis = normalizeAxis(ctx.attrs.axis, shape.length);
    const strides = stridesOf(shape);
    let offset = 0;
    ctx.inputs.forEach((input, i) => {
      stridedCopy(ctx, ctx.in(i), ctx.out(0, offset * bytesPerElement(dtype)), input.shape, stridesOf(input.shape), strides, { dtype });
      offset += (input.shape[axis] as number) * (strides[axis] as number);
    });
  },
  grad({ inputs, attrs, wants }, [dy]) {
    const { shape } = dy as Value;
    const axis = normalizeAxis(attrs.axis, shape.length);
    let start = 0;
    return inputs.map((input, i) => {
      const starts = shape.map((_, k) => (k === axis ? start : 0));
      start += input.shape[axis] as number;
      return wants[i] ? slice(dy as Value, { starts, sizes: input.shape }) : null;
    });
  },
  tolerance: 'exact',
});
