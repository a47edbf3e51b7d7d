import { roundHalfEven } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { forEachTap, inferPool, type PoolWindow, poolFields, tapCounts } from './pool.ts';
import { type Arithmetic, expectRequantization, offsetOf, requantization } from './requantize.ts';
import type { LowerContext } from './step.ts';

export interface PoolInt8Attributes extends PoolWindow {
  /** Limits of the output. */
  readonly low: number;
  readonly high: number;
}

export interface AveragePoolInt8Attributes extends PoolInt8Attributes {
  /** The step of x; 0: y has the step of x and halves go away from zero, as in TFLite. */
  readonly scale: number;
  readonly xZero: number;
  readonly yZero: number;
  readonly yScale: number;
  /**
   * How means with a scale are computed, as in ONNX Runtime. Of whole numbers (QLinearGlobalAveragePool): yZero + round(Σ (x - xZero) · (scale / (yScale · count)));
   * of floats, one added after the other (QLinearAveragePool): round(Σ (x - xZero) scale / count / yScale + yZero). Each step in f32, half to even.
   */
  readonly sums: 'whole' | 'float';
  /** Of sums of floats: yZero is that of such numbers; in floats it is added to what was rounded. */
  readonly arithmetic: Arithmetic;
}

const defaults: PoolInt8Attributes = { kernel: [2, 2], strides: [2, 2], padding: 'valid', low: -128, high: 127 };

function infer(inputs: readonly TensorType[], attrs: PoolInt8Attributes): TensorType[] {
  expectRequantization({ ...requantization, ...attrs });
  return [{ dtype: 'i8', shape: inferPool(expectInput(inputs, 0, 'i8').shape, attrs) }];
}

const limited = (data: Float64Array, { low, high }: PoolInt8Attributes) => data.map((value) => Math.min(Math.max(value, low), high));

const none = {
  scale: 0,
  xZero: 0,
  yZero: 0,
  yScale: 1,
  sums: 'whole' as AveragePoolInt8Attributes['sums'],
  arithmetic: 'uint8' as Arithmetic,
};

/** What is added before a mean is rounded. */
const addedTo = ({ yZero, arithmetic }: Pick<typeof none, 'yZero' | 'arithmetic'>): number =>
  arithmetic === 'float' ? 0 : yZero + offsetOf(arithmetic);

const lowerWith =
  (kernel: 'max_pool2d_s8' | 'average_pool2d_s8') =>
  (ctx: LowerContext<PoolInt8Attributes & Partial<typeof none>>): void => {
    const attrs = { ...none, ...ctx.attrs };
    const { low, high, scale, xZero, yZero, yScale, sums } = attrs;
    const fields = poolFields((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const floats = scale && sums === 'float' ? 1 : 0;
    ctx.step(kernel, { ...fields, x: ctx.in(0), y: ctx.out(), low, high, scale, xZero, yZero, yScale, floats, added: addedTo(attrs) });
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
    const { xZero, yZero } = attrs;
    const added = addedTo(attrs);
    const [scale, yScale] = [Math.fround(attrs.scale), Math.fround(attrs.yScale)];
    const isFloat = scale !== 0 && attrs.sums === 'float';
    forEachTap(shape, attrs, (xi, yi) => {
      const number = data[xi] as number;
      sums[yi] = isFloat ? Math.fround((sums[yi] as number) + Math.fround((number - xZero) * scale)) : (sums[yi] as number) + number;
    });
    const means = sums.map((sum, i) => {
      const count = counts[i] as number;
      if (isFloat) return roundHalfEven(Math.fround(Math.fround(Math.fround(sum / count) / yScale) + added)) - added + yZero;
      if (scale) {
        const factor = Math.fround(scale / Math.fround(yScale * count));
        return yZero + roundHalfEven(Math.fround(Math.fround(sum - count * xZero) * factor));
      }
      return Math.trunc((sum + (sum > 0 ? 1 : -1) * Math.floor(count / 2)) / count);
    });
    return [limited(means, attrs)];
  },
  lower: lowerWith('average_pool2d_s8'),
  grad: { none: 'it takes and gives whole numbers' },
  tolerance: 'exact',
});
