import type { Shape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { band, type Conv2dAttributes, conv2d, conv2dDefaults, geometryOf } from './conv2d.ts';
import { defineOp, type Op, type RefTensor } from './define.ts';
import { type Epilogue, epilogueFields, type Order, plain } from './epilogue.ts';
import { transpose } from './transpose.ts';

type Attributes = Conv2dAttributes & Epilogue & Order;

/** The shape of x as NHWC. */
export const pixels = ([batch, ...planes]: Shape): Shape => [batch, ...planes.slice(1), planes[0]] as Shape;
const inPixels = (inputs: readonly TensorType[]): TensorType[] => {
  const [x, ...rest] = inputs as [TensorType, ...TensorType[]];
  return [x.shape.length === 4 ? { dtype: x.dtype, shape: pixels(x.shape) } : x, ...rest];
};

/** `conv2d` of x as [N, C, H, W], for the few channels of an image and kernels larger than 1×1; y is NHWC. */
export const planarConv2d: Op<Attributes> = defineOp<Attributes>({
  name: 'planarConv2d',
  attrs: { ...conv2dDefaults, ...plain, ordered: false },
  infer: (inputs, attrs) => conv2d.infer(inPixels(inputs), attrs),
  ref(inputs, attrs, outputs) {
    const [x, ...rest] = inputs as [RefTensor, ...RefTensor[]];
    const shape = pixels(x.shape);
    const [data] = transpose.ref([x], { perm: [0, 2, 3, 1] }, [{ dtype: x.dtype, shape }]) as [Float64Array];
    return conv2d.ref([{ ...x, shape, data }, ...rest], attrs, outputs);
  },
  lower(ctx) {
    const g = geometryOf(pixels((ctx.inputs[0] as TensorType).shape), ctx.attrs);
    const { blockRows, bytes } = band(g, ctx.small);
    ctx.step('conv2d_f32_planar', {
      ...g,
      x: ctx.in(0),
      w: ctx.in(1),
      y: ctx.out(),
      scratch: ctx.scratch(bytes),
      blockRows,
      ...epilogueFields(ctx),
    });
  },
  grad: { none: 'a pass makes it of transpose and conv2d, after gradients' },
  macs: (inputs, attrs, outputs) => conv2d.macs?.(inPixels(inputs), attrs, outputs) ?? 0,
  tolerance: conv2d.tolerance,
});
