import { fromHalf } from '../core/float16.ts';
import { sizeOf } from '../core/shape.ts';
import { toHalf } from '../core/toHalf.ts';
import { HALVED_FROM } from '../formats/onnx/export/emission.ts';
import type { WeightEncoding } from '../formats/onnx/export/weights.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { rewrite } from '../passes/rewrite.ts';
import { CELLS } from '../passes/sequences.ts';
import { corrected } from './biases.ts';
import type { Observed } from './calibrate.ts';
import type { Scheme } from './schemes.ts';
import type { QuantizedGraph, QuantizedLayer } from './static.ts';
import { decode, encodeBlocks, encodeColumns, packed, rowsOf, type StoredWeights, storedWeights, weightsOf } from './weights.ts';

export interface WeightOptions {
  readonly bits: 8 | 4;
  /** Rows that share a step, with 4 bits. */
  readonly block: number;
}

/** What scheme int8-dynamic makes small. */
const isDynamic = ({ op }: Node): boolean => op === 'linear' || op === 'gather' || CELLS.includes(op);

/** Layers whose weights become whole numbers: those not in `kept`. */
export const storedLayers = ({ nodes }: Graph, kept: ReadonlySet<Node>, scheme: Scheme): Node[] =>
  nodes.filter((node) => storedWeights(node) && !kept.has(node) && (scheme !== 'int8-dynamic' || isDynamic(node)));

/** Weights of a layer, as whole numbers that take the place of its floats. */
export interface Replacement {
  readonly inputs: readonly Value[];
  readonly value: Value;
  readonly encoding: WeightEncoding;
  /** Row-major floats that the whole numbers stand for. */
  readonly decoded: Float32Array;
}

/** The weights among `inputs` of `node`, which lie in the graph that is written, as `encoding`. */
export function replaced(node: Node, inputs: readonly Value[], layout: StoredWeights, encoding: WeightEncoding): Replacement {
  const w = node.inputs[layout.input] as Value;
  const decoded = decode(encoding, layout.columns);
  const graph = (inputs[layout.input] as Value).graph;
  const value = graph.constant({ dtype: 'f32', shape: w.shape, data: packed(decoded, layout) }, w.name);
  return { inputs: inputs.with(layout.input, value), value, encoding, decoded };
}

/**
 * Weights of `stored` layers in 8 bits, one step a column; or in 4, one step a block of rows, where they are those of dense layers. Activations stay in float.
 * Biases are corrected for products whose inputs are among `observed`.
 */
export function quantizeWeights(
  source: Graph,
  stored: readonly Node[],
  observed: ReadonlyMap<Value, Observed>,
  { bits, block }: WeightOptions,
): QuantizedGraph {
  const isStored = new Set(stored);
  const weights = new Map<Value, WeightEncoding>();
  const layers: QuantizedLayer[] = [];
  const graph = rewrite(source, (node, inputs, to) => {
    const layout = storedWeights(node);
    if (!layout || !isStored.has(node)) return undefined;
    const rows = rowsOf(node, layout);
    const encoding = bits === 4 && node.op === 'linear' ? encodeBlocks(rows, layout.columns, block) : encodeColumns(rows, layout.columns);
    const replacement = replaced(node, inputs, layout, encoding);
    weights.set(replacement.value, encoding);
    const bias = weightsOf(node) && corrected(node, rows, replacement.decoded, observed.get(node.inputs[0] as Value)?.means);
    const note = encoding.bits === bits ? undefined : 'in 8 bits, as 4-bit weights are those of dense layers alone';
    layers.push({ node, bits: encoding.bits, weights: replacement.decoded, bias, note });
    if (!bias) return to.apply(node, replacement.inputs);
    const name = node.inputs[2]?.name ?? `${node.name}/bias`;
    const shift = to.target.constant({ dtype: 'f32', shape: [layout.columns], data: bias }, name);
    return to.apply(node, [...replacement.inputs.slice(0, 2), shift]);
  });
  return { graph, weights, layers };
}

/** Whether scheme f16 holds constants of `node` in 16 bits. */
export function isHalved(node: Node): boolean {
  const layout = storedWeights(node);
  return node.inputs.some(({ origin, dtype, shape }, i) => {
    const isConstant = dtype === 'f32' && (origin.kind === 'const' || origin.kind === 'state');
    return isConstant && sizeOf(layout?.input === i ? layout.logical : shape) >= HALVED_FROM;
  });
}

/** What the weights of layers that are not in `kept` are once they were stored in 16 bits. */
export const halvedLayers = ({ nodes }: Graph, kept: ReadonlySet<Node>): QuantizedLayer[] =>
  nodes.flatMap((node) => {
    const layout = storedWeights(node);
    if (!layout || kept.has(node) || !isHalved(node)) return [];
    const weights = rowsOf(node, layout).map((value) => fromHalf(toHalf(value)));
    return [{ node, bits: 16 as const, weights, bias: undefined }];
  });
