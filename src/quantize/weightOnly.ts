import { fromHalf } from '../core/float16.ts';
import { toHalf } from '../core/toHalf.ts';
import type { WeightEncoding } from '../formats/onnx/export/weights.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { rewrite } from '../passes/rewrite.ts';
import type { QuantizedGraph, QuantizedLayer } from './static.ts';
import { decode, encodeBlocks, encodeColumns, packed, rowsOf, weightsOf } from './weights.ts';

/** Weights in 8 bits, one step a column; or in 4, one step a block of rows, where they form a matrix. Activations stay in float. */
export function quantizeWeights(source: Graph, kept: ReadonlySet<Node>, bits: 8 | 4, block: number, only?: string): QuantizedGraph {
  const weights = new Map<Value, WeightEncoding>();
  const layers: QuantizedLayer[] = [];
  const graph = rewrite(source, (node, inputs, to) => {
    const layout = weightsOf(node);
    if (!layout || kept.has(node) || (only && node.op !== only)) return undefined;
    const columns = layout.logical.at(-1) as number;
    const rows = rowsOf(node, layout);
    const encoding = bits === 4 && node.op === 'linear' ? encodeBlocks(rows, columns, block) : encodeColumns(rows, columns);
    const decoded = decode(encoding, columns);
    const [x, w, ...rest] = inputs as [Value, Value, ...Value[]];
    const replacement = to.target.constant({ dtype: 'f32', shape: w.shape, data: packed(decoded, layout) }, w.name);
    weights.set(replacement, encoding);
    layers.push({ node, bits: encoding.bits, weights: decoded, bias: biasOf(node) });
    return to.apply(node, [x, replacement, ...rest]);
  });
  return { graph, weights, layers };
}

/** What the layers' weights are once they were stored in 16 bits. */
export const halvedLayers = (source: Graph): QuantizedLayer[] =>
  source.nodes.flatMap((node) => {
    const layout = weightsOf(node);
    if (!layout) return [];
    return [{ node, bits: 16 as const, weights: rowsOf(node, layout).map((value) => fromHalf(toHalf(value))), bias: biasOf(node) }];
  });

const biasOf = (node: Node): Float32Array | undefined => {
  const bias = node.inputs[2];
  return bias?.origin.kind === 'const' && !node.attrs.residual ? (dataOf(bias) as Float32Array) : undefined;
};
