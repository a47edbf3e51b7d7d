import { unpackQuads } from '../core/quads.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { int8Scratch } from '../kernels/scratch.ts';
import { type Conv2dAttributes, conv2dDefaults, filterShape, geometryOf, isPointwise } from './conv2d.ts';
import { filterQuads, runsOf } from './conv2dInt8.ts';
import { expectScaled, type ScaledAttributes, scaledFields, scaledReference } from './convScaledInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { type Epilogue, plain, residualInplace } from './epilogue.ts';

/**
 * `conv2d` of images quantized at run time: y (f32) = Σ (x - zero) w · scales · unit + bias. Inputs: x i8 [N, H, W, C], w in quads (`filterQuads`), totals
 * i32 [filters] (`filterTotals`), zero i32 and unit f32, both [1] or [N], scales and bias f32 [filters]. Sums are i32. The epilogue of `conv2d` applies.
 */
export const conv2dScaledInt8: Op<Conv2dAttributes & Epilogue & ScaledAttributes> = defineOp<
  Conv2dAttributes & Epilogue & ScaledAttributes
>({
  name: 'conv2dScaledInt8',
  attrs: { ...conv2dDefaults, ...plain, apart: false },
  infer(inputs, attrs) {
    const g = geometryOf(expectInput(inputs, 0, 'i8').shape, attrs);
    return [expectScaled(inputs, filterQuads(g.inChannels, attrs), g, attrs.residual)];
  },
  ref(inputs, attrs) {
    const [x, w] = inputs as [RefTensor, RefTensor];
    const g = geometryOf(x.shape, attrs);
    return [scaledReference(g, unpackQuads(w.data, filterShape(g.inChannels, attrs), attrs.groups, runsOf(attrs)), inputs, attrs)];
  },
  lower(ctx) {
    const g = geometryOf((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const matrix = isPointwise(g);
    ctx.step('conv2d_scaled_s8', {
      ...scaledFields(ctx, g, int8Scratch(g, matrix, ctx.small)),
      matrix: matrix ? 1 : 0,
      blockChannels: 0,
      sumRows: 0,
      rest: 0,
    });
  },
  inplace: residualInplace,
  grad: { none: 'whole numbers have no gradient' },
  macs: ([x], attrs, [y]) =>
    sizeOf((y as TensorType).shape) * ((attrs.kernel[0] * attrs.kernel[1] * ((x as TensorType).shape[3] as number)) / attrs.groups),
  tolerance: { rtol: 1e-6, atol: 1e-5 },
});
