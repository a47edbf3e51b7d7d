import { roundHalfEven, scaled } from '../core/fixedPoint.ts';
import { broadcastShapes, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { binaryInt8Scratch } from '../kernels/scratch.ts';
import { broadcastStrides, broadcastTo } from './binary.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import {
  ARITHMETICS,
  type Arithmetic,
  expectRequantization,
  offsetOf,
  type Requantization,
  requantization,
  roundingCode,
} from './requantize.ts';
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
  /** With float rounding: the steps of a, b and y, and in what ONNX Runtime computes. */
  readonly aScale: number;
  readonly bScale: number;
  readonly yScale: number;
  readonly arithmetic: Arithmetic;
}

/**
 * a + b or a - b. With float rounding differences are those of floats, and so are sums in floats, quantized when they are rounded; sums of numbers are those of
 * QLinearAdd: with r = scale / yScale, y = round(fma(a, aR, fma(b, bR, yZero - fma(aZero, aR, bZero bR)))), the zero point of y in it.
 */
export interface AddInt8Attributes extends Operands {
  /** a - b. */
  readonly subtract: boolean;
  /** TFLite's scheme: both operands are moved left by `leftShift`, scaled by `a` and `b`, added, and scaled by `y`. */
  readonly leftShift: number;
  readonly a: Factor;
  readonly b: Factor;
  readonly y: Factor;
}

/** a · b. With float rounding products of numbers are scaled by an f32, and the zero point of y is added before a result is rounded (QLinearMul). */
export interface MulInt8Attributes extends Operands {
  readonly y: Factor;
}

const operands: Operands = { ...requantization, aZero: 0, bZero: 0, aScale: 1, bScale: 1, yScale: 1, arithmetic: 'uint8' };
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

/** a · b + c, rounded once: the product of such operands is exact. */
const fused = (a: number, b: number, c: number): number => Math.fround(a * b + c);

type FloatScales = Pick<Operands, 'aScale' | 'bScale' | 'yScale'>;

/** The sum of two numbers less their zero points, less that of y. */
export function numberSum({
  aScale,
  bScale,
  yScale,
  arithmetic,
  ...zeros
}: FloatScales & Pick<Operands, 'aZero' | 'bZero' | 'yZero' | 'arithmetic'>): (a: number, b: number) => number {
  const [aRatio, bRatio] = [aScale, bScale].map((scale) => Math.fround(Math.fround(scale) / Math.fround(yScale))) as [number, number];
  const offset = offsetOf(arithmetic);
  const [aZero, bZero, yZero] = [zeros.aZero + offset, zeros.bZero + offset, zeros.yZero + offset];
  const fixed = Math.fround(yZero - fused(aZero, aRatio, Math.fround(bZero * bRatio)));
  return (a, b) => roundHalfEven(fused(a + aZero, aRatio, fused(b + bZero, bRatio, fixed))) - yZero;
}

/** A function of both as floats, in steps of y. */
export const inFloats =
  ({ aScale, bScale, yScale }: FloatScales, f: (p: number, q: number) => number) =>
  (a: number, b: number): number => {
    const [p, q] = [Math.fround(a * Math.fround(aScale)), Math.fround(b * Math.fround(bScale))];
    return roundHalfEven(Math.fround(Math.fround(f(p, q)) / Math.fround(yScale)));
  };

/** Their product, less the zero point of y. */
export function numberProduct({ aScale, bScale, yScale, yZero, arithmetic }: FloatScales & Pick<Operands, 'yZero' | 'arithmetic'>) {
  const factor = Math.fround(Math.fround(Math.fround(aScale) * Math.fround(bScale)) / Math.fround(yScale));
  const zero = yZero + offsetOf(arithmetic);
  return (a: number, b: number): number => roundHalfEven(Math.fround(Math.fround(a * b * factor) + zero)) - zero;
}

function lower(
  ctx: LowerContext<Operands>,
  kernel: 'add_s8' | 'mul_s8',
  { a, b, y, ...rest }: { a: Factor; b: Factor; y: Factor; bSign: number; leftShift: number },
): void {
  const [left, right] = ctx.inputs as [TensorType, TensorType];
  const { shape } = ctx.outputs[0] as TensorType;
  const { aZero, bZero, yZero, low, high, aScale, bScale, yScale, arithmetic } = ctx.attrs;
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
      aScale,
      bScale,
      yScale,
      yZero,
      low,
      high,
      rounding: roundingCode(ctx.attrs),
      arithmetic: ARITHMETICS.indexOf(arithmetic),
    });
  }
}

/** a + b (or a - b) of i8 with scales of their own, under numpy broadcasting; attributes say how. */
export const addInt8: Op<AddInt8Attributes> = defineOp<AddInt8Attributes>({
  name: 'addInt8',
  attrs: { ...operands, subtract: false, leftShift: 20, a: none, b: none, y: none },
  infer,
  ref(inputs, attrs, [out]) {
    const { subtract, leftShift, a, b, y, rounding, arithmetic } = attrs;
    const sign = subtract ? -1 : 1;
    const float = subtract || arithmetic === 'float' ? inFloats(attrs, (p, q) => p + sign * q) : numberSum(attrs);
    return reference(inputs, out as TensorType, attrs, (left, right) => {
      if (rounding === 'float') return float(left, right);
      const moved = (value: number, { multiplier, shift }: Factor) => scaled(value << leftShift, multiplier, shift, rounding);
      return scaled((moved(left, a) + sign * moved(right, b)) | 0, y.multiplier, y.shift, rounding);
    });
  },
  lower(ctx) {
    const { subtract, leftShift, a, b, y } = ctx.attrs;
    lower(ctx, 'add_s8', { bSign: subtract ? -1 : 1, leftShift, a, b, y });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0, 1],
  tolerance: 'exact',
});

/** a · b of i8: y = yZero + round((a - aZero)(b - bZero) · factor), under numpy broadcasting; attributes say how. */
export const mulInt8: Op<MulInt8Attributes> = defineOp<MulInt8Attributes>({
  name: 'mulInt8',
  attrs: { ...operands, y: none },
  infer,
  ref(inputs, attrs, [out]) {
    const { y, rounding, arithmetic } = attrs;
    const float = arithmetic === 'float' ? inFloats(attrs, (p, q) => p * q) : numberProduct(attrs);
    return reference(inputs, out as TensorType, attrs, (a, b) =>
      rounding === 'float' ? float(a, b) : scaled(a * b, y.multiplier, y.shift, rounding),
    );
  },
  lower(ctx) {
    lower(ctx, 'mul_s8', { bSign: 1, leftShift: 0, a: none, b: none, y: ctx.attrs.y });
  },
  grad: { none: 'it takes and gives whole numbers' },
  inplace: [0, 1],
  tolerance: 'exact',
});
