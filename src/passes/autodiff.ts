import { ThimbleError } from '../core/errors.ts';
import { sameShape } from '../core/shape.ts';
import type { Node, Value } from '../ir/graph.ts';
import { add } from '../ops/add.ts';
import { opOf } from '../ops/registry.ts';

/**
 * Reverse-mode differentiation: appends to the graph of `loss` the nodes that compute d loss / d value for every value of `wrt`.
 * Work flows only along paths from `wrt` to `loss`, so what is frozen costs no gradient memory and no backward work.
 * @param loss a scalar f32.
 * @returns the gradients by value; a value `loss` does not depend on is absent.
 * @throws UNSUPPORTED_OP where a path passes an operator that has no gradient.
 */
export function gradients(loss: Value, wrt: readonly Value[]): Map<Value, Value> {
  const { graph } = loss;
  const differentiable = reachableFrom(graph.nodes, wrt);
  const gradient = new Map<Value, Value>([[loss, graph.scalar(1)]]);
  for (const node of [...graph.nodes].reverse()) {
    const dy = node.outputs.map((value) => gradient.get(value) ?? null);
    const wants = node.inputs.map((value) => differentiable.has(value));
    if (dy.every((value) => value === null) || !wants.includes(true)) continue;
    const op = opOf(node);
    const rule = op.grad;
    if (typeof rule !== 'function') {
      throw new ThimbleError('UNSUPPORTED_OP', `has no gradient: ${rule.none}`, { op: node.op, node: node.name });
    }
    const results = graph.scope(`${node.name}/grad`, () =>
      rule({ inputs: node.inputs, outputs: node.outputs, attrs: node.attrs, wants }, dy),
    );
    node.inputs.forEach((input, index) => {
      const result = results[index];
      if (!result || !wants[index]) return;
      if (!sameShape(result.shape, input.shape)) {
        throw new Error(`gradient of ${node.op} input ${index} is ${result.shape}, not ${input.shape}`);
      }
      const earlier = gradient.get(input);
      gradient.set(input, earlier ? add([earlier, result]) : result);
    });
    for (const output of node.outputs) gradient.delete(output);
  }
  return new Map(wrt.flatMap((value) => (gradient.has(value) ? [[value, gradient.get(value) as Value] as const] : [])));
}

/** The f32 values that depend on one of `sources`. */
function reachableFrom(nodes: readonly Node[], sources: readonly Value[]): Set<Value> {
  const reached = new Set(sources);
  for (const node of nodes) {
    if (node.inputs.some((value) => reached.has(value))) {
      for (const value of node.outputs) if (value.dtype === 'f32') reached.add(value);
    }
  }
  return reached;
}
