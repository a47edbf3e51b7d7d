import type { TypedArray } from '../core/dtype.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Variable } from '../ir/variable.ts';
import { add } from '../ops/add.ts';
import { dataOf } from '../ops/constants.ts';
import { mul } from '../ops/mul.ts';
import { rewrite } from './rewrite.ts';

/**
 * State becomes constants of the data that `contents` gives (in memory layout): what was trained is now fixed. Batch normalisation becomes a
 * scale and a shift, which `fuse` takes into the product before it.
 */
export function freeze(source: Graph, contents: (variable: Variable) => TypedArray): Graph {
  return rewrite(source, (node, inputs, to) => {
    const frozen = inputs.map((input) => {
      const { origin, name, dtype, shape } = input;
      if (origin.kind !== 'state') return input;
      return to.target.constant({ dtype, shape, data: contents(origin.variable) }, name);
    });
    return node.op === 'batchNormInference' ? [scaleAndShift(node, frozen)] : to.apply(node, frozen);
  });
}

function scaleAndShift(node: Node, inputs: readonly Value[]): Value {
  const [x, ...given] = inputs as [Value, Value, Value, Value, Value];
  const [gamma, beta, mean, variance] = given.map(dataOf) as [TypedArray, TypedArray, TypedArray, TypedArray];
  const { epsilon } = node.attrs as { epsilon: number };
  const scale = Float32Array.from(gamma, (value, c) => value / Math.sqrt((variance[c] as number) + epsilon));
  const shift = Float32Array.from(beta, (value, c) => value - (mean[c] as number) * (scale[c] as number));
  const { graph } = x;
  return graph.named(node.name, () => {
    const vector = (name: string, data: Float32Array) =>
      graph.constant({ dtype: 'f32', shape: [data.length], data }, `${node.name}/${name}`);
    return add([mul([x, vector('scale', scale)]), vector('shift', shift)]);
  });
}
