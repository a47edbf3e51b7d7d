import type { Elem } from '../../core/elem.ts';
import type { Value } from '../../ir/graph.ts';
import type { Quantization } from './schema.ts';

/** A TFLite tensor while its model is imported. */
export interface Operand {
  /** As graphs hold it (`elements.ts`): uint8 less 128, int16 and bool as i32. */
  readonly value: Value;
  readonly elem: Elem;
  /** As the file has it: the zero point of uint8 counts from 0. */
  readonly quantization?: Quantization | undefined;
  /** Of results whose size is found at run time: an i32 [1] value with the valid extent of axis 0. What is after it is padding. */
  readonly count?: Value | undefined;
}

/** A tensor of complex numbers, in two parts. */
export interface Complex {
  readonly re: Value;
  readonly im: Value;
}

/** The handle of a variable, by its name. */
export interface Handle {
  readonly variable: string;
}

/** What a tensor index stands for. */
export type Binding = Operand | Complex | Handle;

export const isOperand = (binding: Binding): binding is Operand => 'value' in binding;
export const isComplex = (binding: Binding): binding is Complex => 're' in binding;
export const isHandle = (binding: Binding): binding is Handle => 'variable' in binding;
