import { scaled, scaledWide } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { conv2dInt16Scratch } from '../kernels/scratch.ts';
import type { Factor } from './arithmeticInt8.ts';
import { type Conv2dAttributes, conv2dDefaults, filterShape, geometryOf } from './conv2d.ts';
import { forEachTapPadded } from './convolution.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

const ROUNDINGS = ['double', 'real', 'wide'] as const;

export interface Conv2dInt16Attributes extends Conv2dAttributes {
  readonly xZero: number;
  readonly yZero: number;
  readonly low: number;
  readonly high: number;
  /**
   * `wide`: sums are scaled by the upper 15 bits of the multiplier and rounded once, as TFLite does with 64-bit biases; `real`: by a factor in double, of
   * which inputs 3 and 4 hold the low and the high words (`realFactor`), ties away from zero, as in its dense layers; `double`: see `Rounding`.
   */
  readonly rounding: (typeof ROUNDINGS)[number];
}

const scaledDouble = (x: number, multiplier: number, shift: number): number => scaled(x | 0, multiplier, shift, 'double');

/** The words of a factor in double, in place of a multiplier and a shift. */
export function realFactor(factor: number): Factor {
  const [low, high] = new Int32Array(Float64Array.of(factor).buffer) as unknown as [number, number];
  return { multiplier: low, shift: high };
}

function scaledReal(x: number, low: number, high: number): number {
  const value = x * (new Float64Array(Int32Array.of(low, high).buffer)[0] as number);
  const whole = Math.trunc(value);
  return Math.abs(value - whole) >= 0.5 ? whole + Math.sign(value) : whole;
}

/**
 * Convolution of 16-bit numbers, held as i32, with 8-bit weights (TFLite's int16×8). Inputs: x [N, H, W, C], w i8 (`filterShape`, row-major), bias i32
 * [filters], multiplier and shift i32 [filters].
 */
export const conv2dInt16: Op<Conv2dInt16Attributes> = defineOp<Conv2dInt16Attributes>({
  name: 'conv2dInt16',
  attrs: { ...conv2dDefaults, xZero: 0, yZero: 0, low: -32768, high: 32767, rounding: 'wide' },
  infer(inputs, attrs) {
    const g = geometryOf(expectInput(inputs, 0, 'i32').shape, attrs);
    const w = expectInput(inputs, 1, 'i8').shape;
    const expected = sizeOf(filterShape(g.inChannels, attrs));
    if (sizeOf(w) !== expected) throw new RangeError(`${sizeOf(w)} weights for ${expected}`);
    for (const index of [2, 3, 4]) {
      if (sizeOf(expectInput(inputs, index, 'i32').shape) !== attrs.filters)
        throw new RangeError(`input ${index} is not one number a filter`);
    }
    return [{ dtype: 'i32', shape: [g.batch, g.outHeight, g.outWidth, attrs.filters] }];
  },
  ref([x, w, bias, multiplier, shift], attrs) {
    const g = geometryOf((x as RefTensor).shape, attrs);
    const sums = Float64Array.from(
      { length: g.batch * g.outHeight * g.outWidth * attrs.filters },
      (_, i) => (bias as RefTensor).data[i % attrs.filters] as number,
    );
    forEachTapPadded(g, (xi, wi, yi) => {
      if (xi >= 0)
        sums[yi] = (sums[yi] as number) + (((x as RefTensor).data[xi] as number) - attrs.xZero) * ((w as RefTensor).data[wi] as number);
    });
    return [
      sums.map((sum, i) => {
        const [m, s] = [multiplier, shift].map((list) => (list as RefTensor).data[i % attrs.filters] as number) as [number, number];
        const value = { wide: scaledWide, real: scaledReal, double: scaledDouble }[attrs.rounding](sum, m, s);
        return Math.min(Math.max(value + attrs.yZero, attrs.low), attrs.high);
      }),
    ];
  },
  lower(ctx) {
    const { xZero, yZero, low, high, rounding } = ctx.attrs;
    const g = geometryOf((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    ctx.step('conv2d_s16', {
      x: ctx.in(0),
      w: ctx.in(1),
      bias: ctx.in(2),
      multiplier: ctx.in(3),
      shift: ctx.in(4),
      y: ctx.out(),
      scratch: ctx.scratch(conv2dInt16Scratch(g)),
      ...g,
      xZero,
      yZero,
      low,
      high,
      rounding: ROUNDINGS.indexOf(rounding),
    });
  },
  grad: { none: 'it takes and gives whole numbers' },
  macs: ([x], attrs, [y]) =>
    sizeOf((y as TensorType).shape) * ((attrs.kernel[0] * attrs.kernel[1] * ((x as TensorType).shape[3] as number)) / attrs.groups),
  tolerance: 'exact',
});
