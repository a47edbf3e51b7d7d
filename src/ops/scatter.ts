import { ThimbleError } from '../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { cast } from './cast.ts';
import { defineOp, expectInput, expectWords, type Op, type RefTensor } from './define.ts';
import { gather } from './gather.ts';
import { greater } from './greater.ts';
import { greaterOrEqual } from './greaterOrEqual.ts';
import { mul } from './mul.ts';
import { reshape } from './reshape.ts';

const REDUCTIONS = ['none', 'add', 'mul', 'min', 'max'] as const;

export interface ScatterAttributes {
  /** How an update is combined with what is there; `none` replaces it. */
  readonly reduction: (typeof REDUCTIONS)[number];
}

const combine = {
  none: (_: number, update: number) => update,
  add: (y: number, update: number) => y + update,
  mul: (y: number, update: number) => y * update,
  min: Math.min,
  max: Math.max,
};

/**
 * A copy of x [rows, …] (f32 or i32) whose rows at `indices` (i32 [count]) are replaced by, or combined with, the rows of `updates`
 * [count, …], one after the other. Updates with an index outside 0..rows-1 are dropped. i32 sums and products wrap.
 */
export const scatter: Op<ScatterAttributes> = defineOp<ScatterAttributes>({
  name: 'scatter',
  attrs: { reduction: 'none' },
  infer(inputs, { reduction }) {
    const { dtype, shape } = expectWords(inputs, 0);
    const indices = expectInput(inputs, 1, 'i32', 1);
    const updates = expectInput(inputs, 2, dtype);
    const expected = [...indices.shape, ...shape.slice(1)];
    if (shape.length === 0 || !sameShape(updates.shape, expected)) {
      throw new ThimbleError('SHAPE', 'updates do not fit x and its indices', {
        expected: formatShape(expected),
        got: `${formatShape(updates.shape)} for x ${formatShape(shape)}`,
      });
    }
    if (!REDUCTIONS.includes(reduction)) {
      throw new ThimbleError('UNSUPPORTED_ATTR', `reduction "${reduction}"`, { expected: REDUCTIONS.join(', ') });
    }
    return [{ dtype, shape }];
  },
  ref([x, indices, updates], { reduction }) {
    const { dtype, shape, data } = x as RefTensor;
    const [rows, inner] = [shape[0] as number, sizeOf(shape.slice(1))];
    const rounded = dtype === 'f32' ? (value: number) => value : (value: number) => value | 0;
    const step = dtype === 'i32' && reduction === 'mul' ? Math.imul : combine[reduction];
    const y = data.slice();
    (indices as RefTensor).data.forEach((row, i) => {
      if (row < 0 || row >= rows) return;
      for (let c = 0; c < inner; c++) {
        const at = row * inner + c;
        y[at] = rounded(step(y[at] as number, (updates as RefTensor).data[i * inner + c] as number));
      }
    });
    return [y];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    ctx.step(dtype === 'i32' ? 'scatter_i32' : 'scatter_f32', {
      x: ctx.in(0),
      indices: ctx.in(1),
      updates: ctx.in(2),
      y: ctx.out(),
      rows: shape[0] as number,
      inner: sizeOf(shape.slice(1)),
      count: sizeOf((ctx.inputs[1] as TensorType).shape),
      mode: REDUCTIONS.indexOf(ctx.attrs.reduction),
    });
  },
  grad({ inputs: [x, given], attrs: { reduction } }, [dy]) {
    if (reduction !== 'add') {
      throw new ThimbleError('UNSUPPORTED_ATTR', `scatter with reduction "${reduction}" has no gradient: its indices may repeat`, {
        expected: 'reduction "add"',
      });
    }
    const indices = given as Value;
    const { graph, shape } = x as Value;
    const integer = (value: number) => graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(value) });
    const isInside = mul([greaterOrEqual([indices, integer(0)]), greater([integer(shape[0] as number), indices])]);
    const mask = reshape(cast(isInside, { to: 'f32' }), { shape: [indices.shape[0] as number, ...shape.slice(1).map(() => 1)] });
    return [dy as Value, null, mul([gather([dy as Value, indices], { axis: 0 }), mask])];
  },
  inplace: [0],
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});
