import type { Binding } from './operand.ts';
import type { SubgraphSpec } from './schema.ts';

/** A subgraph while it is imported: what its tensors stand for. Constants are read when they are first asked for. */
export class Scope {
  readonly graph: SubgraphSpec;
  readonly #bindings = new Map<number, Binding>();
  readonly #constant: (index: number) => Binding;

  constructor(graph: SubgraphSpec, constant: (index: number) => Binding) {
    this.graph = graph;
    this.#constant = constant;
  }

  /** What tensor `index` stands for. @throws FORMAT where nothing computes it. */
  binding(index: number): Binding {
    let found = this.#bindings.get(index);
    if (!found) {
      found = this.#constant(index);
      this.#bindings.set(index, found);
    }
    return found;
  }

  set(index: number, binding: Binding): void {
    this.#bindings.set(index, binding);
  }
}
