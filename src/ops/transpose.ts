import { ThimbleError } from '../core/errors.ts';
import { type Shape, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectAny, type Op, type RefTensor } from './define.ts';
import { gatherStrided } from './slice.ts';
import { stridedCopy } from './stridedCopy.ts';

export interface TransposeAttributes {
  /** Axis i of the output is axis perm[i] of the input; reversed where left out (empty). */
  readonly perm: readonly number[];
}

const permutation = (perm: readonly number[], rank: number): readonly number[] =>
  perm.length ? perm : Array.from({ length: rank }, (_, i) => rank - 1 - i);

/** Permutes axes of x. */
export const transpose: Op<TransposeAttributes> = defineOp<TransposeAttributes>({
  name: 'transpose',
  attrs: { perm: [] },
  infer(inputs, attrs) {
    const { dtype, shape } = expectAny(inputs, 0);
    const perm = permutation(attrs.perm, shape.length);
    if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i) || perm.length !== shape.length) {
      throw new ThimbleError('SHAPE', `perm [${perm}] is not a permutation of ${shape.length} axes`);
    }
    return [{ dtype, shape: perm.map((axis) => shape[axis] as number) }];
  },
  ref([x], attrs, [y]) {
    const { shape, data } = x as RefTensor;
    const strides = stridesOf(shape);
    return [
      gatherStrided(
        data,
        (y as TensorType).shape,
        permutation(attrs.perm, shape.length).map((axis) => strides[axis] as number),
      ),
    ];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const out: Shape = (ctx.outputs[0] as TensorType).shape;
    const strides = stridesOf(shape);
    stridedCopy(
      ctx,
      ctx.in(0),
      ctx.out(),
      out,
      permutation(ctx.attrs.perm, shape.length).map((axis) => strides[axis] as number),
      stridesOf(out),
      { dtype },
    );
  },
  grad({ inputs: [x], attrs }, [dy]) {
    const perm = permutation(attrs.perm, (x as Value).shape.length);
    return [transpose(dy as Value, { perm: perm.map((_, axis) => perm.indexOf(axis)) })];
  },
  tolerance: 'exact',
});
