import type { DType } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import { byteLength, type TensorType } from '../core/tensor.ts';
import { producer, type Value } from '../ir/graph.ts';
import type { kernels } from '../kernels/list.ts';
import { defineOp, type Op, type RefTensor } from './define.ts';

export interface CastAttributes {
  readonly to: DType;
  /** x is in f32 and holds whole numbers only: cast back, they are x. */
  readonly whole: boolean;
}

type CastKernel = { [K in keyof typeof kernels]: (typeof kernels)[K] extends 'Cast' ? K : never }[keyof typeof kernels];

/** Kernels by source and target; the bytes stay as they are where there is none. */
const KERNELS: Readonly<Record<DType, Partial<Record<DType, CastKernel>>>> = {
  f32: { i32: 'cast_f32_i32', i8: 'cast_f32_u8', u8: 'cast_f32_u8', bool: 'cast_f32_bool' },
  i32: { f32: 'cast_i32_f32', i8: 'cast_i32_u8', u8: 'cast_i32_u8', bool: 'cast_i32_bool' },
  i8: { f32: 'cast_i8_f32', i32: 'cast_i8_i32', bool: 'cast_u8_bool' },
  u8: { f32: 'cast_u8_f32', i32: 'cast_u8_i32', bool: 'cast_u8_bool' },
  bool: { f32: 'cast_u8_f32', i32: 'cast_u8_i32' },
};

const truncate = (x: number): number => (Number.isNaN(x) ? 0 : Math.max(-(2 ** 31), Math.min(Math.trunc(x), 2 ** 31 - 1)));

const convert: Readonly<Record<DType, (x: number) => number>> = {
  f32: (x) => x,
  i32: truncate,
  i8: (x) => (truncate(x) << 24) >> 24,
  u8: (x) => truncate(x) & 255,
  bool: (x) => (x === 0 ? 0 : 1),
};

/**
 * x as another dtype. f32 to integers truncates and saturates at the limits of i32, NaN gives 0; i8 and u8 take the low 8 bits of that;
 * bool is 1 where x is not 0.
 */
export const cast: Op<CastAttributes> = defineOp<CastAttributes>({
  name: 'cast',
  attrs: { to: 'f32', whole: false },
  infer: ([x], { to }) => [{ dtype: to, shape: (x as TensorType).shape }],
  ref: ([x], { to }) => [(x as RefTensor).data.map(convert[to])],
  lower(ctx) {
    const [x] = ctx.inputs as [TensorType];
    const kernel = KERNELS[x.dtype][ctx.attrs.to];
    if (kernel) ctx.step(kernel, { x: ctx.in(0), y: ctx.out(), length: sizeOf(x.shape) });
    else ctx.step('copy_bytes', { x: ctx.in(0), y: ctx.out(), bytes: byteLength(x) });
  },
  grad: ({ inputs: [x] }, [dy]) => [x?.dtype === 'f32' ? (dy ?? null) : null],
  inplace: [0],
  tolerance: 'exact',
});

/** The whole numbers in f32 that `value` was cast from. */
export function wholeFloats(value: Value): Value | undefined {
  const node = producer(value);
  return node?.op === 'cast' && node.attrs.whole ? node.inputs[0] : undefined;
}
