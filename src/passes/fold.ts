import { sizeOf } from '../core/shape.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { evaluated, isConstant } from '../ops/evaluate.ts';
import { rewrite } from './rewrite.ts';

/** Constants that are larger than this, and larger than what they follow from, are computed when the model runs: they would bloat the file. */
const LARGE = 65536;

/** Replaces what follows from constants alone by its value. */
export function fold(source: Graph): Graph {
  return rewrite(source, (node, inputs, to) => {
    if (inputs.length === 0 || !node.outputs.every((output) => isConstant(output))) return undefined;
    const outputs = to.apply(node, inputs);
    const size = (values: readonly Value[]) => values.reduce((sum, value) => sum + sizeOf(value.shape), 0);
    if (size(outputs) > LARGE && size(outputs) > size(inputs)) return outputs;
    return outputs.map((output) => to.target.constant(evaluated(output), output.name));
  });
}
