import type { Elem } from '../../core/elem.ts';
import { ThimbleError } from '../../core/errors.ts';
import { normalizeAxis, type Shape } from '../../core/shape.ts';
import type { Graph, Value } from '../../ir/graph.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import { add, bitwiseAnd, bitwiseXor, cast, greater, sub, where } from '../../ops/index.ts';
import { Operands } from '../operands.ts';
import { held, numeric, UNSIGNED } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import type { Importer } from './importer.ts';
import { type Binding, isComplex, isHandle, isOperand, type Operand } from './operand.ts';
import { optionsOf } from './options.ts';
import type { OperatorSpec, Quantization, TensorSpec } from './schema.ts';
import type { Scope } from './scope.ts';

/** What a row gives for its operator: the first output, or all of them. A bare value takes element type and quantization of the file's output. */
export type Result = Value | Binding | readonly (Value | Binding | undefined)[];

/** Imports one TFLite operator. */
export type Row = (n: NodeContext) => Result;

/** Rows by operator name. */
export type Rows = Readonly<Record<string, Row>>;

/** One operator while it is imported: its inputs as values of the graph (f32, i32 or i8), its options with their defaults. */
export class NodeContext extends Operands {
  readonly node: OperatorSpec;
  readonly importer: Importer;
  readonly scope: Scope;

  /** What input 0 stands for instead of what the scope has. */
  readonly #first: Binding | undefined;

  constructor(importer: Importer, node: OperatorSpec, scope: Scope, first?: Binding) {
    super();
    this.importer = importer;
    this.node = node;
    this.scope = scope;
    this.#first = first;
  }

  /** The same operator with another input 0. */
  on(first: Binding): NodeContext {
    return new NodeContext(this.importer, this.node, this.scope, first);
  }

  get graph(): Graph {
    return this.importer.graph;
  }

  /** Whether floats have to be the reference's to the bit, as the model rounds them: else single numbers become their neighbours. */
  get ordered(): boolean {
    return this.importer.rounds;
  }

  get arity(): number {
    return this.node.inputs.length;
  }

  /** Whether optional input `index` is given. */
  has(index: number): boolean {
    return (this.node.inputs[index] ?? -1) >= 0;
  }

  /** What the file says of input `index`. */
  input(index: number): TensorSpec {
    const at = this.node.inputs[index] ?? -1;
    const spec = this.scope.graph.tensors[at];
    if (!spec) throw damaged(`input ${index} is missing`);
    return spec;
  }

  /** What the file says of output `index`. */
  output(index = 0): TensorSpec {
    const spec = this.scope.graph.tensors[this.node.outputs[index] ?? -1];
    if (!spec) throw damaged(`output ${index} is missing`);
    return spec;
  }

