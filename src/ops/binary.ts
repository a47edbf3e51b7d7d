import { bytesPerElement, type DType } from '../core/dtype.ts';
import { broadcastShapes, type Shape, sizeOf, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import type { kernels } from '../kernels/list.ts';
import { defineOp, expectInput, type GradContext, type GradRule, type Op, type RefTensor, type Tolerance } from './define.ts';
import { axes6, walks } from './strided.ts';

type BinaryKernel = { [K in keyof typeof kernels]: (typeof kernels)[K] extends 'Binary' ? K : never }[keyof typeof kernels];

/** What a binary operator does to operands of one dtype. */
export interface BinaryForm {
  readonly kernel: BinaryKernel;
  readonly f: (a: number, b: number) => number;
}

/** Forms by the dtype of both operands and the result; what is left out is refused. */
export type BinaryForms = { readonly [D in 'f32' | 'i32' | 'i8']?: BinaryForm };

export interface BinarySpec<A> {
  readonly name: string;
  readonly attrs: A;
  readonly forms: (attrs: A) => BinaryForms;
  readonly grad: GradRule<A> | { readonly none: string };
  readonly tolerance: Tolerance;
}

/** Element strides of an operand of `shape` along the axes of `out`; 0 where it repeats. */
export function broadcastStrides(shape: Shape, out: Shape): number[] {
  const strides = stridesOf(shape);
  const missing = out.length - shape.length;
  return out.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : (strides[axis - missing] as number)));
}

/** An element-wise operator of two operands of one dtype under numpy broadcasting; the result has the same dtype. */
export function defineBinary<A extends object>(spec: BinarySpec<A>): Op<A> {
  const form = ({ dtype }: TensorType, attrs: A) => spec.forms(attrs)[dtype as keyof BinaryForms] as BinaryForm;
  return defineOp<A>({
    name: spec.name,
    attrs: spec.attrs,
    infer(inputs, attrs) {
      const dtypes = Object.keys(spec.forms(attrs)) as DType[];
      const a = expectInput(inputs, 0, dtypes.find((dtype) => dtype === inputs[0]?.dtype) ?? dtypes[0]);
      return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, expectInput(inputs, 1, a.dtype).shape) }];
    },
    ref([a, b], attrs, [y]) {
      const { shape } = y as TensorType;
      const { f } = form(y as TensorType, attrs);
      const left = broadcastTo(a as RefTensor, shape);
      const right = broadcastTo(b as RefTensor, shape);
      return [left.map((value, i) => f(value, right[i] as number))];
    },
    lower(ctx) {
      const [a, b] = ctx.inputs as [TensorType, TensorType];
      const { shape } = ctx.outputs[0] as TensorType;
      const bytes = bytesPerElement(a.dtype);
      const strides = [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape), stridesOf(shape)];
      for (const walk of walks(shape, strides)) {
        const [aStrides, bStrides] = walk.strides as [number[], number[]];
        const [aStart, bStart, start] = walk.starts as [number, number, number];
        ctx.step(form(a, ctx.attrs).kernel, {
          a: ctx.in(0, bytes * aStart),
          b: ctx.in(1, bytes * bStart),
          y: ctx.out(0, bytes * start),
          ...axes6('n', walk.shape, 1),
          ...axes6('a', aStrides, 0),
          ...axes6('b', bStrides, 0),
        });
      }
    },
    grad: spec.grad,
    // An operand that repeats is smaller than the output, and the planner lends a buffer only to an output of the same size.
    inplace: [0, 1],
    tolerance: spec.tolerance,
  });
}

/** Elements of `x` repeated to fill `shape`. */
export function broadcastTo(x: RefTensor, shape: Shape): Float64Array {
  const size = sizeOf(shape);
  if (x.data.length === size) return x.data.slice();
  const result = new Float64Array(size);
  if (x.data.length === 1) return result.fill(x.data[0] as number);
  const strides = broadcastStrides(x.shape, shape);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, at = 0; i < size; i++) {
    result[i] = x.data[at] as number;
    // To the next element: axes that are at their end start again.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1;
      const stride = strides[axis] as number;
      if (next < (shape[axis] as number)) {
        index[axis] = next;
        at += stride;
        break;
      }
      index[axis] = 0;
      at -= stride * (next - 1);
    }
  }
  return result;
}

/** The parts of a binary node by name, for gradient rules. */
export const operands = ({ inputs, outputs, wants }: GradContext<unknown>, dy: Value | null | undefined) => ({
  a: inputs[0] as Value,
  b: inputs[1] as Value,
  y: outputs[0] as Value,
  dy: dy as Value,
  wants,
});
