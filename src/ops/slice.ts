import { bytesPerElement } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectAny, type Op, type RefTensor } from './define.ts';
import { stridedCopy } from './stridedCopy.ts';

export interface SliceAttributes {
  /** First index along each axis, counted from the front. */
  readonly starts: readonly number[];
  /** Elements taken along each axis. */
  readonly sizes: readonly number[];
  /** Distance between taken elements; negative walks backwards. All 1 where left out (empty). */
  readonly steps: readonly number[];
}

const stepsOf = ({ starts, steps }: SliceAttributes): readonly number[] => (steps.length ? steps : starts.map(() => 1));

/** Row-major elements of a strided view. */
export function gatherStrided(data: Float64Array, shape: Shape, strides: readonly number[], offset = 0): Float64Array {
  const y = new Float64Array(sizeOf(shape));
  const run = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 0;
  const counter = shape.slice(0, -1).map(() => 0);
  let from = offset;
  for (let to = 0; to < y.length; to += run) {
    for (let i = 0; i < run; i++) y[to + i] = data[from + i * step] as number;
    for (let axis = counter.length - 1; axis >= 0; axis--) {
      const [extent, stride] = [shape[axis] as number, strides[axis] as number];
      from += stride;
      counter[axis] = (counter[axis] as number) + 1;
      if ((counter[axis] as number) < extent) break;
      from -= stride * extent;
      counter[axis] = 0;
    }
  }
  return y;
}

/** The strided view of `shape` that a slice takes: element offset and strides. */
function viewOf(shape: Shape, attrs: SliceAttributes): { offset: number; strides: number[] } {
  const own = stridesOf(shape);
  return {
    offset: own.reduce((sum, stride, axis) => sum + stride * (attrs.starts[axis] as number), 0),
    strides: own.map((stride, axis) => stride * (stepsOf(attrs)[axis] as number)),
  };
}

function check(shape: Shape, attrs: SliceAttributes): void {
  const { starts, sizes } = attrs;
  const steps = stepsOf(attrs);
  const fits = shape.every((extent, axis) => {
    const first = starts[axis] as number;
    const count = sizes[axis] as number;
    const last = first + (count - 1) * (steps[axis] as number);
    return count === 0 || (first >= 0 && first < extent && last >= 0 && last < extent);
  });
  if (starts.length !== shape.length || sizes.length !== shape.length || steps.length !== shape.length || !fits) {
    throw new ThimbleError('SHAPE', `a slice from [${starts}] of [${sizes}] by [${steps}] leaves ${formatShape(shape)}`);
  }
}

/** A box of x, every `steps`-th element. */
export const slice: Op<SliceAttributes> = defineOp<SliceAttributes>({
  name: 'slice',
  attrs: { starts: [], sizes: [], steps: [] },
  infer(inputs, attrs) {
    const { dtype, shape } = expectAny(inputs, 0);
    check(shape, attrs);
    return [{ dtype, shape: attrs.sizes }];
  },
  ref([x], attrs) {
    const { offset, strides } = viewOf((x as RefTensor).shape, attrs);
    return [gatherStrided((x as RefTensor).data, attrs.sizes, strides, offset)];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const { offset, strides } = viewOf(shape, ctx.attrs);
    const from = ctx.in(0, offset * bytesPerElement(dtype));
    stridedCopy(ctx, from, ctx.out(), ctx.attrs.sizes, strides, stridesOf(ctx.attrs.sizes), { dtype });
  },
  grad: ({ inputs: [x], attrs }, [dy]) => [sliceGrad(dy as Value, { ...attrs, shape: (x as Value).shape })],
  tolerance: 'exact',
});

/** dx: zeros of `shape` with dy in the sliced box. */
export const sliceGrad: Op<SliceAttributes & { readonly shape: Shape }> = defineOp<SliceAttributes & { readonly shape: Shape }>({
  name: 'sliceGrad',
  attrs: { starts: [], sizes: [], steps: [], shape: [] },
  infer: (_, { shape }) => [{ dtype: 'f32', shape }],
  ref([dy], attrs) {
    const dx = new Float64Array(sizeOf(attrs.shape));
    const { offset, strides } = viewOf(attrs.shape, attrs);
    const at = gatherStrided(
      Float64Array.from(dx, (_, i) => i),
      attrs.sizes,
      strides,
      offset,
    );
    at.forEach((target, i) => {
      dx[target] = (dy as RefTensor).data[i] as number;
    });
    return [dx];
  },
  lower(ctx) {
    const { shape, sizes } = ctx.attrs;
    const { offset, strides } = viewOf(shape, ctx.attrs);
    ctx.step('fill_f32', { y: ctx.out(), length: sizeOf(shape), value: 0 });
    stridedCopy(ctx, ctx.in(0), ctx.out(0, offset * 4), sizes, stridesOf(sizes), strides);
  },
  grad: ({ attrs: { starts, sizes, steps } }, [dy]) => [slice(dy as Value, { starts, sizes, steps })],
  tolerance: 'exact',
});