  binding(index: number): Binding {
    this.input(index);
    if (index === 0 && this.#first) return this.#first;
    return this.scope.binding(this.node.inputs[index] as number);
  }

  /** Input `index`, whose size may be known at run time only. */
  counted(index: number): Operand {
    const binding = this.binding(index);
    if (!isOperand(binding))
      throw new ThimbleError('DTYPE', `input ${index} is ${isComplex(binding) ? 'complex' : 'a handle'}`, { expected: 'a tensor' });
    return binding;
  }

  operand(index: number): Operand {
    const binding = this.counted(index);
    if (binding.count) throw new ThimbleError('UNSUPPORTED_OP', `input ${index} has a size that is known at run time only`);
    return binding;
  }

  /** The name of the variable whose handle input `index` is. */
  variable(index: number): string {
    const binding = this.binding(index);
    if (!isHandle(binding)) throw damaged(`input ${index} is no handle of a variable`);
    return binding.variable;
  }

  /** Input `index`, integers of any width, as i32. */
  i32(index: number): Value {
    return widened(this.operand(index));
  }

  /** Input `index`, integers of any width, as i32 of the same numbers as graphs hold them: uint8 less 128. */
  held32(index: number): Value {
    const { value } = this.operand(index);
    return value.dtype === 'i8' ? cast(value, { to: 'i32' }) : this.i32(index);
  }

  /** Elements of input `index`, which must be known at import. @throws UNSUPPORTED_ATTR naming the graph inputs it depends on. */
  numbers(index: number): number[] {
    const { value, elem } = this.operand(index);
    if (!isConstant(value)) throw this.importer.needsConstant(value, `input ${index}`);
    const shift = elem === 'uint8' ? UNSIGNED : 0;
    return Array.from(evaluate(value), (x) => x + shift);
  }

  /** Axes in input `index`, counted from the front. */
  axes(index: number, rank = this.shape(0).length): number[] {
    return this.numbers(index).map((axis) => normalizeAxis(axis, rank));
  }

  options<F extends Parameters<typeof optionsOf>[0]>(fields: F): { readonly [K in keyof F]: number } {
    return optionsOf(fields, this.node.options);
  }

  /** A constant i32 value. */
  integers(data: ArrayLike<number>, shape: Shape = [data.length]): Value {
    return this.graph.constant({ dtype: 'i32', shape, data: Int32Array.from(data) });
  }

  /** `magnitude` with the sign of x (i32): positive where x is above 0, else negative. */
  signed(x: Value, magnitude: Value): Value {
    return where([greater([x, this.integers([0], [])]), magnitude, sub([this.integers([0], []), magnitude])]);
  }

  /** All inputs as graphs hold them; there is at least one. */
  all(): Value[] {
    if (this.arity === 0) throw damaged('an operator without inputs');
    return this.node.inputs.map((_, index) => this.x(index));
  }

  /** How output `index` is held. */
  held(index = 0): 'f32' | 'i32' | 'i8' {
    return held(numeric(this.output(index)));
  }

  /** The low 16 bits of an i32 value where output `index` has so many. */
  wrapped(value: Value, index = 0): Value {
    const elem = numeric(this.output(index));
    if (elem !== 'int16' && elem !== 'uint16') return value;
    const low = bitwiseAnd([value, this.integers([0xffff], [])]);
    const sign = this.integers([0x8000], []);
    return elem === 'uint16' ? low : sub([bitwiseXor([low, sign]), sign]);
  }

  /** An i32 value as output `index` is held: its low 8 bits where that is a byte, uint8 from 0. */
  narrow(value: Value, index = 0): Value {
    const elem = numeric(this.output(index));
    if (held(elem) !== 'i8') return value;
    return cast(elem === 'uint8' ? sub([value, this.integers([UNSIGNED], [])]) : value, { to: 'i8' });
  }

  /** `op` on bytes held in 32 bits, where it moves words alone: the bytes of its result. */
  wide(values: readonly Value[], op: (values: readonly Value[]) => Value): Value {
    if (values[0]?.dtype !== 'i8') return op(values);
    return cast(op(values.map((value) => cast(value, { to: 'i32' }))), { to: 'i8' });
  }

  /** A value that follows from constants alone as a constant. */
  folded(value: Value): Value {
    return this.importer.folded(value);
  }

  /** Takes `elements` from what constants may expand to. */
  allow(elements: number): void {
    this.importer.allow(elements);
  }
}

/** Integers of any width as i32, uint8 from 0. */
export function widened({ value, elem }: Operand): Value {
  if (value.dtype === 'f32') throw new ThimbleError('DTYPE', 'the element type is wrong', { expected: 'integers', got: elem });
  if (value.dtype === 'i32') return value;
  const wide = cast(value, { to: 'i32' });
  if (elem !== 'uint8') return wide;
  return add([wide, value.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(UNSIGNED) })]);
}

/** Scale and zero point of a tensor with one of each, as graphs hold it. @throws UNSUPPORTED_ATTR where it is not quantized so. */
export function scaleOf({ quantization, elem }: { quantization?: Quantization | undefined; elem: Elem }): { scale: number; zero: number } {
  const { scales = [], zeroPoints = [] } = quantization ?? {};
  if (scales.length !== 1) throw new ThimbleError('UNSUPPORTED_ATTR', `${scales.length} scales`, { expected: 'one scale for the tensor' });
  return { scale: scales[0] as number, zero: (zeroPoints[0] as number) - (elem === 'uint8' ? UNSIGNED : 0) };
}

/** Whether the tensor is computed with in integers. */
export const isQuantized = ({ quantization, value }: Operand): boolean =>
  value.dtype !== 'f32' && quantization !== undefined && quantization.scales.length > 0;
