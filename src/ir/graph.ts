import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { byteLength, type Tensor, type TensorType } from '../core/tensor.ts';
import { KnownSteps } from './knownSteps.ts';
import type { Variable } from './variable.ts';

/** What 32-bit addresses reach. */
const ADDRESSABLE = 2 ** 32;

/** Nodes and elements of constants that a graph may have yet: importers of files they do not trust set them. */
export interface GraphLimits {
  nodes: number;
  elements: number;
}

/** Where a value comes from. */
export type Origin =
  | { readonly kind: 'input' }
  | { readonly kind: 'const'; readonly data: TypedArray }
  | { readonly kind: 'state'; readonly variable: Variable }
  | { readonly kind: 'node'; readonly node: Node; readonly index: number };

/** A tensor of a graph: typed, named, written once (state apart: see `Op.mutates`). */
export interface Value extends TensorType {
  readonly id: number;
  readonly name: string;
  readonly origin: Origin;
  readonly graph: Graph;
}

/** Attributes of a node: plain data, defaults filled in. */
export type Attributes = Readonly<Record<string, unknown>>;

/** One operator applied. */
export interface Node {
  readonly id: number;
  readonly name: string;
  readonly op: string;
  readonly attrs: Attributes;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/**
 * A method of a program before planning: nodes in an order in which every value is written before it is read.
 * Values are created by the graph only, so a value always knows where it belongs.
 */
export class Graph {
  readonly name: string;
  readonly steps: KnownSteps;
  readonly inputs: Value[] = [];
  readonly outputs: { name: string; value: Value }[] = [];
  nodes: Node[] = [];
  #nextValue = 0;
  #nextNode = 0;
  #scopes: string[] = [];
  #given: string | undefined;
  readonly #limits: GraphLimits;
  readonly #variables = new Map<Variable, Value>();

  /** @param limits what the graph may grow to; counted down. */
  constructor(
    name: string,
    limits: GraphLimits = { nodes: Number.POSITIVE_INFINITY, elements: Number.POSITIVE_INFINITY },
    steps: KnownSteps = new KnownSteps(),
  ) {
    this.name = name;
    this.steps = steps;
    this.#limits = limits;
  }

  input(name: string, type: TensorType): Value {
    const value = this.#value(name, type, { kind: 'input' });
    this.inputs.push(value);
    return value;
  }

  constant(tensor: Tensor, name = `const${this.#nextValue}`): Value {
    this.#limits.elements -= tensor.data.length;
    if (this.#limits.elements < 0) {
      const hint = 'a file that may be trusted can be loaded with a `budget` that its constants fit in';
      throw new ThimbleError('SHAPE', 'the constants of the model grow to far more than its file holds', { hint });
    }
    return this.#value(name, tensor, { kind: 'const', data: tensor.data });
  }

  /** A scalar f32 constant. */
  scalar(number: number): Value {
    return this.constant({ dtype: 'f32', shape: [], data: Float32Array.of(number) });
  }

  /** The value of `variable` in this graph; the same value each time it is asked for. */
  state(variable: Variable): Value {
    let value = this.#variables.get(variable);
    if (!value) {
      value = this.#value(variable.name, variable, { kind: 'state', variable });
      this.#variables.set(variable, value);
    }
    return value;
  }

  output(name: string, value: Value): void {
    this.outputs.push({ name, value });
  }

  /** Appends a node. Called by operators (`ops/define.ts`), which infer `outputTypes`. */
  append(op: string, inputs: readonly Value[], attrs: Attributes, outputTypes: readonly TensorType[]): Node {
    if (this.#limits.nodes-- <= 0) throw new ThimbleError('UNSUPPORTED_OP', 'the model unrolls to too many operators');
    const id = this.#nextNode++;
    const name = this.#given ?? (this.#scopes.length ? `${this.#scopes.join('/')}/${op}` : `${op}_${id}`);
    const outputs: Value[] = [];
    const node: Node = { id, name, op, attrs, inputs: [...inputs], outputs };
    outputTypes.forEach((type, index) => {
      outputs.push(this.#value(index ? `${name}:${index}` : name, type, { kind: 'node', node, index }));
    });
    this.nodes.push(node);
    return node;
  }

  /** Names of nodes appended inside `body` start with `name/`. */
  scope<T>(name: string, body: () => T): T {
    this.#scopes.push(name);
    try {
      return body();
    } finally {
      this.#scopes.pop();
    }
  }

  /** Nodes appended inside `body` are named `name`: a pass keeps the name that its user knows. */
  named<T>(name: string, body: () => T): T {
    const outer = this.#given;
    this.#given = name;
    try {
      return body();
    } finally {
      this.#given = outer;
    }
  }

  /** The variables this graph reads or writes. */
  get variables(): readonly Variable[] {
    return [...this.#variables.keys()];
  }

  #value(name: string, type: TensorType, origin: Origin): Value {
    if (type.shape.some((extent) => !Number.isInteger(extent) || extent < 0) || byteLength(type) > ADDRESSABLE) {
      throw new ThimbleError('SHAPE', `a tensor of shape ${formatShape(type.shape)}`, {
        node: name,
        expected: 'whole extents, and less than 4 GiB',
      });
    }
    return { id: this.#nextValue++, name, dtype: type.dtype, shape: type.shape, origin, graph: this };
  }
}

/** The node that computes `value`, or undefined for inputs, constants and state. */
export const producer = (value: Value): Node | undefined => (value.origin.kind === 'node' ? value.origin.node : undefined);
