import type { Value } from '../ir/graph.ts';
import type { KernelName } from '../kernels/list.ts';
import { defineOp, expectInput, type GradRule, type Op, type RefTensor, type Tolerance } from './define.ts';

/** The alpha and beta of a kernel's record, from the operator's attributes. */
export type UnaryCoefficients<A> = (attrs: A) => { readonly alpha?: number; readonly beta?: number };

/** Kernels that take a record of the given shape. */
type KernelOf<R> = { [K in KernelName]: typeof import('../kernels/list.ts').kernels[K] extends R ? K : never }[KernelName];
export type UnaryKernel = KernelOf<'Unary'>;
export type UnaryGradKernel = KernelOf<'UnaryGrad'>;

export interface UnarySpec<A> {
  readonly name: string;
  readonly attrs: A;
  readonly kernel: UnaryKernel;
  /** f(x) in float64. */
  readonly f: (x: number, attrs: A) => number;
  readonly coefficients?: UnaryCoefficients<A>;
  readonly grad: GradRule<A> | { readonly none: string };
  readonly tolerance: Tolerance;
  /** The result's dtype: f32 where left out. */
  readonly result?: 'f32' | 'i32';
}

const noCoefficients = (): { alpha?: number; beta?: number } => ({});

/** An element-wise operator of one f32 operand: y[i] = f(x[i]). */
export function defineUnary<A extends object>(spec: UnarySpec<A>): Op<A> {
  const coefficients = spec.coefficients ?? noCoefficients;
  return defineOp<A>({
    name: spec.name,
    attrs: spec.attrs,
    infer: (inputs) => [{ dtype: spec.result ?? 'f32', shape: expectInput(inputs, 0).shape }],
    ref: ([x], attrs) => [(x as RefTensor).data.map((value) => spec.f(value, attrs))],
    lower(ctx) {
      const { alpha = 0, beta = 0 } = coefficients(ctx.attrs);
      ctx.step(spec.kernel, { x: ctx.in(0), y: ctx.out(), length: elements(ctx.outputs), alpha, beta });
    },
    grad: spec.grad,
    inplace: [0],
    tolerance: spec.tolerance,
  });
}

export interface UnaryGradSpec<A> {
  readonly name: string;
  readonly attrs: A;
  readonly kernel: UnaryGradKernel;
  /** dx from (x or y, dy), in float64. */
  readonly f: (x: number, dy: number, attrs: A) => number;
  readonly coefficients?: UnaryCoefficients<A>;
  readonly tolerance: Tolerance;
}

/** The backward operator of an element-wise one: dx[i] = g(x[i]) dy[i], where x is the forward operator's input or its output. */
export function defineUnaryGrad<A extends object>(spec: UnaryGradSpec<A>): Op<A> {
  const coefficients = spec.coefficients ?? noCoefficients;
  return defineOp<A>({
    name: spec.name,
    attrs: spec.attrs,
    infer: (inputs) => [{ dtype: 'f32', shape: expectInput(inputs, 0).shape }],
    ref: ([x, dy], attrs) => [(x as RefTensor).data.map((value, i) => spec.f(value, (dy as RefTensor).data[i] as number, attrs))],
    lower(ctx) {
      const { alpha = 0, beta = 0 } = coefficients(ctx.attrs);
      ctx.step(spec.kernel, { x: ctx.in(0), dy: ctx.in(1), dx: ctx.out(), length: elements(ctx.outputs), alpha, beta });
    },
    grad: { none: 'second derivatives are not supported' },
    inplace: [1, 0],
    tolerance: spec.tolerance,
  });
}

const elements = (outputs: readonly { shape: readonly number[] }[]): number => (outputs[0]?.shape ?? []).reduce((a, b) => a * b, 1);

/** A gradient rule that hands the forward operator's input (or output) and dy to `backward`. */
export const gradFrom =
  <A extends object>(source: 'input' | 'output', backward: () => Op<A>): GradRule<A> =>
  ({ inputs, outputs, attrs }, [dy]) => [backward()([(source === 'input' ? inputs[0] : outputs[0]) as Value, dy as Value], attrs)];
