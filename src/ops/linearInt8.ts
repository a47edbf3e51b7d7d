import { quadShape, unpackQuads } from '../core/quads.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { conv2dDefaults, geometryOf } from './conv2d.ts';
import { expectProduct, lowerConvolution, type ProductInt8, productInt8, sumsOf } from './conv2dInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { requantized } from './requantize.ts';

export interface LinearInt8Attributes extends ProductInt8 {
  /** Output features: columns of the weights. */
  readonly units: number;
}

/** Rows of x are the pixels of an image one high. */
const geometry = ({ shape }: TensorType, { units }: LinearInt8Attributes) =>
  geometryOf([1, 1, sizeOf(shape.slice(0, -1)), shape.at(-1) as number], { ...conv2dDefaults, filters: units });

/**
 * `linear` of i8: y = requantized(bias + (x + 128) · w) over the last axis of x. Inputs: x [..., K], w in quads of K × units (`core/quads.ts`), bias i32
 * [units] with the zero point of x folded in (`foldedBias`), then factors as `conv2dInt8` takes them.
 */
export const linearInt8: Op<LinearInt8Attributes> = defineOp<LinearInt8Attributes>({
  name: 'linearInt8',
  attrs: { ...productInt8, units: 1 },
  infer(inputs, attrs) {
    const { shape } = expectInput(inputs, 0, 'i8');
    expectProduct(inputs, quadShape([shape.at(-1) ?? 0, attrs.units]), attrs.units, attrs);
    return [{ dtype: 'i8', shape: [...shape.slice(0, -1), attrs.units] }];
  },
  ref([x, w, bias, ...factors], attrs) {
    const weights = unpackQuads((w as RefTensor).data, [(x as RefTensor).shape.at(-1) as number, attrs.units]);
    if (sizeOf((x as RefTensor).shape.slice(0, -1)) === 0) return [new Float64Array()];
    const sums = sumsOf(geometry(x as RefTensor, attrs), (x as RefTensor).data, weights, (bias as RefTensor).data, attrs.xZero);
    return [requantized(sums, attrs.units, factors, attrs)];
  },
  lower(ctx) {
    const x = ctx.inputs[0] as TensorType;
    if (sizeOf(x.shape.slice(0, -1)) > 0) lowerConvolution(ctx, geometry(x, ctx.attrs));
  },
  grad: { none: 'it takes and gives whole numbers' },
  macs: ([x], { units }) => sizeOf((x as TensorType).shape) * units,
  tolerance: 'exact',
});
