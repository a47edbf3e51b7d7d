import { depthwiseQuadShape, unpackDepthwiseQuads } from '../core/quads.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { depthwiseInt8Scratch } from '../kernels/scratch.ts';
import { expectProduct, type ProductInt8, productInt8, sumsOf } from './conv2dInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { type DepthwiseAttributes, depthwiseDefaults, depthwiseGeometry } from './depthwiseConv2d.ts';
import { factorFields, requantized } from './requantize.ts';

/**
 * `depthwiseConv2d` of i8, as `conv2dInt8`. Inputs: x [N, H, W, C], w (`depthwiseQuadShape` of [kernelHeight, kernelWidth, C · multiplier]), bias i32
 * with the zero point of x folded in, then factors as `conv2dInt8` takes them.
 */
export const depthwiseConv2dInt8: Op<DepthwiseAttributes & ProductInt8> = defineOp<DepthwiseAttributes & ProductInt8>({
  name: 'depthwiseConv2dInt8',
  attrs: { ...depthwiseDefaults, ...productInt8 },
  infer(inputs, attrs) {
    const g = depthwiseGeometry(expectInput(inputs, 0, 'i8').shape, attrs);
    expectProduct(inputs, depthwiseQuadShape([...attrs.kernel, g.outChannels]), g.outChannels, attrs);
    return [{ dtype: 'i8', shape: [g.batch, g.outHeight, g.outWidth, g.outChannels] }];
  },
  ref([x, w, bias, ...factors], attrs) {
    const g = depthwiseGeometry((x as RefTensor).shape, attrs);
    const weights = unpackDepthwiseQuads((w as RefTensor).data, [...attrs.kernel, g.outChannels]);
    const sums = sumsOf(g, (x as RefTensor).data, weights, (bias as RefTensor).data, attrs.xZero);
    return [requantized(sums, g.outChannels, factors, attrs)];
  },
  lower(ctx) {
    const g = depthwiseGeometry((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const { band, sums, table, ...blocks } = depthwiseInt8Scratch(g);
    ctx.step('depthwise_conv2d_s8', {
      x: ctx.in(0),
      w: ctx.in(1),
      bias: ctx.in(2),
      y: ctx.out(),
      band: ctx.scratch(band),
      sums: ctx.scratch(sums),
      table: ctx.scratch(table),
      ...g,
      ...blocks,
      xZero: ctx.attrs.xZero,
      ...factorFields(ctx, 3),
    });
  },
  grad: { none: 'it takes and gives whole numbers' },
  macs: (_, { kernel }, [y]) => sizeOf((y as TensorType).shape) * kernel[0] * kernel[1],
  tolerance: 'exact',
});
