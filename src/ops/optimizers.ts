import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, type Op } from './define.ts';
import type { Address, LowerContext } from './step.ts';

/** Parameter updates. Formulas stand with the kernels (`assembly/kernels/optimizer_f32.ts`); these state what they read and update. */

interface Update<A> {
  readonly name: string;
  readonly attrs: A;
  /** Inputs that are state and updated. */
  readonly mutates: readonly number[];
  readonly lower: (ctx: LowerContext<A>, length: number) => void;
}

const defineUpdate = <A extends object>(update: Update<A>): Op<A> =>
  defineOp<A>({
    name: update.name,
    attrs: update.attrs,
    infer: () => [],
    ref: () => [],
    lower: (ctx) => update.lower(ctx, sizeOf((ctx.inputs[0] as TensorType).shape)),
    grad: { none: 'it updates state' },
    mutates: update.mutates,
    tolerance: { rtol: 1e-5, atol: 1e-6 },
  });

const inputs = <N extends string>(ctx: LowerContext<never> | LowerContext<unknown>, ...names: readonly N[]) =>
  Object.fromEntries(names.map((name, i) => [name, i < ctx.inputs.length ? ctx.in(i) : 0])) as Record<N, Address>;

export interface SgdAttributes {
  readonly weightDecay: number;
}

/** Inputs: parameter, gradient, learningRate [], optionally scale [] (multiplies the gradient). */
export const sgdUpdate: Op<SgdAttributes> = defineUpdate<SgdAttributes>({
  name: 'sgdUpdate',
  attrs: { weightDecay: 0 },
  mutates: [0],
  lower: (ctx, length) => ctx.step('sgd_f32', { ...inputs(ctx, 'parameter', 'gradient', 'learningRate', 'scale'), length, ...ctx.attrs }),
});

export interface MomentumAttributes extends SgdAttributes {
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** Inputs: parameter, gradient, velocity, learningRate [], optionally scale []. */
export const momentumUpdate: Op<MomentumAttributes> = defineUpdate<MomentumAttributes>({
  name: 'momentumUpdate',
  attrs: { weightDecay: 0, momentum: 0.9, nesterov: false },
  mutates: [0, 2],
  lower: (ctx, length) => {
    const { weightDecay, momentum, nesterov } = ctx.attrs;
    const tensors = inputs(ctx, 'parameter', 'gradient', 'velocity', 'learningRate', 'scale');
    ctx.step('momentum_f32', { ...tensors, length, weightDecay, momentum, nesterov: nesterov ? 1 : 0 });
  },
});

export interface RmspropAttributes extends SgdAttributes {
  readonly rho: number;
  readonly epsilon: number;
}

/** Inputs: parameter, gradient, square, learningRate [], optionally scale []. */
export const rmspropUpdate: Op<RmspropAttributes> = defineUpdate<RmspropAttributes>({
  name: 'rmspropUpdate',
  attrs: { weightDecay: 0, rho: 0.9, epsilon: 1e-7 },
  mutates: [0, 2],
  lower: (ctx, length) =>
    ctx.step('rmsprop_f32', { ...inputs(ctx, 'parameter', 'gradient', 'square', 'learningRate', 'scale'), length, ...ctx.attrs }),
});

export interface AdagradAttributes extends SgdAttributes {
  readonly epsilon: number;
}

/** Inputs: parameter, gradient, square, learningRate [], optionally scale []. */
export const adagradUpdate: Op<AdagradAttributes> = defineUpdate<AdagradAttributes>({
  name: 'adagradUpdate',
  attrs: { weightDecay: 0, epsilon: 1e-7 },
  mutates: [0, 2],
  lower: (ctx, length) =>
    ctx.step('adagrad_f32', { ...inputs(ctx, 'parameter', 'gradient', 'square', 'learningRate', 'scale'), length, ...ctx.attrs }),
});

export interface AdamAttributes extends SgdAttributes {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** AdamW: weight decay apart from the gradient. */
  readonly decoupled: boolean;
}

/** Inputs: parameter, gradient, mean, square, learningRate [], step [] (i32, completed steps), optionally scale []. */
export const adamUpdate: Op<AdamAttributes> = defineUpdate<AdamAttributes>({
  name: 'adamUpdate',
  attrs: { weightDecay: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, decoupled: false },
  mutates: [0, 2, 3],
  lower: (ctx, length) => {
    const tensors = inputs(ctx, 'parameter', 'gradient', 'mean', 'square', 'learningRate', 'step', 'scale');
    ctx.step('adam_f32', { ...tensors, length, ...ctx.attrs, decoupled: ctx.attrs.decoupled ? 1 : 0 });
  },
});

/** state += 1. Input: an i32 state. */
export const increment: Op<object> = defineUpdate<object>({
  name: 'increment',
  attrs: {},
  mutates: [0],
  lower: (ctx) => ctx.step('increment_i32', { counter: ctx.in(0) }),
});

/** state += value. Inputs: an f32 state, a value of its shape. */
export const accumulate: Op<object> = defineUpdate<object>({
  name: 'accumulate',
  attrs: {},
  mutates: [0],
  lower: (ctx, length) => ctx.step('strided_add_f32', { ...line(length), x: ctx.in(1), y: ctx.in(0) }),
});

/** state = 0. Input: an f32 state. */
export const clear: Op<object> = defineUpdate<object>({
  name: 'clear',
  attrs: {},
  mutates: [0],
  lower: (ctx, length) => ctx.step('fill_f32', { y: ctx.in(0), length, value: 0 }),
});

const line = (length: number) => ({
  n0: 1,
  n1: 1,
  n2: 1,
  n3: 1,
  n4: 1,
  n5: length,
  s0: 0,
  s1: 0,
  s2: 0,
  s3: 0,
  s4: 0,
  s5: 1,
  t0: 0,
  t1: 0,
  t2: 0,
  t3: 0,
  t4: 0,
  t5: 1,
});

export interface ClipScaleAttributes {
  /** Largest allowed norm. */
  readonly limit: number;
}

/** min(1, limit / (√x + 1e-6)): the factor for global-norm clipping (Pascanu et al. 2013), from the sum of squares x []. */
export const clipScale: Op<ClipScaleAttributes> = defineOp<ClipScaleAttributes>({
  name: 'clipScale',
  attrs: { limit: 1 },
  infer: () => [{ dtype: 'f32', shape: [] }],
  ref: ([squares], { limit }) => [Float64Array.of(Math.min(1, limit / (Math.sqrt(squares?.data[0] as number) + 1e-6)))],
  lower: (ctx) => ctx.step('clip_scale_f32', { squares: ctx.in(0), y: ctx.out(), limit: ctx.attrs.limit }),
  grad: { none: 'it is part of an update' },
  tolerance: { rtol: 1e-5, atol: 1e-7 },
});
