import { roundHalfEven } from '../core/fixedPoint.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

/** All of `data` as 8-bit numbers: (number - zero) · unit. */
export function dynamicRow(data: Float64Array): { numbers: Float64Array; unit: number; zero: number } {
  const low = data.reduce((a, b) => Math.min(a, b), 0);
  const high = data.reduce((a, b) => Math.max(a, b), 0);
  const unit = low === high ? 1 : Math.fround(Math.fround(high - low) / 255);
  const zero = roundHalfEven(Math.min(Math.max(Math.fround(-low / unit), 0), 255)) - 128;
  const numbers = data.map((value) => Math.min(Math.max(roundHalfEven(Math.fround(value / unit)) + zero, -128), 127));
  return { numbers, unit, zero };
}

/**
 * x (f32) in 8 bits with the range it has at run time (ONNX DynamicQuantizeLinear; numbers and zero point less 128): outputs x / scale + zero (i8, of
 * x's shape), scale = (max - min) / 255 (f32 []) and zero (i32 []). The range includes 0; where it is nothing but 0, the scale is 1.
 */
export const dynamicQuantizeInt8: Op = defineOp({
  name: 'dynamicQuantizeInt8',
  attrs: {},
  infer: (inputs) => [
    { dtype: 'i8', shape: expectInput(inputs, 0).shape },
    { dtype: 'f32', shape: [] },
    { dtype: 'i32', shape: [] },
  ],
  ref([x]) {
    const { numbers, unit, zero } = dynamicRow((x as RefTensor).data);
    return [numbers, Float64Array.of(unit), Float64Array.of(zero)];
  },
  lower(ctx) {
    const length = sizeOf((ctx.inputs[0] as TensorType).shape);
    ctx.step('dynamic_quantize_s8', { x: ctx.in(0), y: ctx.out(0), scale: ctx.out(1), zero: ctx.out(2), length });
  },
  grad: { none: 'whole numbers have no gradient' },
  tolerance: 'exact',
});
