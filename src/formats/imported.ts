import type { Elem } from '../core/elem.ts';
import type { Graph, Value } from '../ir/graph.ts';

/** An input or output at the border of a program. */
export interface Port {
  readonly name: string;
  readonly elem: Elem;
  readonly value: Value;
  /** Name of the output with the number of valid rows, and the axis it counts, where that is known at run time only. */
  readonly count?: { readonly name: string; readonly axis: number };
}

export interface Imported {
  readonly graph: Graph;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Operators of the model and how often they occur. */
  readonly operators: ReadonlyMap<string, number>;
}
