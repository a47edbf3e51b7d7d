import { allocate, type TypedArray } from '../core/dtype.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';

/**
 * How the logical tensor a user sees is laid out in memory. `rows` is the layout of the shape itself; `panels` is the packed form of a
 * matrix product's right-hand side (see `ops/panels.ts`): a permutation plus zero padding, so optimizers update it in place.
 */
export type Layout = { readonly kind: 'rows' } | { readonly kind: 'panels'; readonly groups: number };

/**
 * A tensor that outlives a method call: a parameter, an optimizer moment, a running statistic, a counter. Graphs of one program that use
 * the same `Variable` object share its memory.
 */
export interface Variable extends TensorType {
  readonly name: string;
  /** What it is for; `parameter` is what optimizers may update. */
  readonly role: 'parameter' | 'statistic' | 'moment' | 'counter' | 'stream';
  readonly layout: Layout;
  /** The shape the user sees. `shape` is the one in memory; equal for layout `rows`. */
  readonly logicalShape: Shape;
  /** The first contents, in memory layout; computed when a program is built. */
  readonly initial: () => TypedArray;
}

/** What a model remembers from call to call; zeros at first where `initial` is left out. */
export function stream(name: string, { dtype, shape }: TensorType, initial?: () => TypedArray): Variable {
  return {
    name,
    dtype,
    shape,
    role: 'stream',
    layout: { kind: 'rows' },
    logicalShape: shape,
    initial: initial ?? (() => allocate(dtype, sizeOf(shape))),
  };
}
