import { roundHalfEven, scaled } from '../core/fixedPoint.ts';
import { broadcastShapes, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { binaryInt8Scratch } from '../kernels/scratch.ts';
import { broadcastStrides, broadcastTo } from './binary.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { expectRequantization, type Requantization, requantization, roundingCode } from './requantize.ts';
import type { LowerContext } from './step.ts';
import { axes6, walks } from './strided.ts';

/** A factor: multiplier · 2^(shift - 31) (`fixedPoint`). */
export interface Factor {
  readonly multiplier: number;
  readonly shift: number;
}

interface Operands extends Requantization {
  readonly aZero: number;
  readonly bZero: number;
}

export interface AddInt8Attributes extends Operands {
  /** a - b. */
  readonly subtract: boolean;
  /** TFLite's scheme: both operands are moved left by `leftShift`, scaled by `a` and `b`, added, and scaled by `y`. */
  readonly leftShift: number;
  readonly a: Factor;
  readonly b: Factor;
  readonly y: Factor;
  /** With float rounding: y = yZero + round((a - aZero) aScale + (b - bZero) bScale), in f32. */
  readonly aScale: number;
  readonly bScale: number;
}

export interface MulInt8Attributes extends Operands {
  readonly y: Factor;
  /** With float rounding: the factor of the product, an f32. */
  readonly scale: number;
}

const operands: Operands = { ...requantization, aZero: 0, bZero: 0 };
const none: Factor = { multiplier: 0, shift: 0 };

function infer(inputs: readonly TensorType[], attrs: Operands): TensorType[] {
  expectRequantization({ ...attrs, yZero: attrs.aZero });
  expectRequantization({ ...attrs, yZero: attrs.bZero });
  expectRequantization(attrs);
  return [{ dtype: 'i8', shape: broadcastShapes(expectInput(inputs, 0, 'i8').shape, expectInput(inputs, 1, 'i8').shape) }];
}

function reference(inputs: readonly RefTensor[], y: TensorType, attrs: Operands, f: (a: number, b: number) => number): Float64Array[] {
  const [a, b] = inputs.map((x) => broadcastTo(x, y.shape)) as [Float64Array, Float64Array];
  return [
    a.map((value, i) => {
      const sum = f(value - attrs.aZero, (b[i] as number) - attrs.bZero);
      return Math.min(Math.max(sum + attrs.yZero, attrs.low), attrs.high);
    }),
  ];
}

function lower(
  ctx: LowerContext<Operands>,
  kernel: 'add_s8' | 'mul_s8',
  { a, b, y, ...rest }: { a: Factor; b: Factor; y: Factor; bSign: number; leftShift: number; aScale: number; bScale: number },
): void {
  const [left, right] = ctx.inputs as [TensorType, TensorType];
  const { shape } = ctx.outputs[0] as TensorType;
  const { aZero, bZero, yZero, low, high } = ctx.attrs;
  const strides = [broadcastStrides(left.shape, shape), broadcastStrides(right.shape, shape), stridesOf(shape)];
  const scratch = ctx.scratch(binaryInt8Scratch);
  for (const walk of walks(shape, strides)) {
    const [aStrides, bStrides] = walk.strides as [number[], number[]];
    const [aStart, bStart, start] = walk.starts as [number, number, number];
    ctx.step(kernel, {
      a: ctx.in(0, aStart),
      b: ctx.in(1, bStart),
      y: ctx.out(0, start),
      scratch,
      ...axes6('n', walk.shape, 1),
      ...axes6('a', aStrides, 0),
      ...axes6('b', bStrides, 0),
      aZero,
      bZero,
      ...rest,
      aMultiplier: a.multiplier,
      aShift: a.shift,
      bMultiplier: b.multiplier,
      bShift: b.shift,
      yMultiplier: y.multiplier,
      yShift: y.shift,
      yZero,
      low,
      high,
      rounding: roundingCode(ctx.attrs),
    });
  }
}

/** a + b (or a - b) of i8 with scales of their own, under numpy broadcasting; attributes say how. */
export const addInt8: Op<AddInt8Attributes> = defineOp<AddInt8Attributes>({
  name: 'addInt8',
  attrs: { ...operands, subtract: false, leftShift: 20, a: none, b: none, y: none, aScale: 1, bScale: 1 },
  infer,
  ref(inputs, attrs, [out]) {
    const { subtract, leftShift, a, b, y, aScale, bScale, rounding } = attrs;
    const sign = subtract ? -1 : 1;
    return reference(inputs, out as TensorType, attrs, (left, right) => {
      if (rounding === 'float') {
        const [p, q] = [Math.fround(left * Math.fround(aScale)), Math.fround(right * Math.fround(bScale))];
        return roundHalfEven(Math.fround(p + sign * q));
      }
      const moved = (value: number, { multiplier, shift }: Factor) => scaled(value << leftShift, multiplier, shift, rounding);
      return scaled((moved(left, a) + sign * moved(right, b)) | 0, y.multiplier, y.shift, rounding);
    });
  },
  lower(ctx) {
    const { subtract, leftShift, a, b, y, aScale, bScale } = ctx.attrs;
    lower(ctx, 'add_s8', { bSign: subtract ? -1 : 1, leftShift, a, b, y, aScale, bScale });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0, 1],
  tolerance: 'exact',
});

/** a · b of i8: y = yZero + round((a - aZero)(b - bZero) · factor), under numpy broadcasting. */
export const mulInt8: Op<MulInt8Attributes> = defineOp<MulInt8Attributes>({
  name: 'mulInt8',
  attrs: { ...operands, y: none, scale: 1 },
  infer,
  ref(inputs, attrs, [out]) {
    const { y, scale, rounding } = attrs;
    return reference(inputs, out as TensorType, attrs, (a, b) =>
      rounding === 'float' ? roundHalfEven(Math.fround(a * b * Math.fround(scale))) : scaled(a * b, y.multiplier, y.shift, rounding),
    );
  },
  lower(ctx) {
    const { y, scale } = ctx.attrs;
    lower(ctx, 'mul_s8', { bSign: 1, leftShift: 0, a: none, b: none, y, aScale: scale, bScale: 1 });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0, 1],
  tolerance: 'exact',
});
