import { Graph, type Node, type Value } from '../ir/graph.ts';
import { opOf } from '../ops/registry.ts';

/** Where a pass writes the new graph: maps values of the old one, and appends nodes that are not there yet. */
export class Rewriting {
  readonly target: Graph;
  readonly #map = new Map<Value, Value>();
  readonly #nodes = new Map<string, readonly Value[]>();
  readonly #ids = new Map<unknown, number>();

  /** @param inputs those of the old graph that the new one has too. */
  constructor(source: Graph, name = source.name, inputs: readonly Value[] = source.inputs) {
    this.target = new Graph(name, undefined, source.steps);
    for (const input of inputs) this.#map.set(input, this.target.input(input.name, input));
  }

  /** What stands for `value` of the old graph. */
  of(value: Value): Value {
    let mapped = this.#map.get(value);
    if (!mapped) {
      const { origin } = value;
      if (origin.kind === 'const') mapped = this.target.constant({ dtype: value.dtype, shape: value.shape, data: origin.data }, value.name);
      else if (origin.kind === 'state') mapped = this.target.state(origin.variable);
      else throw new Error(`"${value.name}" is read before it is rewritten`);
      this.#map.set(value, mapped);
    }
    return mapped;
  }

  set(value: Value, mapped: Value): void {
    this.#map.set(value, mapped);
  }

  has(value: Value): boolean {
    return this.#map.has(value);
  }

  /** The outputs of `node`'s operator on `inputs`, under its name: those of an equal node, where the graph has one. */
  apply(node: Node, inputs: readonly Value[], attrs: object = node.attrs): readonly Value[] {
    const op = opOf(node);
    const key =
      op.mutates || op.name === 'dropout' || inputs.length === 0
        ? undefined
        : `${op.name}(${inputs.map((v) => this.#identity(v))})${JSON.stringify(attrs, limits)}`;
    const known = key === undefined ? undefined : this.#nodes.get(key);
    if (known) return known;
    const outputs = this.target.named(node.name, () => op.all(inputs, attrs));
    if (key !== undefined) this.#nodes.set(key, outputs);
    return outputs;
  }

  /** Takes `node` over as it is. */
  keep(node: Node): void {
    const outputs = this.apply(
      node,
      node.inputs.map((input) => this.of(input)),
    );
    node.outputs.forEach((output, i) => void this.set(output, outputs[i] as Value));
  }

  /** Constants over the same bytes are the same. */
  #identity(value: Value): string {
    if (value.origin.kind !== 'const') return `${value.id}`;
    const { data } = value.origin;
    const id = this.#ids.get(data) ?? this.#ids.size;
    this.#ids.set(data, id);
    return data.length === 1 ? `${value.dtype}[${value.shape}]${data[0]}` : `c${id}[${value.shape}]`;
  }
}

/** JSON has no infinities, and bounds of ±∞ must not look alike. */
const limits = (_: string, value: unknown): unknown => (typeof value === 'number' && !Number.isFinite(value) ? `${value}` : value);

/** What a rule gives for a node: its outputs in the new graph, or undefined to keep the node. */
export type Rule = (node: Node, inputs: readonly Value[], to: Rewriting) => readonly Value[] | undefined;

/** A graph that computes the same, node by node as `rule` has it, under the names of the nodes it stands for; equal nodes become one. */
export function rewrite(source: Graph, rule: Rule): Graph {
  const to = new Rewriting(source);
  for (const node of source.nodes) {
    const inputs = node.inputs.map((input) => to.of(input));
    const outputs = to.target.named(node.name, () => rule(node, inputs, to)) ?? to.apply(node, inputs);
    node.outputs.forEach((output, i) => {
      to.set(output, outputs[i] as Value);
    });
  }
  for (const { name, value } of source.outputs) to.target.output(name, to.of(value));
  return to.target;
}

/** How often each value is read; an output counts as a read. */
export function useCounts(graph: Graph): ReadonlyMap<Value, number> {
  const counts = new Map<Value, number>();
  const use = (value: Value) => void counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(use);
  for (const { value } of graph.outputs) use(value);
  return counts;
}
