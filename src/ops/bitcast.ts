import type { DType } from '../core/dtype.ts';
import { byteLength, type TensorType } from '../core/tensor.ts';
import { defineOp, expectWords, type Op, type RefTensor } from './define.ts';

export interface BitcastAttributes {
  readonly to: Extract<DType, 'f32' | 'i32'>;
}

/** The bits of x (f32 or i32) read as `to`. A NaN is the same NaN only where the graph computes it, not where it is folded. */
export const bitcast: Op<BitcastAttributes> = defineOp<BitcastAttributes>({
  name: 'bitcast',
  attrs: { to: 'f32' },
  infer: (inputs, { to }) => [{ dtype: to, shape: expectWords(inputs, 0).shape }],
  ref([x], { to }) {
    const { dtype, data } = x as RefTensor;
    const { buffer } = dtype === 'i32' ? Int32Array.from(data) : Float32Array.from(data);
    return [Float64Array.from(to === 'i32' ? new Int32Array(buffer) : new Float32Array(buffer))];
  },
  lower(ctx) {
    ctx.step('copy_bytes', { x: ctx.in(0), y: ctx.out(), bytes: byteLength(ctx.inputs[0] as TensorType) });
  },
  grad: { none: 'bits have no derivative' },
  inplace: [0],
  tolerance: 'exact',
});
