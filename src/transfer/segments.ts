import { ThimbleError } from '../core/errors.ts';
import { Graph, type Node, type Value } from '../ir/graph.ts';
import { opOf } from '../ops/registry.ts';
import type { Backbone, BackboneWeight } from './backbone.ts';

/** Names of the method that computes features, and of its output. */
export const FEATURES = 'features';

/** A backbone cut in two: what is frozen and needs no gradients, and what is trained. */
export interface Cut {
  readonly frozen: readonly Node[];
  /** The single tensor between the parts; an input of the model where nothing is frozen. */
  readonly at: Value;
  readonly trained: readonly Node[];
}

/**
 * Cuts as late as can be before the first of `weights`, where one tensor alone crosses; at the features where there are none.
 * @throws INPUT where no such place exists: several inputs meet behind the first trained weight.
 */
export function cutBefore({ nodes, inputs, features }: Backbone, weights: readonly BackboneWeight[]): Cut {
  if (weights.length === 0) return { frozen: nodes, at: features, trained: [] };
  const trained = new Set(weights.map(({ node }) => node));
  const first = nodes.findIndex((node) => trained.has(node));
  const lastUse = new Map<Value, number>();
  nodes.forEach((node, i) => {
    for (const value of node.inputs) lastUse.set(value, i);
  });
  lastUse.set(features, nodes.length);
  for (let i = first; i >= 0; i--) {
    const before = [...inputs, ...nodes.slice(0, i).flatMap((node) => node.outputs)];
    const crossing = before.filter((value) => (lastUse.get(value) ?? -1) >= i);
    const [at] = crossing;
    if (crossing.length === 1 && at && at.shape[0] === 1 && at.dtype === 'f32')
      return { frozen: nodes.slice(0, i), at, trained: nodes.slice(i) };
  }
  throw new ThimbleError('INPUT', 'the backbone has no single float tensor before its first trained layer', {
    hint: "train fewer layers: train: 'head' or 'last:1'",
  });
}

/** Appends `nodes` to `target`, where `map` says what stands for the values they start from, and `replace` for their constants. */
export function replay(
  nodes: readonly Node[],
  target: Graph,
  map: Map<Value, Value>,
  replace: (node: Node, operand: number) => Value | undefined = () => undefined,
): void {
  const mapped = (value: Value, node: Node, operand: number): Value => {
    if (value.origin.kind === 'const') {
      const own = replace(node, operand);
      if (own) return own;
    }
    let known = map.get(value);
    if (!known) {
      const { origin } = value;
      if (origin.kind === 'const') known = target.constant({ dtype: value.dtype, shape: value.shape, data: origin.data }, value.name);
      else throw new ThimbleError('UNSUPPORTED_OP', 'models that keep state between calls cannot be fine-tuned', { node: value.name });
      map.set(value, known);
    }
    return known;
  };
  for (const node of nodes) {
    const operands = node.inputs.map((value, operand) => mapped(value, node, operand));
    const outputs = target.named(node.name, () => opOf(node).all(operands, node.attrs));
    node.outputs.forEach((output, i) => {
      map.set(output, outputs[i] as Value);
    });
  }
}

/** The frozen part as a method: inputs to `features`. */
export function featureGraph({ inputs }: Backbone, { frozen, at }: Cut): Graph {
  const graph = new Graph(FEATURES);
  const map = new Map(inputs.map((input) => [input, graph.input(input.name, input)] as const));
  replay(frozen, graph, map);
  graph.output(FEATURES, map.get(at) as Value);
  return graph;
}
