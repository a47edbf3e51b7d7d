import { broadcastShapes, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { broadcastStrides, broadcastTo } from './binary.ts';
import { defineOp, expectInput, expectWords, type Op } from './define.ts';
import { axes6, walks } from './strided.ts';
import { sumTo } from './sumTo.ts';

/** condition ? a : b, with broadcasting of all three. Inputs: condition (i32, true where not 0), a, b (both f32 or both i32). */
export const where: Op<object> = defineOp<object>({
  name: 'where',
  attrs: {},
  infer(inputs) {
    const condition = expectInput(inputs, 0, 'i32');
    const a = expectWords(inputs, 1);
    const b = expectInput(inputs, 2, a.dtype);
    return [{ dtype: a.dtype, shape: broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape)) }];
  },
  ref(inputs, _, [y]) {
    const [condition, a, b] = inputs.map((x) => broadcastTo(x, (y as TensorType).shape)) as [Float64Array, Float64Array, Float64Array];
    return [a.map((value, i) => (condition[i] !== 0 ? value : (b[i] as number)))];
  },
  lower(ctx) {
    const { shape } = ctx.outputs[0] as TensorType;
    const strides = ctx.inputs.map((x) => broadcastStrides(x.shape, shape));
    for (const walk of walks(shape, [...strides, stridesOf(shape)])) {
      const [c, a, b] = walk.strides as [number[], number[], number[]];
      const [cStart, aStart, bStart, start] = walk.starts as [number, number, number, number];
      ctx.step('where', {
        condition: ctx.in(0, 4 * cStart),
        a: ctx.in(1, 4 * aStart),
        b: ctx.in(2, 4 * bStart),
        y: ctx.out(0, 4 * start),
        ...axes6('n', walk.shape, 1),
        ...axes6('c', c, 0),
        ...axes6('a', a, 0),
        ...axes6('b', b, 0),
      });
    }
  },
  grad({ inputs: [condition, a, b], wants }, [dy]) {
    const zero = (dy as Value).graph.scalar(0);
    const toA = () => where([condition as Value, dy as Value, zero]);
    const toB = () => where([condition as Value, zero, dy as Value]);
    return [null, wants[1] ? sumTo(toA(), (a as Value).shape) : null, wants[2] ? sumTo(toB(), (b as Value).shape) : null];
  },
  inplace: [1, 2, 0],
  tolerance: 'exact',
});
