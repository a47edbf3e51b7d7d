import { normalizeAxis, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectWords, type Op, type RefTensor } from './define.ts';

export interface ArgExtremumAttributes {
  readonly axis: number;
  readonly keepDims: boolean;
}

const parts = ({ shape }: TensorType, given: number) => {
  const axis = normalizeAxis(given, shape.length);
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis] as number, inner: sizeOf(shape.slice(axis + 1)) };
};

/** The index (i32) along `axis` of the element of x (f32 or i32) that none is `better` than; the first of equals. */
export const defineArgExtremum = (name: 'argMax' | 'argMin', better: (a: number, b: number) => boolean): Op<ArgExtremumAttributes> =>
  defineOp<ArgExtremumAttributes>({
    name,
    attrs: { axis: -1, keepDims: false },
    infer(inputs, { axis: given, keepDims }) {
      const { shape } = expectWords(inputs, 0);
      const axis = normalizeAxis(given, shape.length);
      return [{ dtype: 'i32', shape: keepDims ? shape.map((extent, i) => (i === axis ? 1 : extent)) : shape.filter((_, i) => i !== axis) }];
    },
    ref([x], { axis }) {
      const { outer, length, inner } = parts(x as RefTensor, axis);
      return [
        Float64Array.from({ length: outer * inner }, (_, i) => {
          const at = (k: number) => (x as RefTensor).data[(Math.floor(i / inner) * length + k) * inner + (i % inner)] as number;
          let best = 0;
          for (let k = 1; k < length; k++) if (better(at(k), at(best))) best = k;
          return best;
        }),
      ];
    },
    lower(ctx) {
      const x = ctx.inputs[0] as TensorType;
      const kernels = name === 'argMax' ? (['argmax_i32', 'argmax_f32'] as const) : (['argmin_i32', 'argmin_f32'] as const);
      ctx.step(kernels[x.dtype === 'i32' ? 0 : 1], { x: ctx.in(0), y: ctx.out(), ...parts(x, ctx.attrs.axis), divisor: 1 });
    },
    grad: { none: 'an index has no slope' },
    tolerance: 'exact',
  });
