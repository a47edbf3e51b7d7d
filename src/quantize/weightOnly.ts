import { fromHalf } from '../core/float16.ts';
import { sizeOf } from '../core/shape.ts';
import { toHalf } from '../core/toHalf.ts';
import { HALVED_FROM } from '../formats/onnx/export/emission.ts';
import type { WeightEncoding } from '../formats/onnx/export/weights.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { rewrite } from '../passes/rewrite.ts';
import { biasOf, corrected } from './biases.ts';
import type { Observed } from './calibrate.ts';
import type { QuantizedGraph, QuantizedLayer } from './static.ts';
import { decode, encodeBlocks, encodeColumns, packed, rowsOf, weightsOf } from './weights.ts';

export interface WeightOptions {
  readonly bits: 8 | 4;
  /** Rows that share a step, with 4 bits. */
  readonly block: number;
}

/** Products whose weights become whole numbers: those not in `kept`; where an operator is given, of that alone. */
export const roundedProducts = ({ nodes }: Graph, kept: ReadonlySet<Node>, only?: string): Node[] =>
  nodes.filter((node) => weightsOf(node) && !kept.has(node) && (!only || node.op === only));

/**
 * Weights of `products` in 8 bits, one step a column; or in 4, one step a block of rows, where they form a matrix. Activations stay in float. Biases are
 * corrected for products whose inputs are among `observed`.
 */
export function quantizeWeights(
  source: Graph,
  products: readonly Node[],
  observed: ReadonlyMap<Value, Observed>,
  { bits, block }: WeightOptions,
): QuantizedGraph {
  const isProduct = new Set(products);
  const weights = new Map<Value, WeightEncoding>();
  const layers: QuantizedLayer[] = [];
  const graph = rewrite(source, (node, inputs, to) => {
    const layout = weightsOf(node);
    if (!layout || !isProduct.has(node)) return undefined;
    const columns = layout.logical.at(-1) as number;
    const rows = rowsOf(node, layout);
    const encoding = bits === 4 && node.op === 'linear' ? encodeBlocks(rows, columns, block) : encodeColumns(rows, columns);
    const decoded = decode(encoding, columns);
    const [x, w, ...rest] = inputs as [Value, Value, ...Value[]];
    const replacement = to.target.constant({ dtype: 'f32', shape: w.shape, data: packed(decoded, layout) }, w.name);
    weights.set(replacement, encoding);
    const bias = corrected(node, rows, decoded, observed.get(node.inputs[0] as Value)?.means);
    const note = encoding.bits === bits ? undefined : 'in 8 bits, as 4-bit weights are those of dense layers alone';
    layers.push({ node, bits: encoding.bits, weights: decoded, bias, note });
    if (!bias) return to.apply(node, [x, replacement, ...rest]);
    const name = node.inputs[2]?.name ?? `${node.name}/bias`;
    return to.apply(node, [x, replacement, to.target.constant({ dtype: 'f32', shape: [columns], data: bias }, name)]);
  });
  return { graph, weights, layers };
}

/** Whether scheme f16 holds constants of `node` in 16 bits. */
export function isHalved(node: Node): boolean {
  const layout = weightsOf(node);
  return node.inputs.some(({ origin, dtype, shape }, i) => {
    const isConstant = dtype === 'f32' && (origin.kind === 'const' || origin.kind === 'state');
    return isConstant && sizeOf(layout && i === 1 ? layout.logical : shape) >= HALVED_FROM;
  });
}

/** What the weights of layers that are not in `kept` are once they were stored in 16 bits. */
export const halvedLayers = ({ nodes }: Graph, kept: ReadonlySet<Node>): QuantizedLayer[] =>
  nodes.flatMap((node) => {
    const layout = weightsOf(node);
    if (!layout || kept.has(node) || !isHalved(node)) return [];
    return [{ node, bits: 16 as const, weights: rowsOf(node, layout).map((value) => fromHalf(toHalf(value))), bias: biasOf(node) }];
  });
