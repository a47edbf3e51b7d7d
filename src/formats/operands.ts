import type { Elem } from '../core/elem.ts';
import { ThimbleError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import type { Graph, Value } from '../ir/graph.ts';

/** The inputs of one node of a file while it is imported, and what rows of either format make of them. */
export abstract class Operands {
  abstract get graph(): Graph;

  /** Whether optional input `index` is given. */
  abstract has(index: number): boolean;

  /** Input `index`, a tensor. @throws FORMAT, DTYPE or UNSUPPORTED_OP where it is none. */
  abstract operand(index: number): { readonly value: Value; readonly elem: Elem };

  /** Elements of input `index`, which must be known at import. @throws UNSUPPORTED_ATTR naming the graph inputs it depends on. */
  abstract numbers(index: number): number[];

  /** A constant i32 value. */
  abstract integers(data: ArrayLike<number>, shape?: Shape): Value;

  /** Input `index` as graphs hold it. */
  x(index: number): Value {
    return this.operand(index).value;
  }

  /** Input `index`, which must be a float tensor. */
  f32(index: number): Value {
    const { value, elem } = this.operand(index);
    if (value.dtype !== 'f32')
      throw new ThimbleError('DTYPE', `input ${index} has the wrong element type`, { expected: 'float', got: elem });
    return value;
  }

  elem(index: number): Elem {
    return this.operand(index).elem;
  }

  shape(index: number): Shape {
    return this.x(index).shape;
  }

  /** The one element of input `index`, which must be known at import; `fallback` where the input is left out. */
  number(index: number, fallback?: number): number {
    if (fallback !== undefined && !this.has(index)) return fallback;
    const numbers = this.numbers(index);
    if (numbers.length !== 1) throw new ThimbleError('SHAPE', `input ${index} has ${numbers.length} elements`, { expected: '1' });
    return numbers[0] as number;
  }

  /** A constant f32 value. */
  constant(data: ArrayLike<number>, shape: Shape = [data.length]): Value {
    return this.graph.constant({ dtype: 'f32', shape, data: Float32Array.from(data) });
  }

  /** A scalar of the dtype of `like`. */
  scalarLike(like: Value, number: number): Value {
    return like.dtype === 'i32' ? this.integers([number], []) : this.graph.scalar(number);
  }

  /** @throws UNSUPPORTED_ATTR for this node. */
  refuse(problem: string, details: { expected?: string; got?: string } = {}): never {
    throw new ThimbleError('UNSUPPORTED_ATTR', problem, details);
  }
}
