import { normalizeAxis, type Shape, sizeOf, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { kernels } from '../kernels/list.ts';
import { defineOp, expectInput, expectWords, type GradRule, type Op, type RefTensor, type Tolerance } from './define.ts';
import type { Address } from './step.ts';

export interface ReduceAttributes {
  /** Axes to reduce, negative from the back; all where left out (null). */
  readonly axes: readonly number[] | null;
  /** Keep the reduced axes with extent 1. */
  readonly keepDims: boolean;
}

type ReduceKernel = { [K in keyof typeof kernels]: (typeof kernels)[K] extends 'Reduce' ? K : never }[keyof typeof kernels];

export interface ReduceSpec {
  readonly name: string;
  readonly kernel: ReduceKernel;
  /** Kernel for all but the first of several passes; the kernel itself where left out. */
  readonly next?: ReduceKernel;
  readonly start: number;
  readonly f: (accumulated: number, x: number) => number;
  /** Divides the result; `count` elements went into it. */
  readonly divisor?: (count: number) => number;
  /** The same on i32, which is refused where it is left out. */
  readonly i32?: { readonly kernel: ReduceKernel; readonly start: number; readonly f: (accumulated: number, x: number) => number };
  readonly grad: GradRule<ReduceAttributes>;
  readonly tolerance: Tolerance;
}

/** The reduced axes of `shape`, ascending. */
export const reducedAxes = (shape: Shape, axes: readonly number[] | null): number[] =>
  axes === null ? shape.map((_, i) => i) : [...new Set(axes.map((axis) => normalizeAxis(axis, shape.length)))].sort((a, b) => a - b);

/** `shape` with `axes` removed, or of extent 1. */
export function reducedShape(shape: Shape, axes: readonly number[] | null, keepDims: boolean): number[] {
  const gone = new Set(reducedAxes(shape, axes));
  return keepDims ? shape.map((extent, i) => (gone.has(i) ? 1 : extent)) : shape.filter((_, i) => !gone.has(i));
}

/** Runs of neighbouring axes of `axes`, last run first: each is one [outer, length, inner] pass. */
function runs(axes: readonly number[]): { first: number; end: number }[] {
  const found: { first: number; end: number }[] = [];
  for (const axis of [...axes].reverse()) {
    const run = found.at(-1);
    if (run && run.first === axis + 1) run.first = axis;
    else found.push({ first: axis, end: axis + 1 });
  }
  return found;
}

/** A reduction of f32, and where the spec has a form for it of i32, over some axes. */
export function defineReduce(spec: ReduceSpec): Op<ReduceAttributes> {
  return defineOp<ReduceAttributes>({
    name: spec.name,
    attrs: { axes: null, keepDims: false },
    infer(inputs, { axes, keepDims }) {
      const { dtype, shape } = spec.i32 ? expectWords(inputs, 0) : expectInput(inputs, 0);
      return [{ dtype, shape: reducedShape(shape, axes, keepDims) }];
    },
    ref([x], { axes }) {
      const { dtype, shape, data } = x as RefTensor;
      const { start, f } = dtype === 'i32' && spec.i32 ? spec.i32 : spec;
      const kept = reducedShape(shape, axes, true);
      const strides = stridesOf(kept).map((stride, i) => (kept[i] === 1 ? 0 : stride));
      const from = stridesOf(shape);
      const result = new Float64Array(sizeOf(kept)).fill(start);
      data.forEach((value, i) => {
        const at = strides.reduce(
          (sum, stride, axis) => sum + stride * (Math.floor(i / (from[axis] as number)) % (shape[axis] as number)),
          0,
        );
        result[at] = f(result[at] as number, value);
      });
      const divisor = spec.divisor?.(sizeOf(shape) / Math.max(1, sizeOf(kept))) ?? 1;
      return [result.map((value) => value / divisor)];
    },
    lower(ctx) {
      const { dtype, shape } = ctx.inputs[0] as TensorType;
      const passes = runs(reducedAxes(shape, ctx.attrs.axes));
      if (passes.length === 0) passes.push({ first: 0, end: 0 });
      const current = [...shape];
      let x = ctx.in(0);
      let count = 1;
      passes.forEach(({ first, end }, i) => {
        const outer = sizeOf(current.slice(0, first));
        const length = sizeOf(current.slice(first, end));
        const inner = sizeOf(current.slice(end));
        count *= length;
        const last = i === passes.length - 1;
        const y = last ? ctx.out() : (ctx.scratch(outer * inner * 4) as Address);
        const own = dtype === 'i32' && spec.i32 ? spec.i32.kernel : spec.kernel;
        const kernel = i > 0 ? (spec.next ?? own) : own;
        if (outer * inner > 0) ctx.step(kernel, { x, y, outer, length, inner, divisor: last ? (spec.divisor?.(count) ?? 1) : 1 });
        current.splice(first, end - first, ...new Array<number>(end - first).fill(1));
        x = y;
      });
    },
    grad: spec.grad,
    tolerance: spec.tolerance,
  });
}
