import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { depthwiseInt8Scratch } from '../kernels/scratch.ts';
import { expectScaled, type ScaledAttributes, scaledFields, scaledReference } from './convScaledInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { depthwiseDefaults, depthwiseGeometry } from './depthwiseConv2d.ts';
import { type DepthwiseParts, depthwiseQuads, depthwiseWeights } from './depthwiseConv2dInt8.ts';
import { type Limits, unlimited } from './epilogue.ts';

/**
 * `depthwiseConv2d` of images quantized at run time, as `conv2dScaledInt8`. Inputs: x [N, H, W, C], w (`packDepthwiseParts` of [kernelHeight, kernelWidth,
 * C · multiplier]), then those of `conv2dScaledInt8`.
 */
export const depthwiseConv2dScaledInt8: Op<DepthwiseParts & Limits & ScaledAttributes> = defineOp<
  DepthwiseParts & Limits & ScaledAttributes
>({
  name: 'depthwiseConv2dScaledInt8',
  attrs: { ...depthwiseDefaults, ...unlimited, parts: 1, apart: false },
  infer(inputs, attrs) {
    const g = depthwiseGeometry(expectInput(inputs, 0, 'i8').shape, attrs);
    return [expectScaled(inputs, depthwiseQuads(g, attrs), g)];
  },
  ref(inputs, attrs) {
    const [x, w] = inputs as [RefTensor, RefTensor];
    const g = depthwiseGeometry(x.shape, attrs);
    return [scaledReference(g, depthwiseWeights(w.data, attrs.parts, [...attrs.kernel, g.outChannels]), inputs, attrs)];
  },
  lower(ctx) {
    const g = depthwiseGeometry((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const { blockChannels, sumRows, ...scratch } = depthwiseInt8Scratch(g, ctx.small);
    ctx.step('depthwise_conv2d_scaled_s8', {
      ...scaledFields(ctx, g, scratch),
      matrix: 0,
      blockChannels,
      sumRows,
      rest: ctx.attrs.parts === 2 ? ctx.in(1, sizeOf((ctx.inputs[1] as TensorType).shape) / 2) : 0,
    });
  },
  grad: { none: 'whole numbers have no gradient' },
  macs: (_, { kernel }, [y]) => sizeOf((y as TensorType).shape) * kernel[0] * kernel[1],
  tolerance: { rtol: 1e-6, atol: 1e-5 },
});
