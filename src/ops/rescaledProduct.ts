import { scaledWide } from '../core/fixedPoint.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Factor } from './arithmeticInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface RescaledProductAttributes extends Factor {
  readonly zero: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Products down the columns of x [rows, columns] (i32, 17 bits at the most; one row or more): i32 [columns]. What one row leaves is multiplied by the next
 * and by the factor, the last by the factor alone (TFLite QuantizedReduceProd); then zero is added, and it is limited.
 */
export const rescaledProduct: Op<RescaledProductAttributes> = defineOp<RescaledProductAttributes>({
  name: 'rescaledProduct',
  attrs: { multiplier: 2 ** 30, shift: 1, zero: 0, low: -32768, high: 32767 },
  infer(inputs) {
    const { shape } = expectInput(inputs, 0, 'i32');
    if (shape.length !== 2 || !((shape[0] as number) >= 1)) throw new RangeError(`products down the columns of [${shape}]`);
    return [{ dtype: 'i32', shape: [shape[1] as number] }];
  },
  ref([x], { multiplier, shift, zero, low, high }) {
    const { shape, data } = x as RefTensor;
    const [rows, columns] = shape as [number, number];
    const y = new Float64Array(columns);
    for (let c = 0; c < columns; c++) {
      let total = data[c] as number;
      for (let row = 1; row < rows; row++) total = scaledWide(total * (data[row * columns + c] as number), multiplier, shift) | 0;
      y[c] = Math.min(Math.max((scaledWide(total, multiplier, shift) | 0) + zero, low), high);
    }
    return [y];
  },
  lower(ctx) {
    const [rows, columns] = (ctx.inputs[0] as TensorType).shape as [number, number];
    ctx.step('rescaled_product_i32', { x: ctx.in(0), y: ctx.out(), rows, columns, ...ctx.attrs });
  },
  grad: { none: 'it takes and gives whole numbers' },
  tolerance: 'exact',
});
