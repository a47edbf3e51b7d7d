import type { Binding } from './operand.ts';
import type { TensorProto } from './proto.ts';

/** Names and what they stand for: bindings, or initializers nobody has read yet. Names of enclosing graphs are seen too. */
export class Scope {
  readonly #own = new Map<string, Binding | TensorProto>();
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  get(name: string): Binding | TensorProto | undefined {
    return this.#own.has(name) ? this.#own.get(name) : this.#parent?.get(name);
  }

  set(name: string, binding: Binding | TensorProto): void {
    this.#own.set(name, binding);
  }

  /** Gives what `get` finds another binding, in the scope that it is found in: subgraphs share what an initializer becomes. */
  replace(name: string, binding: Binding): void {
    if (this.#own.has(name) || !this.#parent) this.#own.set(name, binding);
    else this.#parent.replace(name, binding);
  }
}

export const isInitializer = (binding: Binding | TensorProto | undefined): binding is TensorProto => !!binding && 'elemType' in binding;
