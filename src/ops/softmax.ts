import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

const rowsAndColumns = ({ shape }: TensorType) => ({ rows: sizeOf(shape.slice(0, -1)), columns: shape.at(-1) ?? 1 });

/** Applies `f` to each row of the last axis. */
export function mapRows(x: RefTensor, f: (row: Float64Array, index: number) => ArrayLike<number>): Float64Array {
  const { rows, columns } = rowsAndColumns(x);
  const y = new Float64Array(x.data.length);
  for (let i = 0; i < rows; i++) y.set(f(x.data.subarray(i * columns, (i + 1) * columns), i), i * columns);
  return y;
}

/** ln Σ e^x of a row. */
export function logSumExp(row: Float64Array): number {
  const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

interface SoftmaxForm {
  readonly name: 'softmax' | 'logSoftmax';
  readonly kernel: 'softmax_f32' | 'log_softmax_f32';
  readonly f: (x: number, logSum: number) => number;
  readonly slope: (y: number, dy: number, dot: number, sum: number) => number;
}

function define(form: SoftmaxForm): { forward: Op<object>; backward: Op<object> } {
  const backward = defineOp<object>({
    name: `${form.name}Grad`,
    attrs: {},
    infer: (inputs) => [{ dtype: 'f32', shape: expectInput(inputs, 0).shape }],
    ref([y, dy]) {
      const { columns } = rowsAndColumns(y as RefTensor);
      return [
        mapRows(y as RefTensor, (row, i) => {
          const g = (dy as RefTensor).data.subarray(i * columns, (i + 1) * columns);
          const dot = row.reduce((sum, value, j) => sum + value * (g[j] as number), 0);
          const sum = g.reduce((a, b) => a + b, 0);
          return row.map((value, j) => form.slope(value, g[j] as number, dot, sum));
        }),
      ];
    },
    lower(ctx) {
      ctx.step(`${form.kernel}_grad`, { y: ctx.in(0), dy: ctx.in(1), dx: ctx.out(), ...rowsAndColumns(ctx.inputs[0] as TensorType) });
    },
    grad: { none: 'second derivatives are not supported' },
    inplace: [1],
    tolerance: { rtol: 1e-4, atol: 1e-6 },
  });
  const forward = defineOp<object>({
    name: form.name,
    attrs: {},
    infer: (inputs) => [{ dtype: 'f32', shape: expectInput(inputs, 0).shape }],
    ref: ([x]) => [
      mapRows(x as RefTensor, (row) => {
        const logSum = logSumExp(row);
        return row.map((value) => form.f(value, logSum));
      }),
    ],
    lower(ctx) {
      ctx.step(form.kernel, { x: ctx.in(0), y: ctx.out(), ...rowsAndColumns(ctx.inputs[0] as TensorType) });
    },
    grad: ({ outputs: [y] }, [dy]) => [backward([y as Value, dy as Value])],
    inplace: [0],
    tolerance: { rtol: 1e-5, atol: 1e-6 },
  });
  return { forward, backward };
}

const plain = define({
  name: 'softmax',
  kernel: 'softmax_f32',
  f: (x, logSum) => Math.exp(x - logSum),
  slope: (y, dy, dot) => y * (dy - dot),
});
const logarithmic = define({
  name: 'logSoftmax',
  kernel: 'log_softmax_f32',
  f: (x, logSum) => x - logSum,
  slope: (y, dy, _, sum) => dy - Math.exp(y) * sum,
});

/** y = e^x / Σ e^x over the last axis. */
export const softmax: Op<object> = plain.forward;
/** dx = y (dy - Σ y dy). Inputs: y, dy. */
export const softmaxGrad: Op<object> = plain.backward;
/** y = x - ln Σ e^x over the last axis. */
export const logSoftmax: Op<object> = logarithmic.forward;
/** dx = dy - e^y Σ dy. Inputs: y, dy. */
export const logSoftmaxGrad: Op<object> = logarithmic.backward;
