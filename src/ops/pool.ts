import { type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import type { LowerContext, StepFields } from './step.ts';
import { nhwc, type Padding, type Window, windowOf } from './window.ts';

/** A window of pooling. */
export interface PoolWindow {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}

export interface PoolAttributes extends PoolWindow {
  /** Averages divide by the whole window, padding counted (ONNX count_include_pad); Keras leaves it out. */
  readonly includePad: boolean;
}

const defaults: PoolAttributes = { kernel: [2, 2], strides: [2, 2], padding: 'valid', includePad: false };

const windowFor = (shape: readonly number[], attrs: PoolWindow): Window => {
  const { height, width } = nhwc(shape);
  return windowOf(height, width, attrs.kernel, { ...attrs, dilations: [1, 1] });
};

/** Calls `visit` with the indexes of x and y for every tap inside the image. */
export function forEachTap(shape: readonly number[], attrs: PoolWindow, visit: (x: number, y: number) => void): void {
  const { batch, height, width, channels } = nhwc(shape);
  const { outHeight, outWidth, padTop, padLeft } = windowFor(shape, attrs);
  for (let i = 0; i < batch * outHeight * outWidth * channels; i++) {
    const c = i % channels;
    const pixel = Math.floor(i / channels);
    const ox = pixel % outWidth;
    const oy = Math.floor(pixel / outWidth) % outHeight;
    const n = Math.floor(pixel / (outWidth * outHeight));
    for (let tap = 0; tap < attrs.kernel[0] * attrs.kernel[1]; tap++) {
      const iy = oy * attrs.strides[0] + Math.floor(tap / attrs.kernel[1]) - padTop;
      const ix = ox * attrs.strides[1] + (tap % attrs.kernel[1]) - padLeft;
      if (iy >= 0 && ix >= 0 && iy < height && ix < width) visit(((n * height + iy) * width + ix) * channels + c, i);
    }
  }
}

/** The window's numbers as record fields. */
export function poolFields(shape: readonly number[], attrs: PoolWindow) {
  const { batch, height, width, channels } = nhwc(shape);
  return {
    ...windowFor(shape, attrs),
    batch,
    inHeight: height,
    inWidth: width,
    channels,
    kernelHeight: attrs.kernel[0],
    kernelWidth: attrs.kernel[1],
    strideY: attrs.strides[0],
    strideX: attrs.strides[1],
  };
}

/** As `poolFields`, for the f32 kernels. */
function fields(shape: readonly number[], attrs: PoolAttributes): Omit<StepFields<'max_pool2d_f32'>, 'x' | 'y' | 'dy' | 'dx'> {
  return { ...poolFields(shape, attrs), includePad: attrs.includePad ? 1 : 0 };
}

/** The shape of pooled images. */
export function inferPool(shape: Shape, attrs: PoolWindow): Shape {
  const { batch, channels } = nhwc(shape);
  const { outHeight, outWidth } = windowFor(shape, attrs);
  return [batch, outHeight, outWidth, channels];
}

const infer = (inputs: readonly TensorType[], attrs: PoolAttributes): TensorType[] => [
  { dtype: 'f32', shape: inferPool(expectInput(inputs, 0).shape, attrs) },
];

const lowerWith = (kernel: 'max_pool2d_f32' | 'average_pool2d_f32') => (ctx: LowerContext<PoolAttributes>) => {
  ctx.step(kernel, { ...fields((ctx.inputs[0] as TensorType).shape, ctx.attrs), x: ctx.in(0), y: ctx.out(), dy: 0, dx: 0 });
};

/** The largest value of each window of x [N, H, W, C]; padding never wins. */
export const maxPool2d: Op<PoolAttributes> = defineOp<PoolAttributes>({
  name: 'maxPool2d',
  attrs: defaults,
  infer,
  ref([x], attrs, [y]) {
    const result = new Float64Array(sizeOf((y as TensorType).shape)).fill(Number.NEGATIVE_INFINITY);
    forEachTap((x as RefTensor).shape, attrs, (xi, yi) => {
      result[yi] = Math.max(result[yi] as number, (x as RefTensor).data[xi] as number);
    });
    return [result];
  },
  lower: lowerWith('max_pool2d_f32'),
  grad: ({ inputs: [x], outputs: [y], attrs }, [dy]) => [maxPool2dGrad([x as Value, y as Value, dy as Value], attrs)],
  tolerance: 'exact',
});

/** dx: dy goes to the first tap, row by row, that holds the maximum. Inputs: x, y, dy. */
export const maxPool2dGrad: Op<PoolAttributes> = defineOp<PoolAttributes>({
  name: 'maxPool2dGrad',
  attrs: defaults,
  infer: (inputs) => [{ dtype: 'f32', shape: expectInput(inputs, 0).shape }],
  ref([x, y, dy], attrs) {
    const dx = new Float64Array((x as RefTensor).data.length);
    const given = new Set<number>();
    forEachTap((x as RefTensor).shape, attrs, (xi, yi) => {
      if (given.has(yi) || (x as RefTensor).data[xi] !== (y as RefTensor).data[yi]) return;
      given.add(yi);
      dx[xi] = (dx[xi] as number) + ((dy as RefTensor).data[yi] as number);
    });
    return [dx];
  },
  lower(ctx) {
    const shape = fields((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    ctx.step('max_pool2d_f32_grad', { ...shape, x: ctx.in(0), y: ctx.in(1), dy: ctx.in(2), dx: ctx.out() });
  },
  grad: { none: 'second derivatives are not supported' },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
});

/** The mean of each window of x [N, H, W, C]. */
export const averagePool2d: Op<PoolAttributes> = defineOp<PoolAttributes>({
  name: 'averagePool2d',
  attrs: defaults,
  infer,
  ref([x], attrs, [y]) {
    const counts = tapCounts((x as RefTensor).shape, attrs, sizeOf((y as TensorType).shape));
    const sums = new Float64Array(counts.length);
    forEachTap((x as RefTensor).shape, attrs, (xi, yi) => {
      sums[yi] = (sums[yi] as number) + ((x as RefTensor).data[xi] as number);
    });
    return [sums.map((sum, i) => sum / (counts[i] as number))];
  },
  lower: lowerWith('average_pool2d_f32'),
  grad: ({ inputs: [x], attrs }, [dy]) => {
    const { height, width } = nhwc((x as Value).shape);
    return [averagePool2dGrad(dy as Value, { ...attrs, input: [height, width] })];
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
});

/** The divisor of each average. */
export function tapCounts(shape: readonly number[], attrs: PoolAttributes, outputs: number): Float64Array {
  const counts = new Float64Array(outputs);
  if (attrs.includePad) return counts.fill(attrs.kernel[0] * attrs.kernel[1]);
  forEachTap(shape, attrs, (_, yi) => {
    counts[yi] = (counts[yi] as number) + 1;
  });
  return counts.map((count) => Math.max(count, 1));
}

export interface AveragePoolGradAttributes extends PoolAttributes {
  /** Height and width of dx. */
  readonly input: readonly [number, number];
}

/** dx: dy in equal shares to the taps of its window. */
export const averagePool2dGrad: Op<AveragePoolGradAttributes> = defineOp<AveragePoolGradAttributes>({
  name: 'averagePool2dGrad',
  attrs: { ...defaults, input: [1, 1] },
  infer(inputs, { input }) {
    const { batch, channels } = nhwc(expectInput(inputs, 0).shape);
    return [{ dtype: 'f32', shape: [batch, ...input, channels] }];
  },
  ref([dy], attrs, [out]) {
    const { shape } = out as TensorType;
    const counts = tapCounts(shape, attrs, (dy as RefTensor).data.length);
    const dx = new Float64Array(sizeOf(shape));
    forEachTap(shape, attrs, (xi, yi) => {
      dx[xi] = (dx[xi] as number) + ((dy as RefTensor).data[yi] as number) / (counts[yi] as number);
    });
    return [dx];
  },
  lower(ctx) {
    ctx.step('average_pool2d_f32_grad', {
      ...fields((ctx.outputs[0] as TensorType).shape, ctx.attrs),
      x: 0,
      y: 0,
      dy: ctx.in(0),
      dx: ctx.out(),
    });
  },
  grad: { none: 'second derivatives are not supported' },
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
