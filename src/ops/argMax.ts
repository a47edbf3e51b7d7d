import { normalizeAxis, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface ArgMaxAttributes {
  readonly axis: number;
  readonly keepDims: boolean;
}

const parts = ({ shape }: TensorType, given: number) => {
  const axis = normalizeAxis(given, shape.length);
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis] as number, inner: sizeOf(shape.slice(axis + 1)) };
};

/** Index (i32) of the largest element along `axis`; the first of equals. */
export const argMax: Op<ArgMaxAttributes> = defineOp<ArgMaxAttributes>({
  name: 'argMax',
  attrs: { axis: -1, keepDims: false },
  infer(inputs, { axis: given, keepDims }) {
    const { shape } = expectInput(inputs, 0);
    const axis = normalizeAxis(given, shape.length);
    return [{ dtype: 'i32', shape: keepDims ? shape.map((extent, i) => (i === axis ? 1 : extent)) : shape.filter((_, i) => i !== axis) }];
  },
  ref([x], { axis }) {
    const { outer, length, inner } = parts(x as RefTensor, axis);
    return [
      Float64Array.from({ length: outer * inner }, (_, i) => {
        const at = (k: number) => (x as RefTensor).data[(Math.floor(i / inner) * length + k) * inner + (i % inner)] as number;
        let best = 0;
        for (let k = 1; k < length; k++) if (at(k) > at(best)) best = k;
        return best;
      }),
    ];
  },
  lower(ctx) {
    ctx.step('argmax_f32', { x: ctx.in(0), y: ctx.out(), ...parts(ctx.inputs[0] as TensorType, ctx.attrs.axis), scale: 1 });
  },
  grad: { none: 'an index has no slope' },
  tolerance: 'exact',
});
