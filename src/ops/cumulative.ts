import { normalizeAxis, type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectWords, type Op, type RefTensor } from './define.ts';
import { div } from './div.ts';
import { mul } from './mul.ts';

export interface CumulativeAttributes {
  readonly mode: 'sum' | 'prod';
  readonly axis: number;
  /** Element i takes what is before it, without x[i]: the first is 0 or 1. */
  readonly exclusive: boolean;
  /** From the end of the axis. */
  readonly reverse: boolean;
}

const parts = (shape: Shape, given: number) => {
  const axis = normalizeAxis(given, shape.length);
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis] as number, inner: sizeOf(shape.slice(axis + 1)) };
};

const STEPS = {
  f32: { sum: (total: number, x: number) => total + x, prod: (total: number, x: number) => total * x },
  i32: { sum: (total: number, x: number) => (total + x) | 0, prod: Math.imul },
};

/** Running sums or products of x (f32, or i32, which wraps) along `axis`. The gradient of products divides by x: it is NaN where x is 0. */
export const cumulative: Op<CumulativeAttributes> = defineOp<CumulativeAttributes>({
  name: 'cumulative',
  attrs: { mode: 'sum', axis: 0, exclusive: false, reverse: false },
  infer(inputs, { axis }) {
    const { dtype, shape } = expectWords(inputs, 0);
    normalizeAxis(axis, shape.length);
    return [{ dtype, shape }];
  },
  ref([x], { mode, axis, exclusive, reverse }) {
    const { dtype, shape, data } = x as RefTensor;
    const { outer, length, inner } = parts(shape, axis);
    const step = STEPS[dtype as 'f32' | 'i32'][mode];
    const y = new Float64Array(data.length);
    for (let column = 0; column < outer * inner; column++) {
      let total = mode === 'sum' ? 0 : 1;
      for (let i = 0; i < length; i++) {
        const at = (Math.floor(column / inner) * length + (reverse ? length - 1 - i : i)) * inner + (column % inner);
        const before = total;
        total = step(total, data[at] as number);
        y[at] = exclusive ? before : total;
      }
    }
    return [y];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const { mode, axis, exclusive, reverse } = ctx.attrs;
    ctx.step(`cumulative_${mode}_${dtype as 'f32' | 'i32'}`, {
      x: ctx.in(0),
      y: ctx.out(),
      ...parts(shape, axis),
      exclusive: exclusive ? 1 : 0,
      reverse: reverse ? 1 : 0,
    });
  },
  grad({ inputs: [x], outputs: [y], attrs }, [dy]) {
    const back = { ...attrs, mode: 'sum' as const, reverse: !attrs.reverse };
    if (attrs.mode === 'sum') return [cumulative(dy as Value, back)];
    return [div([cumulative(mul([dy as Value, y as Value]), back), x as Value])];
  },
  inplace: [0],
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});
