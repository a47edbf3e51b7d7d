import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { keeps } from '../kernels/random.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface DropoutAttributes {
  /** Share of elements set to 0, in [0, 1). */
  readonly rate: number;
  /** Tells dropouts of one graph apart. */
  readonly salt: number;
}

/**
 * Inverted dropout (Srivastava et al. 2014): y = x / (1 - rate) where kept, else 0. Inputs: x, seed (i32 []), step (i32 []).
 * The mask is a function of seed, step, salt and position (a counter RNG), so nothing is stored for the backward pass.
 */
export const dropout: Op<DropoutAttributes> = defineOp<DropoutAttributes>({
  name: 'dropout',
  attrs: { rate: 0.5, salt: 0 },
  infer: (inputs) => [{ dtype: 'f32', shape: expectInput(inputs, 0).shape }],
  ref([x, seed, step], { rate, salt }) {
    const kept = keeps((seed as RefTensor).data[0] as number, (step as RefTensor).data[0] as number, salt, rate);
    return [(x as RefTensor).data.map((value, i) => (kept(i) ? value / (1 - rate) : 0))];
  },
  lower(ctx) {
    const length = sizeOf((ctx.inputs[0] as TensorType).shape);
    ctx.step('dropout_f32', { x: ctx.in(0), y: ctx.out(), seed: ctx.in(1), step: ctx.in(2), length, ...ctx.attrs });
  },
  grad: ({ inputs: [, seed, step], attrs }, [dy]) => [dropout([dy as Value, seed as Value, step as Value], attrs), null, null],
  inplace: [0],
  tolerance: { rtol: 1e-6, atol: 0 },
});
