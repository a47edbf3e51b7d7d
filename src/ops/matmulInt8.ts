import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { matmulInt8Scratch } from '../kernels/scratch.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { type MatmulAttributes, productFields, productReference, productShape } from './matmul.ts';
import { expectFactors, expectRequantization, type Requantization, requantization, requantized } from './requantize.ts';

export interface MatmulInt8Attributes extends Omit<MatmulAttributes, 'alpha'>, Omit<Requantization, 'rounding'> {
  readonly aZero: number;
  readonly bZero: number;
}

const { rounding: _rounding, ...limits } = requantization;
const floats = { rounding: 'float' } as const;

/**
 * `matmul` of two i8 that are both computed: y = round(Σ (a - aZero)(b - bZero) · scale) + yZero, within low..high. Inputs: a, b, and the scale (f32 [1]),
 * that of both operands over that of y.
 */
export const matmulInt8: Op<MatmulInt8Attributes> = defineOp<MatmulInt8Attributes>({
  name: 'matmulInt8',
  attrs: { transposeA: false, transposeB: false, aZero: 0, bZero: 0, ...limits },
  infer(inputs, attrs) {
    const operands = [expectInput(inputs, 0, 'i8'), expectInput(inputs, 1, 'i8')];
    for (const yZero of [attrs.aZero, attrs.bZero, attrs.yZero]) expectRequantization({ ...attrs, ...floats, yZero });
    expectFactors(inputs, 2, 1, { ...attrs, ...floats });
    return [{ dtype: 'i8', shape: productShape(operands, attrs) }];
  },
  ref([a, b, scale], attrs, [y]) {
    const less = (x: RefTensor | undefined, zero: number) => ({ ...(x as RefTensor), data: (x as RefTensor).data.map((v) => v - zero) });
    const sums = productReference([less(a, attrs.aZero), less(b, attrs.bZero)], attrs, (y as TensorType).shape);
    return [requantized(sums, 1, [scale as RefTensor], { ...attrs, ...floats })];
  },
  lower(ctx) {
    const fields = productFields(ctx);
    const { blockRows, ...scratch } = matmulInt8Scratch(fields.rows, fields.columns, fields.depth, ctx.small);
    const { aZero, bZero, yZero, low, high } = ctx.attrs;
    ctx.step('matmul_s8_batched', {
      a: ctx.in(0),
      b: ctx.in(1),
      scale: ctx.in(2),
      y: ctx.out(),
      panels: ctx.scratch(scratch.panels),
      product: ctx.scratch(scratch.product),
      table: ctx.scratch(scratch.table),
      band: ctx.scratch(scratch.band),
      sums: ctx.scratch(scratch.sums),
      biases: ctx.scratch(scratch.biases),
      ...fields,
      aZero,
      bZero,
      yZero,
      low,
      high,
      blockRows,
    });
  },
  grad: { none: 'it takes and gives whole numbers' },
  macs: ([a], { transposeA }, [y]) => sizeOf((y as TensorType).shape) * ((a as TensorType).shape.at(transposeA ? -2 : -1) as number),
  tolerance: 'exact',
});
