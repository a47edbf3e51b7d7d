import { roundHalfEven } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { forEachTap, inferPool, type PoolWindow, poolFields, tapCounts } from './pool.ts';
import { expectRequantization, requantization } from './requantize.ts';
import type { LowerContext } from './step.ts';

export interface PoolInt8Attributes extends PoolWindow {
  /** Limits of the output. */
  readonly low: number;
  readonly high: number;
}

export interface AveragePoolInt8Attributes extends PoolInt8Attributes {
  /** y = yZero + round(mean(x - xZero) · scale), half to even, of f32 products (ONNX); with scale 0 as TFLite: the mean, ties away from zero. */
  readonly scale: number;
  readonly xZero: number;
  readonly yZero: number;
}

const defaults: PoolInt8Attributes = { kernel: [2, 2], strides: [2, 2], padding: 'valid', low: -128, high: 127 };

function infer(inputs: readonly TensorType[], attrs: PoolInt8Attributes): TensorType[] {
  expectRequantization({ ...requantization, ...attrs });
  return [{ dtype: 'i8', shape: inferPool(expectInput(inputs, 0, 'i8').shape, attrs) }];
}

const limited = (data: Float64Array, { low, high }: PoolInt8Attributes) => data.map((value) => Math.min(Math.max(value, low), high));

const none = { scale: 0, xZero: 0, yZero: 0 };

const lowerWith =
  (kernel: 'max_pool2d_s8' | 'average_pool2d_s8') =>
  (ctx: LowerContext<PoolInt8Attributes & Partial<typeof none>>): void => {
    const { low, high, scale, xZero, yZero } = { ...none, ...ctx.attrs };
    const fields = poolFields((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    ctx.step(kernel, { ...fields, x: ctx.in(0), y: ctx.out(), low, high, scale, xZero, yZero });
  };

/** The largest number of each window of x [N, H, W, C]; padding never wins. Output and input have the same scale. */
export const maxPool2dInt8: Op<PoolInt8Attributes> = defineOp<PoolInt8Attributes>({
  name: 'maxPool2dInt8',
  attrs: defaults,
  infer,
  ref([x], attrs, [y]) {
    const result = new Float64Array(sizeOf((y as TensorType).shape)).fill(-128);
    forEachTap((x as RefTensor).shape, attrs, (xi, yi) => {
      result[yi] = Math.max(result[yi] as number, (x as RefTensor).data[xi] as number);
    });
    return [limited(result, attrs)];
  },
  lower: lowerWith('max_pool2d_s8'),
  grad: { none: 'it takes and gives whole numbers' },
  tolerance: 'exact',
});

/** The mean of each window of x [N, H, W, C] without its padding; attributes say in what scale. */
export const averagePool2dInt8: Op<AveragePoolInt8Attributes> = defineOp<AveragePoolInt8Attributes>({
  name: 'averagePool2dInt8',
  attrs: { ...defaults, ...none },
  infer(inputs, attrs) {
    expectRequantization({ ...requantization, yZero: attrs.yZero });
    expectRequantization({ ...requantization, yZero: attrs.xZero });
    return infer(inputs, attrs);
  },
  ref([x], attrs, [y]) {
    const { shape, data } = x as RefTensor;
    const counts = tapCounts(shape, { ...attrs, includePad: false }, sizeOf((y as TensorType).shape));
    const sums = new Float64Array(counts.length);
    forEachTap(shape, attrs, (xi, yi) => {
      sums[yi] = (sums[yi] as number) + (data[xi] as number);
    });
    const means = sums.map((sum, i) => {
      const count = counts[i] as number;
      if (attrs.scale) {
        const factor = Math.fround(Math.fround(attrs.scale) / count);
        return attrs.yZero + roundHalfEven(Math.fround((sum - count * attrs.xZero) * factor));
      }
      return Math.trunc((sum + (sum > 0 ? 1 : -1) * Math.floor(count / 2)) / count);
    });
    return [limited(means, attrs)];
  },
  lower: lowerWith('average_pool2d_s8'),
  grad: { none: 'it takes and gives whole numbers' },
  tolerance: 'exact',
});
