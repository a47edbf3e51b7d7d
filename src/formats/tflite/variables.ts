import { allocate } from '../../core/dtype.ts';
import { ThimbleError } from '../../core/errors.ts';
import { sameShape, sizeOf } from '../../core/shape.ts';
import type { TensorType } from '../../core/tensor.ts';
import type { Graph, Value } from '../../ir/graph.ts';
import { stream, type Variable } from '../../ir/variable.ts';
import { evaluated, isConstant } from '../../ops/evaluate.ts';
import { updateStates } from '../../ops/updateStates.ts';
import type { NodeContext, Rows } from './context.ts';
import { elemOf, held, numeric } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import { callOnceOptions } from './options.ts';
import type { SubgraphSpec, TensorSpec } from './schema.ts';

/** What the signatures of a model that are loaded together share: first values of variables, and the memory that holds them. */
export class SharedVariables {
  readonly initial = new Map<string, Operand>();
  readonly memory = new Map<string, Variable>();
  /** Names of the tensors that recurrent operators update. */
  readonly tensors = new Map<SubgraphSpec, Map<number, string>>();
}

/** What each variable is at one point of a model, by name. */
export type Snapshot = ReadonlyMap<string, Operand>;

/**
 * State of a model: resource variables, and the tensors that recurrent operators update. While a signature is imported, a variable is the value it
 * has at that point; at the end the memory takes over the last.
 */
export class Variables {
  readonly #graph: Graph;
  readonly #shared: SharedVariables;
  #current = new Map<string, Operand>();
  readonly #states = new Map<string, Value>();
  /** Assignments set first values instead. */
  #initializing = false;

  constructor(graph: Graph, shared: SharedVariables) {
    this.#graph = graph;
    this.#shared = shared;
  }

  /** The value of `name`; `spec` is what the file says of it, `zero` what fills it where nothing was assigned. */
  read(name: string, spec: TensorSpec, zero = 0): Operand {
    const current = this.#current.get(name);
    if (current) return current;
    const elem = numeric(spec);
    const operand = this.#first(name, { value: { dtype: held(elem), shape: spec.shape }, elem, quantization: spec.quantization }, zero);
    this.#current.set(name, operand);
    return operand;
  }

  assign(name: string, operand: Operand): void {
    if (!this.#initializing) {
      this.#current.set(name, operand);
      return;
    }
    if (!isConstant(operand.value)) throw new ThimbleError('UNSUPPORTED_OP', `the first value of variable "${name}" is not constant`);
    this.#shared.initial.set(name, operand);
  }

  /** Imports what sets first values. */
  initialize(body: () => void): void {
    this.#initializing = true;
    try {
      body();
    } finally {
      this.#initializing = false;
    }
  }

  /** What each variable is now. */
  snapshot(): Snapshot {
    return new Map(this.#current);
  }

  restore(values: Snapshot): void {
    this.#current = new Map(values);
  }

  /** Where the model goes one way or another: each variable becomes what `select` makes of its value behind both ways. */
  merge(one: Snapshot, other: Snapshot, select: (one: Operand, other: Operand) => Operand): void {
    const names = new Set([...one.keys(), ...other.keys()]);
    this.#current = new Map(
      [...names].map((name) => {
        // What one way assigns and the other does not touch stays there what it was at the start.
        const [a, b] = [one, other].map((way) => way.get(name) ?? this.#first(name, (one.get(name) ?? other.get(name)) as Operand));
        return [name, a?.value === b?.value ? (a as Operand) : select(a as Operand, b as Operand)];
      }),
    );
  }

  /** A tensor of a subgraph that keeps its value from call to call. It starts as zeros: int8 as its zero point, all others as the number 0 (ResetVariableTensor). */
  tensor(graph: SubgraphSpec, index: number): Operand {
    const { tensors } = this.#shared;
    const names = tensors.get(graph) ?? new Map<number, string>();
    tensors.set(graph, names);
    const spec = graph.tensors[index] as TensorSpec;
    const name = names.get(index) ?? this.#unused(spec.name || `variable_${index}`);
    names.set(index, name);
    return this.read(name, spec, elemOf(spec) === 'int8' ? spec.quantization?.zeroPoints[0] : 0);
  }

  /** Sets the tensor that keeps its value. */
  assignTensor(graph: SubgraphSpec, index: number, value: Value): void {
    const before = this.tensor(graph, index);
    this.#current.set(this.#shared.tensors.get(graph)?.get(index) as string, { ...before, value });
  }

  /** Appends the nodes that write each variable's last value to its memory; all signatures that share it are imported by then. */
  update(): void {
    const changed = [...this.#current].flatMap(([name, { value: next }]) => {
      const variable = this.#shared.memory.get(name);
      // A variable that is written and never read needs no memory.
      if (!variable || next === this.#states.get(name)) return [];
      if (next.dtype !== variable.dtype || next.shape.join() !== variable.shape.join()) {
        throw new ThimbleError('SHAPE', `variable "${name}" changes its type`, {
          expected: `${variable.dtype} [${variable.shape}]`,
          got: `${next.dtype} [${next.shape}]`,
        });
      }
      return [{ state: this.#states.get(name) ?? this.#graph.state(variable), next }];
    });
    updateStates(changed);
  }

  /** The value of `name` at the start of a call; `like` is what it is where no first value is known. */
  #first(name: string, like: Omit<Operand, 'value'> & { readonly value: TensorType }, zero = 0): Operand {
    const { initial, memory } = this.#shared;
    let variable = memory.get(name);
    if (!variable) {
      const { dtype, shape } = initial.get(name)?.value ?? like.value;
      if (shape.some((extent) => extent < 0)) throw damaged(`variable "${name}" has shape [${shape}]`);
      variable = stream(name, { dtype, shape }, () => {
        // Another signature may say it.
        const first = initial.get(name)?.value;
        if (!first) return allocate(dtype, sizeOf(shape)).fill(zero);
        if (first.dtype === dtype && sameShape(first.shape, shape)) return evaluated(first).data;
        throw damaged(`variable "${name}" starts as ${first.dtype} [${first.shape}] and is read as ${dtype} [${shape}]`);
      });
      memory.set(name, variable);
    }
    const value = this.#graph.state(variable);
    this.#states.set(name, value);
    return { value, elem: initial.get(name)?.elem ?? like.elem, quantization: like.quantization };
  }

  #unused(name: string): string {
    const { initial, memory } = this.#shared;
    let own = name;
    for (let i = 1; this.#current.has(own) || initial.has(own) || memory.has(own); i++) own = `${name}:${i}`;
    return own;
  }
}

/** The name a VAR_HANDLE is shared by: container and name. */
function nameOf(n: NodeContext): string {
  const { options } = n.node;
  const [container, name] = [options?.text(0) ?? '', options?.text(1) ?? ''];
  return container ? `${container}/${name}` : name || 'variable';
}

export const variables: Rows = {
  VAR_HANDLE: (n) => ({ variable: nameOf(n) }),
  READ_VARIABLE: (n) => n.importer.variables.read(n.variable(0), n.output()),
  ASSIGN_VARIABLE(n) {
    n.importer.variables.assign(n.variable(0), n.operand(1));
    return [];
  },
  CALL_ONCE(n) {
    const { initSubgraphIndex } = n.options(callOnceOptions);
    n.importer.variables.initialize(() => void n.importer.subgraph(initSubgraphIndex, []));
    return [];
  },
};
