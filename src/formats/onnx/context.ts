import { allocate } from '../../core/dtype.ts';
import { ThimbleError } from '../../core/errors.ts';
import { normalizeAxis, type Shape } from '../../core/shape.ts';
import type { Graph, Value } from '../../ir/graph.ts';
import { broadcast } from '../../ops/broadcast.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import { Operands } from '../operands.ts';
import { type Elem, held, tensorOf, toInt32 } from './elements.ts';
import type { Importer } from './importer.ts';
import { type Binding, isSequence, type Operand, type Sequence } from './operand.ts';
import type { AttributeProto, GraphProto, NodeProto } from './proto.ts';
import { damaged } from './protobuf.ts';
import type { Scope } from './scope.ts';

/** What a row gives for its node: the first output, or all of them. A bare value gets the element type of input 0 where it fits. */
export type Result = Value | Binding | readonly (Value | Binding | undefined)[];

/** Imports one ONNX operator. */
export type Row = (n: NodeContext) => Result;

/** Rows by operator name. */
export type Rows = Readonly<Record<string, Row>>;

/** One node while it is imported: its inputs as values of the graph (f32, or i32 for integers and bools), its attributes with their types. */
export class NodeContext extends Operands {
  readonly node: NodeProto;
  /** Version of the node's operator set. */
  readonly version: number;
  readonly importer: Importer;
  readonly #inputs: readonly (Binding | undefined)[];
  readonly #scope: Scope;

  constructor(importer: Importer, node: NodeProto, version: number, inputs: readonly (Binding | undefined)[], scope: Scope) {
    super();
    this.#scope = scope;
    this.importer = importer;
    this.node = node;
    this.version = version;
    this.#inputs = inputs;
  }

  /** The same node with other inputs, as a row of operator set `version` reads it; perhaps with other attributes. */
  with(inputs: readonly (Binding | undefined)[], version = this.version, attributes = this.node.attributes): NodeContext {
    return new NodeContext(this.importer, { ...this.node, attributes }, version, inputs, this.#scope);
  }

  get graph(): Graph {
    return this.importer.graph;
  }

  /** Number of inputs, left-out ones in between counted. */
  get arity(): number {
    return this.#inputs.length;
  }

  /** Number of outputs that the node names. */
  get outputs(): number {
    return this.node.outputs.length;
  }

  /** Whether optional input `index` is given. */
  has(index: number): boolean {
    return this.#inputs[index] !== undefined && this.#inputs[index] !== null;
  }

  /** Whether output `index` is asked for. */
  wants(index: number): boolean {
    return !!this.node.outputs[index];
  }

  get bindings(): readonly (Binding | undefined)[] {
    return this.#inputs;
  }

  binding(index: number): Binding | undefined {
    return this.#inputs[index];
  }

  operand(index: number): Operand {
    const binding = this.#inputs[index];
    if (!binding) throw damaged(`input ${index} is missing`);
    if (isSequence(binding)) throw new ThimbleError('DTYPE', `input ${index} is a sequence`, { expected: 'a tensor' });
    if (binding.count) {
      throw new ThimbleError('UNSUPPORTED_OP', `input ${index} has a size that is known at run time only`, {
        hint: 'end the graph before this node: outputs may have such a size',
      });
    }
    return binding;
  }

  sequence(index: number): Sequence {
    const binding = this.#inputs[index];
    if (!binding || !isSequence(binding)) throw new ThimbleError('DTYPE', `input ${index} is not a sequence`);
    return binding;
  }

  /** What a row gave → one binding an output, each with an element type: that of input 0 where it is held alike, else float32 or int64. */
  bound(result: Result): (Binding | undefined)[] {
    const many: readonly (Value | Binding | undefined)[] = Array.isArray(result) ? result : [result as Value | Binding];
    return many.map((one) => (one && 'graph' in one ? { value: one, elem: this.#elemFor(one) } : one));
  }

  #elemFor({ dtype }: Value): Elem {
    const first = this.#inputs[0];
    if (first && !isSequence(first) && held(first.elem) === dtype) return first.elem;
    return dtype === 'f32' ? 'float32' : 'int64';
  }

  /** Inputs from `index` on that are given. */
  rest(index: number): Value[] {
    return this.#inputs.slice(index).map((_, i) => this.x(index + i));
  }

  /** Elements of input `index`, which must be known at import. @throws UNSUPPORTED_ATTR naming the graph inputs it depends on. */
  numbers(index: number): number[] {
    const { value } = this.operand(index);
    if (!isConstant(value)) throw this.importer.needsConstant(value, `input ${index}`);
    return [...evaluate(value)];
  }

  /** `numbers` of an optional input, else of the attribute of older operator sets, else undefined. */
  list(index: number, attribute?: string): number[] | undefined {
    if (this.has(index)) return this.numbers(index);
    return attribute !== undefined && this.node.attributes.has(attribute) ? this.ints(attribute) : undefined;
  }

  attribute(name: string): AttributeProto | undefined {
    return this.node.attributes.get(name);
  }

  int(name: string, fallback?: number): number {
    return this.#required(name, this.attribute(name)?.int, fallback);
  }

  float(name: string, fallback?: number): number {
    return this.#required(name, this.attribute(name)?.float, fallback);
  }

  text(name: string, fallback?: string): string {
    return this.#required(name, this.attribute(name)?.text, fallback);
  }

  ints(name: string, fallback: readonly number[] = []): number[] {
    return [...(this.attribute(name)?.ints ?? fallback)];
  }

  floats(name: string): number[] {
    return [...(this.attribute(name)?.floats ?? [])];
  }

  texts(name: string): string[] {
    return [...(this.attribute(name)?.texts ?? [])];
  }

  subgraph(name: string): GraphProto {
    return this.#required(name, this.attribute(name)?.graph, undefined);
  }

  /** Imports the nodes of a subgraph here, with `bindings` as its inputs; returns its outputs. */
  inline(proto: GraphProto, bindings: readonly Binding[] = []): Binding[] {
    return this.importer.subgraph(proto, this.#scope, bindings);
  }

  /** `inline`, or undefined where shapes in the subgraph contradict each other. */
  inlineIfShapesFit(proto: GraphProto): Binding[] | undefined {
    return this.importer.subgraphIfShapesFit(proto, this.#scope);
  }

  /** Axis attribute, counted from the front. */
  axis(name: string, fallback: number, rank = this.shape(0).length): number {
    return normalizeAxis(this.int(name, fallback), rank);
  }

  /** A constant operand from an attribute tensor. */
  tensor(name: string): Operand {
    const proto = this.#required(name, this.attribute(name)?.tensor, undefined);
    const { elem, shape, data } = tensorOf(proto, this.importer.externalFiles);
    return { elem, value: this.graph.constant({ dtype: held(elem), shape, data }) };
  }

  /** A constant i32 value. @throws UNSUPPORTED_ATTR for what a 32-bit integer does not hold. */
  integers(data: ArrayLike<number>, shape: Shape = [data.length]): Value {
    return this.graph.constant({ dtype: 'i32', shape, data: Int32Array.from(data, (number) => toInt32(number, this.node.name)) });
  }

  /** `number` in every element of `shape`. */
  filled(dtype: 'f32' | 'i32', shape: Shape, number: number): Value {
    const one = this.graph.constant({ dtype, shape: [], data: allocate(dtype, 1).fill(number) });
    return shape.length ? broadcast(one, { shape }) : one;
  }

  #required<T>(name: string, value: T | undefined, fallback: T | undefined): T {
    const found = value ?? fallback;
    if (found === undefined) throw damaged(`the attribute "${name}" is missing`);
    return found;
  }
}
