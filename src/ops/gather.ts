import { bytesPerElement } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, normalizeAxis, type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectAny, expectInput, type Op, type RefTensor } from './define.ts';

export interface GatherAttributes {
  readonly axis: number;
}

const sizes = (shape: Shape, indices: Shape, axis: number) => ({
  outer: sizeOf(shape.slice(0, axis)),
  length: shape[axis] as number,
  count: sizeOf(indices),
  inner: sizeOf(shape.slice(axis + 1)),
});

/** The row that index i selects: indexes outside are limited to the axis, so a kernel never leaves its buffer. */
const limited = (index: number, length: number): number => Math.max(0, Math.min(index, length - 1));

/**
 * Rows of x along `axis` at `indices` (i32, any shape, which replaces the axis). With axis 0 it is an embedding lookup.
 * Indexes outside 0..length-1 are limited to that range.
 */
export const gather: Op<GatherAttributes> = defineOp<GatherAttributes>({
  name: 'gather',
  attrs: { axis: 0 },
  infer(inputs, attrs) {
    const { dtype, shape } = expectAny(inputs, 0);
    const axis = normalizeAxis(attrs.axis, shape.length);
    const to = [...shape.slice(0, axis), ...expectInput(inputs, 1, 'i32').shape, ...shape.slice(axis + 1)];
    if (shape[axis] === 0 && sizeOf(to) > 0) throw new ThimbleError('SHAPE', `axis ${axis} of ${formatShape(shape)} has no rows to take`);
    return [{ dtype, shape: to }];
  },
  ref([x, indices], attrs, [y]) {
    const { shape, data } = x as RefTensor;
    const { length, count, inner } = sizes(shape, (indices as RefTensor).shape, normalizeAxis(attrs.axis, shape.length));
    return [
      Float64Array.from({ length: sizeOf((y as TensorType).shape) }, (_, i) => {
        const row = limited((indices as RefTensor).data[Math.floor(i / inner) % count] as number, length);
        return data[(Math.floor(i / (inner * count)) * length + row) * inner + (i % inner)] as number;
      }),
    ];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const size = sizes(shape, (ctx.inputs[1] as TensorType).shape, normalizeAxis(ctx.attrs.axis, shape.length));
    const fields = { x: ctx.in(0), indices: ctx.in(1), y: ctx.out(), ...size };
    const bytes = size.inner * bytesPerElement(dtype);
    if (bytes % 4 === 0) ctx.step('gather_rows', { ...fields, inner: bytes / 4 });
    else ctx.step('gather_rows_u8', { ...fields, inner: bytes });
  },
  grad: ({ inputs: [x, indices], attrs }, [dy]) => [
    gatherGrad([dy as Value, indices as Value], { ...attrs, shape: (x as Value).shape }),
    null,
  ],
  tolerance: 'exact',
});

/** dx of `shape`: rows of dy added to the rows they were taken from. Inputs: dy, indices. */
export const gatherGrad: Op<GatherAttributes & { readonly shape: Shape }> = defineOp<GatherAttributes & { readonly shape: Shape }>({
  name: 'gatherGrad',
  attrs: { axis: 0, shape: [] },
  infer: (_, { shape }) => [{ dtype: 'f32', shape }],
  ref([dy, indices], { axis, shape }) {
    const { length, count, inner } = sizes(shape, (indices as RefTensor).shape, normalizeAxis(axis, shape.length));
    const dx = new Float64Array(sizeOf(shape));
    (dy as RefTensor).data.forEach((value, i) => {
      const row = limited((indices as RefTensor).data[Math.floor(i / inner) % count] as number, length);
      const at = (Math.floor(i / (inner * count)) * length + row) * inner + (i % inner);
      dx[at] = (dx[at] as number) + value;
    });
    return [dx];
  },
  lower(ctx) {
    const { axis, shape } = ctx.attrs;
    const size = sizes(shape, (ctx.inputs[1] as TensorType).shape, normalizeAxis(axis, shape.length));
    ctx.step('gather_rows_grad', { x: ctx.out(), indices: ctx.in(1), y: ctx.in(0), ...size });
  },
  grad: { none: 'second derivatives are not supported' },
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
