import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, type Op, type RefTensor } from './define.ts';

export interface ReshapeAttributes {
  /** The new extents; one may be -1 and takes what is left. */
  readonly shape: Shape;
}

/** The same elements (of any dtype) in row-major order under another shape; shares memory. */
export const reshape: Op<ReshapeAttributes> = defineOp<ReshapeAttributes>({
  name: 'reshape',
  attrs: { shape: [] },
  infer([x], { shape }) {
    const { dtype, shape: from } = x as TensorType;
    const known = shape.filter((extent) => extent !== -1);
    const rest = sizeOf(from) / sizeOf(known);
    const to = shape.map((extent) => (extent === -1 ? rest : extent));
    if (shape.length - known.length > 1 || to.some((extent) => !Number.isInteger(extent)) || sizeOf(to) !== sizeOf(from)) {
      throw new ThimbleError('SHAPE', `cannot reshape ${formatShape(from)} to ${formatShape(shape)}`, {
        expected: `${sizeOf(from)} elements`,
      });
    }
    return [{ dtype, shape: to }];
  },
  ref: ([x]) => [(x as RefTensor).data.slice()],
  lower() {},
  view: true,
  grad: ({ inputs: [x] }, [dy]) => [reshape(dy as Value, { shape: (x as Value).shape })],
  tolerance: 'exact',
});
