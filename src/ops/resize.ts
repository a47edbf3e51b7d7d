import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { nhwc } from './window.ts';

export interface ResizeAttributes {
  /** Height and width of the output. */
  readonly size: readonly [number, number];
  readonly mode: 'nearest' | 'bilinear';
  /**
   * Where output pixel i lies in the input (ONNX coordinate_transformation_mode): `halfPixel` (i + ½) · in/out - ½, `asymmetric` i · in/out,
   * `alignCorners` i · (in - 1)/(out - 1). Nearest takes the floor of the coordinate, with half-pixel centres of (i + ½) · in/out, as Keras and PyTorch do.
   */
  readonly coordinates: 'halfPixel' | 'asymmetric' | 'alignCorners';
}

interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** The record's numbers, rounded to f32 as the kernel sees them. */
function mapping(shape: readonly number[], { size, coordinates }: ResizeAttributes) {
  const { height, width } = nhwc(shape);
  const scale = (from: number, to: number) =>
    Math.fround(coordinates === 'alignCorners' ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to);
  return { scaleY: scale(height, size[0]), scaleX: scale(width, size[1]), offset: coordinates === 'halfPixel' ? 0.5 : 0 };
}

function taps(i: number, scale: number, offset: number, extent: number, mode: ResizeAttributes['mode']): Tap[] {
  const limit = (at: number) => Math.max(0, Math.min(at, extent - 1));
  // Nearest floors a number that f32 rounding may move across an integer: use the kernel's own arithmetic.
  if (mode === 'nearest') return [{ index: limit(Math.floor(Math.fround(Math.fround(i + offset) * scale))), weight: 1 }];
  const at = limit((i + offset) * scale - offset);
  const low = Math.floor(at);
  return [
    { index: low, weight: 1 - (at - low) },
    { index: limit(low + 1), weight: at - low },
  ];
}

/** Calls `visit` with the indexes of input and output and the weight of every contribution. */
function forEachTap(shape: readonly number[], attrs: ResizeAttributes, visit: (x: number, y: number, weight: number) => void): void {
  const { batch, height, width, channels } = nhwc(shape);
  const { scaleY, scaleX, offset } = mapping(shape, attrs);
  const [outHeight, outWidth] = attrs.size;
  for (let pixel = 0; pixel < batch * outHeight * outWidth; pixel++) {
    const n = Math.floor(pixel / (outHeight * outWidth));
    for (const v of taps(Math.floor(pixel / outWidth) % outHeight, scaleY, offset, height, attrs.mode)) {
      for (const u of taps(pixel % outWidth, scaleX, offset, width, attrs.mode)) {
        for (let c = 0; c < channels; c++)
          visit(((n * height + v.index) * width + u.index) * channels + c, pixel * channels + c, v.weight * u.weight);
      }
    }
  }
}

const fields = (shape: readonly number[], attrs: ResizeAttributes) => {
  const { batch, height, width, channels } = nhwc(shape);
  const size = { batch, inHeight: height, inWidth: width, outHeight: attrs.size[0], outWidth: attrs.size[1], channels };
  return { ...size, ...mapping(shape, attrs), mode: attrs.mode === 'nearest' ? 0 : 1 };
};

const defaults: ResizeAttributes = { size: [1, 1], mode: 'nearest', coordinates: 'halfPixel' };

/** Images x [N, H, W, C] scaled to `size`; x is f32, or for `nearest` also i8. */
export const resize: Op<ResizeAttributes> = defineOp<ResizeAttributes>({
  name: 'resize',
  attrs: defaults,
  infer(inputs, { size, mode }) {
    // Numbers of 8 bits cannot be blended without a scale.
    const { dtype, shape } = mode === 'nearest' && inputs[0]?.dtype === 'i8' ? inputs[0] : expectInput(inputs, 0);
    const { batch, channels } = nhwc(shape);
    return [{ dtype, shape: [batch, ...size, channels] }];
  },
  ref([x], attrs, [out]) {
    const y = new Float64Array(sizeOf((out as TensorType).shape));
    forEachTap((x as RefTensor).shape, attrs, (xi, yi, weight) => {
      y[yi] = (y[yi] as number) + weight * ((x as RefTensor).data[xi] as number);
    });
    return [y];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    ctx.step(dtype === 'i8' ? 'resize_u8' : 'resize_f32', { x: ctx.in(0), y: ctx.out(), ...fields(shape, ctx.attrs) });
  },
  grad: ({ inputs: [x], attrs }, [dy]) => {
    const { height, width } = nhwc((x as Value).shape);
    return [resizeGrad(dy as Value, { ...attrs, input: [height, width] })];
  },
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

export interface ResizeGradAttributes extends ResizeAttributes {
  /** Height and width of dx. */
  readonly input: readonly [number, number];
}

/** dx: each output's gradient back to the pixels it was blended from. */
export const resizeGrad: Op<ResizeGradAttributes> = defineOp<ResizeGradAttributes>({
  name: 'resizeGrad',
  attrs: { ...defaults, input: [1, 1] },
  infer(inputs, { input }) {
    const { batch, channels } = nhwc(expectInput(inputs, 0).shape);
    return [{ dtype: 'f32', shape: [batch, ...input, channels] }];
  },
  ref([dy], attrs, [out]) {
    const dx = new Float64Array(sizeOf((out as TensorType).shape));
    forEachTap((out as TensorType).shape, attrs, (xi, yi, weight) => {
      dx[xi] = (dx[xi] as number) + weight * ((dy as RefTensor).data[yi] as number);
    });
    return [dx];
  },
  lower(ctx) {
    ctx.step('resize_f32_grad', { x: ctx.out(), y: ctx.in(0), ...fields((ctx.outputs[0] as TensorType).shape, ctx.attrs) });
  },
  grad: { none: 'second derivatives are not supported' },
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});
