import { ThimbleError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import { byteLength, type TensorType } from '../core/tensor.ts';
import { defineOp, type Op } from './define.ts';

/** Writes a value to state. Inputs: the state, the value of the same type. */
export const assign: Op<object> = defineOp({
  name: 'assign',
  attrs: {},
  infer([state, value]) {
    const [to, from] = [state as TensorType, value as TensorType];
    if (from.dtype !== to.dtype)
      throw new ThimbleError('DTYPE', 'the value does not fit the state', { expected: to.dtype, got: from.dtype });
    if (!sameShape(from.shape, to.shape))
      throw new ThimbleError('SHAPE', 'the value does not fit the state', {
        expected: formatShape(to.shape),
        got: formatShape(from.shape),
      });
    return [];
  },
  ref: () => [],
  lower(ctx) {
    ctx.step('copy_bytes', { x: ctx.in(1), y: ctx.in(0), bytes: byteLength(ctx.inputs[0] as TensorType) });
  },
  grad: { none: 'it updates state' },
  mutates: [0],
  tolerance: 'exact',
});
