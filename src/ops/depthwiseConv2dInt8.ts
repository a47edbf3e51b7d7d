import { ThimbleError } from '../core/errors.ts';
import { depthwiseQuadShape, packDepthwiseQuads, unpackDepthwiseQuads } from '../core/quads.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Geometry } from '../kernels/geometry.ts';
import { depthwiseInt8Scratch } from '../kernels/scratch.ts';
import { expectProduct, type ProductInt8, productInt8, sumsOf } from './conv2dInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { type DepthwiseAttributes, depthwiseDefaults, depthwiseGeometry } from './depthwiseConv2d.ts';
import { factorFields, requantized } from './requantize.ts';

export interface DepthwiseParts extends DepthwiseAttributes {
  /** 2 where weights are sums of two numbers of 8 bits: uint8 weights without their zero points take 9. */
  readonly parts: 1 | 2;
}

export interface DepthwiseInt8Attributes extends DepthwiseParts, ProductInt8 {}

/** The memory shape of the weights: the parts one after the other along its first axis. @throws UNSUPPORTED_ATTR. */
export function depthwiseQuads(g: Geometry, { kernel, parts }: DepthwiseParts): Shape {
  if (parts !== 1 && parts !== 2) throw new ThimbleError('UNSUPPORTED_ATTR', `${parts} parts`, { expected: '1 or 2' });
  const [blocks, ...block] = depthwiseQuadShape([...kernel, g.outChannels]);
  return [parts * blocks, ...block];
}

/** Row-major weights of logical `shape` in one or two parts → their memory. */
export function packDepthwiseParts(parts: readonly Int8Array[], shape: Shape): { readonly shape: Shape; readonly data: Int8Array } {
  const [blocks, ...block] = depthwiseQuadShape(shape);
  const memory = [parts.length * blocks, ...block];
  const data = new Int8Array(sizeOf(memory));
  parts.forEach((part, i) => void data.set(packDepthwiseQuads(part, shape), (i * data.length) / parts.length));
  return { shape: memory, data };
}

/** The sums of the parts, row-major. */
export function depthwiseWeights(packed: Float64Array, parts: 1 | 2, shape: Shape): Float64Array {
  const size = packed.length / parts;
  const [weights, rest] = [0, size].map((from) => unpackDepthwiseQuads(packed.slice(from, from + size), shape)) as [
    Float64Array,
    Float64Array,
  ];
  return parts === 2 ? weights.map((weight, i) => weight + (rest[i] as number)) : weights;
}

/**
 * `depthwiseConv2d` of i8, as `conv2dInt8`. Inputs: x [N, H, W, C], w (`depthwiseQuadShape` of [kernelHeight, kernelWidth, C · multiplier], the parts one
 * after the other along its first axis), bias i32 with the zero point of x folded in, then factors as `conv2dInt8` takes them.
 */
export const depthwiseConv2dInt8: Op<DepthwiseInt8Attributes> = defineOp<DepthwiseInt8Attributes>({
  name: 'depthwiseConv2dInt8',
  attrs: { ...depthwiseDefaults, ...productInt8, parts: 1 },
  infer(inputs, attrs) {
    const g = depthwiseGeometry(expectInput(inputs, 0, 'i8').shape, attrs);
    expectProduct(inputs, depthwiseQuads(g, attrs), g.outChannels, attrs);
    return [{ dtype: 'i8', shape: [g.batch, g.outHeight, g.outWidth, g.outChannels] }];
  },
  ref([x, w, bias, ...factors], attrs) {
    const g = depthwiseGeometry((x as RefTensor).shape, attrs);
    const weights = depthwiseWeights((w as RefTensor).data, attrs.parts, [...attrs.kernel, g.outChannels]);
    const sums = sumsOf(g, (x as RefTensor).data, weights, (bias as RefTensor).data, attrs.xZero);
    return [requantized(sums, g.outChannels, factors, attrs)];
  },
  lower(ctx) {
    const g = depthwiseGeometry((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const { band, sums, table, ...blocks } = depthwiseInt8Scratch(g, ctx.small);
    ctx.step('depthwise_conv2d_s8', {
      x: ctx.in(0),
      w: ctx.in(1),
      rest: ctx.attrs.parts === 2 ? ctx.in(1, sizeOf((ctx.inputs[1] as TensorType).shape) / 2) : 0,
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
