import { ThimbleError } from '../core/errors.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { CELLS } from '../passes/sequences.ts';
import { layerName } from './layers.ts';
import type { Scheme } from './schemes.ts';
import { isHalved, roundedProducts } from './weightOnly.ts';
import { weightsOf } from './weights.ts';

/** A layer with weights that a quantized model computes as the model it came from. */
export interface FloatLayer {
  readonly name: string;
  readonly op: string;
  /** Why, for people. */
  readonly reason: string;
}

/** What a scheme makes small. */
const WHAT: Readonly<Record<Scheme, string>> = {
  int8: 'convolutions and dense layers',
  'int8-dynamic': 'dense layers',
  'int8-weights': 'weights of convolutions and dense layers',
  'int4-weights': 'weights of convolutions and dense layers',
  f16: 'constants of 64 floats or more',
};

const holds = (node: Node, index: number): boolean => {
  const { origin, dtype } = node.inputs[index] ?? {};
  return dtype === 'f32' && (origin?.kind === 'const' || origin?.kind === 'state');
};

const isComputed = (value: Value | undefined): boolean => value?.origin.kind === 'node';

/** Why a layer's weights stay floats under every scheme but `f16`; undefined where it has none, or they need not. */
function reasonOf(node: Node): string | undefined {
  const { op, inputs } = node;
  if (['linear', 'conv2d', 'depthwiseConv2d'].includes(op)) {
    return isComputed(inputs[1]) ? 'its weights are computed when the model runs' : undefined;
  }
  if (op === 'conv2dGradInput' && holds(node, 1)) return 'transposed convolutions are not quantized';
  if (op === 'gather' && holds(node, 0)) return 'tables of embeddings are not quantized';
  if (op === 'matmul' && (holds(node, 0) || holds(node, 1))) return 'products whose weights differ from row to row are not quantized';
  if (CELLS.includes(op) && holds(node, 1)) return 'weights of the state are not quantized: every step would add to their error';
  return undefined;
}

/** Layers with weights that are not among `quantized`, in the order of the graph. */
export function floatLayers({ nodes }: Graph, scheme: Scheme, kept: ReadonlySet<Node>, quantized: ReadonlySet<Node>): FloatLayer[] {
  const skipped = (node: Node): string | undefined => {
    if (quantized.has(node)) return undefined;
    const own = weightsOf(node);
    if (kept.has(node) && (own || reasonOf(node))) return 'it is named to stay in float';
    if (scheme === 'f16') return own && 'it has fewer than 64 weights';
    return own ? `${scheme} quantizes ${WHAT[scheme]} alone` : reasonOf(node);
  };
  return nodes.flatMap((node) => {
    const reason = skipped(node);
    return reason === undefined ? [] : [{ name: layerName(node), op: node.op, reason }];
  });
}

/** @throws INPUT where `scheme` finds nothing in the graph to quantize, with what would help. */
export function refuseNothing(graph: Graph, scheme: Scheme, kept: ReadonlySet<Node>): void {
  const found = (scheme: Scheme, kept: ReadonlySet<Node>) => {
    if (scheme === 'f16') return graph.nodes.some((node) => !kept.has(node) && isHalved(node));
    return roundedProducts(graph, kept, scheme === 'int8-dynamic' ? 'linear' : undefined).length > 0;
  };
  if (found(scheme, kept)) return;
  const none = new Set<Node>();
  if (found(scheme, none)) {
    throw new ThimbleError('INPUT', `scheme ${scheme} has nothing to quantize: every layer that it would is named to stay in float`, {
      hint: 'keep fewer layers',
    });
  }
  const others = (['int8', 'int8-weights', 'f16'] as const).filter((other) => found(other, none));
  const first = floatLayers(graph, scheme, none, none)[0];
  throw new ThimbleError('INPUT', `scheme ${scheme} has nothing to quantize: it makes ${WHAT[scheme]} small, and the model has none`, {
    hint: others.length
      ? `choose ${others.join(' or ')}`
      : `no scheme makes this model smaller${first ? `: of "${first.name}", ${first.reason}` : ''}`,
  });
}
