import { ThimbleError } from '../core/errors.ts';
import { broadcastShapes, formatShape, type Shape, sameShape, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { broadcastStrides, broadcastTo } from './binary.ts';
import { defineOp, expectAny, type Op, type RefTensor } from './define.ts';
import { stridedCopy } from './stridedCopy.ts';
import { sumTo } from './sumTo.ts';

export interface BroadcastAttributes {
  readonly shape: Shape;
}

/** x repeated to fill `shape` (numpy rules, ONNX Expand). */
export const broadcast: Op<BroadcastAttributes> = defineOp<BroadcastAttributes>({
  name: 'broadcast',
  attrs: { shape: [] },
  infer(inputs, { shape }) {
    const { dtype, shape: from } = expectAny(inputs, 0);
    if (!sameShape(broadcastShapes(from, shape), shape)) {
      throw new ThimbleError('SHAPE', `${formatShape(from)} does not broadcast to ${formatShape(shape)}`);
    }
    return [{ dtype, shape }];
  },
  ref: ([x], { shape }) => [broadcastTo(x as RefTensor, shape)],
  lower(ctx) {
    const { shape } = ctx.attrs;
    const { dtype, shape: from } = ctx.inputs[0] as TensorType;
    stridedCopy(ctx, ctx.in(0), ctx.out(), shape, broadcastStrides(from, shape), stridesOf(shape), { dtype });
  },
  grad: ({ inputs: [x] }, [dy]) => [sumTo(dy as Value, (x as Value).shape)],
  tolerance: 'exact',
});
