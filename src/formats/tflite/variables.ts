import type { TypedArray } from '../../core/dtype.ts';
import { ThimbleError } from '../../core/errors.ts';
import { sizeOf } from '../../core/shape.ts';
import type { TensorType } from '../../core/tensor.ts';
import type { Graph, Value } from '../../ir/graph.ts';
import { stream } from '../../ir/variable.ts';
import { evaluated, isConstant } from '../../ops/evaluate.ts';
import { updateStates } from '../../ops/updateStates.ts';
import type { NodeContext, Rows } from './context.ts';
import { elemOf, held, numeric } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import { callOnceOptions } from './options.ts';
import type { SubgraphSpec, TensorSpec } from './schema.ts';

/**
 * State of a model: resource variables, and the tensors that recurrent operators update. While a model is imported, a variable is the value it has
 * at that point; at the end the memory takes over the last.
 */
export class Variables {
  readonly #graph: Graph;
  readonly #current = new Map<string, Operand>();
  readonly #states = new Map<string, Value>();
  readonly #initial = new Map<string, Operand>();
  readonly #tensors = new Map<SubgraphSpec, Map<number, string>>();
  /** Assignments set first values instead. */
  #initializing = false;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** The value of `name`; `spec` is what the file says of it, `zero` what fills it where nothing was assigned. */
  read(name: string, spec: TensorSpec, zero = 0): Operand {
    const current = this.#current.get(name);
    if (current) return current;
    const first = this.#initial.get(name);
    const elem = numeric(spec);
    const type: TensorType = first ? first.value : { dtype: held(elem), shape: spec.shape };
    const filled = zero ? () => new Int8Array(sizeOf(type.shape)).fill(zero) : undefined;
    const value = this.#state(name, type, first ? () => evaluated(first.value).data : filled);
    const operand = { value, elem: first?.elem ?? elem, quantization: spec.quantization };
    this.#current.set(name, operand);
    return operand;
  }

  assign(name: string, operand: Operand): void {
    if (!this.#initializing) {
      this.#current.set(name, operand);
      return;
    }
    if (!isConstant(operand.value)) throw new ThimbleError('UNSUPPORTED_OP', `the first value of variable "${name}" is not constant`);
    this.#initial.set(name, operand);
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

  /** Imports what may not assign: a branch that is computed whether it is taken or not. */
  without<T>(body: () => T): T {
    const before = new Map(this.#current);
    const result = body();
    for (const [name, { value }] of this.#current) {
      if (value !== (before.get(name)?.value ?? this.#states.get(name)))
        throw new ThimbleError('UNSUPPORTED_OP', `a branch that is chosen when the model runs assigns variable "${name}"`);
    }
    return result;
  }

  /** A tensor of a subgraph that keeps its value from call to call. It starts as zeros: int8 as its zero point, all others as the number 0 (ResetVariableTensor). */
  tensor(graph: SubgraphSpec, index: number): Operand {
    const names = this.#tensors.get(graph) ?? new Map<number, string>();
    this.#tensors.set(graph, names);
    const spec = graph.tensors[index] as TensorSpec;
    const name = names.get(index) ?? this.#unused(spec.name || `variable_${index}`);
    names.set(index, name);
    return this.read(name, spec, elemOf(spec) === 'int8' ? spec.quantization?.zeroPoints[0] : 0);
  }

  /** Sets the tensor that keeps its value. */
  assignTensor(graph: SubgraphSpec, index: number, value: Value): void {
    const before = this.tensor(graph, index);
    this.#current.set(this.#tensors.get(graph)?.get(index) as string, { ...before, value });
  }

  /** Appends the nodes that write each variable's last value to its memory. */
  update(): void {
    // A variable that is written and never read needs no memory.
    const changed = [...this.#states].flatMap(([name, state]) => {
      const { value: next } = this.#current.get(name) as Operand;
      if (next === state) return [];
      if (next.dtype !== state.dtype || next.shape.join() !== state.shape.join()) {
        throw new ThimbleError('SHAPE', `variable "${name}" changes its type`, {
          expected: `${state.dtype} [${state.shape}]`,
          got: `${next.dtype} [${next.shape}]`,
        });
      }
      return [{ state, next }];
    });
    updateStates(changed);
  }

  #state(name: string, type: TensorType, first: (() => TypedArray) | undefined): Value {
    if (type.shape.some((extent) => extent < 0)) throw damaged(`variable "${name}" has shape [${type.shape}]`);
    const value = this.#graph.state(stream(name, type, first));
    this.#states.set(name, value);
    return value;
  }

  #unused(name: string): string {
    let own = name;
    for (let i = 1; this.#current.has(own) || this.#initial.has(own); i++) own = `${name}:${i}`;
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
