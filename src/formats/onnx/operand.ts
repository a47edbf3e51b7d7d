import type { Value } from '../../ir/graph.ts';
import type { Elem } from './elements.ts';

/** An ONNX tensor while its model is imported: the graph's value and the element type that ONNX gives it. */
export interface Operand {
  readonly value: Value;
  readonly elem: Elem;
  /** Of results whose size is found at run time: an i32 [1] value with the valid extent of `countAxis`. What is after it is padding. */
  readonly count?: Value;
  readonly countAxis?: number;
}

/** A sequence of tensors. Its length is known at import. */
export interface Sequence {
  readonly elem: Elem;
  readonly items: readonly Operand[];
}

/** What a name stands for: a tensor, a sequence, or an optional that is empty. */
export type Binding = Operand | Sequence | null;

export const isSequence = (binding: Binding): binding is Sequence => binding !== null && 'items' in binding;
