import type { TypedArray } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { Rewriting } from '../passes/rewrite.ts';
import { build } from '../program/build.ts';
import type { Kernels } from '../runtime/flavour.ts';
import { RuntimeModel } from '../runtime/model.ts';

/** Data of one call by input name, in the inputs' dtypes. */
export type ProbeFeeds = Readonly<Record<string, TypedArray>>;

/** A graph that shows values inside it. */
export class Probe {
  readonly #model: RuntimeModel;
  readonly #method: string;

  constructor(graph: Graph, watched: readonly Value[], kernels: Kernels) {
    const to = new Rewriting(graph);
    for (const node of graph.nodes) to.keep(node);
    watched.forEach((value, i) => void to.target.output(`${i}`, to.of(value)));
    this.#method = graph.name;
    this.#model = new RuntimeModel(build([to.target], { name: 'probe' }).program, kernels);
  }

  /** Puts state back to its first contents. */
  reset(): void {
    this.#model.reset();
  }

  /** The watched values, in their order: views that the next call overwrites. */
  run(feeds: ProbeFeeds): TypedArray[] {
    const outputs = this.#model.session.run(this.#method, feeds);
    return Object.keys(outputs).map((_, i) => (outputs[`${i}`] as Tensor).data);
  }
}
