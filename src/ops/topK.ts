import { ThimbleError } from '../core/errors.ts';
import { formatShape, normalizeAxis, type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import { defineOp, expectWords, type Op, type RefTensor } from './define.ts';
import { mul } from './mul.ts';
import { compare } from './order.ts';
import { reshape } from './reshape.ts';
import { scatter } from './scatter.ts';

export interface TopKAttributes {
  readonly k: number;
  readonly axis: number;
  /** The largest elements, else the smallest. */
  readonly largest: boolean;
}

const parts = (shape: Shape, given: number) => {
  const axis = normalizeAxis(given, shape.length);
  return { outer: sizeOf(shape.slice(0, axis)), length: shape[axis] as number, inner: sizeOf(shape.slice(axis + 1)) };
};

/**
 * The k largest or smallest elements of x (f32 or i32) along `axis`, in order, and their indexes (i32). Of equal elements the one with the lower
 * index comes first; NaN counts as larger than all numbers.
 */
export const topK: Op<TopKAttributes> = defineOp<TopKAttributes>({
  name: 'topK',
  attrs: { k: 1, axis: -1, largest: true },
  infer(inputs, { k, axis: given }) {
    const { dtype, shape } = expectWords(inputs, 0);
    const axis = normalizeAxis(given, shape.length);
    if (!Number.isInteger(k) || k < 0 || k > (shape[axis] as number)) {
      throw new ThimbleError('SHAPE', `cannot take ${k} elements of axis ${axis} of ${formatShape(shape)}`, {
        expected: `k from 0 to ${shape[axis]}`,
        got: String(k),
      });
    }
    const to = shape.map((extent, i) => (i === axis ? k : extent));
    return [
      { dtype, shape: to },
      { dtype: 'i32', shape: to },
    ];
  },
  ref([x], { k, axis, largest }) {
    const { shape, data } = x as RefTensor;
    const { outer, length, inner } = parts(shape, axis);
    const values = new Float64Array(outer * k * inner);
    const indices = new Float64Array(values.length);
    for (let o = 0; o < outer; o++) {
      for (let c = 0; c < inner; c++) {
        const element = (i: number) => data[(o * length + i) * inner + c] as number;
        const rows = Array.from({ length }, (_, i) => i).sort((a, b) => compare(element(a), element(b)) * (largest ? -1 : 1) || a - b);
        for (const [i, row] of rows.slice(0, k).entries()) {
          values[(o * k + i) * inner + c] = element(row);
          indices[(o * k + i) * inner + c] = row;
        }
      }
    }
    return [values, indices];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const { k, axis, largest } = ctx.attrs;
    const size = parts(shape, axis);
    ctx.step(dtype === 'i32' ? 'top_k_i32' : 'top_k_f32', {
      x: ctx.in(0),
      values: ctx.out(0),
      indices: ctx.out(1),
      scratch: ctx.scratch(3 * 4 * size.length),
      ...size,
      k,
      largest: largest ? 1 : 0,
    });
  },
  grad({ inputs: [x], outputs: [, indices], attrs: { k, axis } }, [dy]) {
    const { graph, shape } = x as Value;
    const { outer, length, inner } = parts(shape, axis);
    const integers = (data: readonly number[], of: Shape) => graph.constant({ dtype: 'i32', shape: of, data: Int32Array.from(data) });
    const rows = mul([reshape(indices as Value, { shape: [outer, k, inner] }), integers([inner], [])]);
    const columns = integers(
      Array.from({ length: outer * inner }, (_, i) => Math.floor(i / inner) * length * inner + (i % inner)),
      [outer, 1, inner],
    );
    const zeros = graph.constant({ dtype: 'f32', shape: [sizeOf(shape)], data: new Float32Array(sizeOf(shape)) });
    const places = reshape(add([rows, columns]), { shape: [-1] });
    const dx = scatter([zeros, places, reshape(dy as Value, { shape: [-1] })], { reduction: 'add' });
    return [reshape(dx, { shape })];
  },
  tolerance: 'exact',
});
