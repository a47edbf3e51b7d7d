import { ThimbleError } from '../core/errors.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { CELLS } from '../passes/sequences.ts';
import { layerName } from './layers.ts';
import type { Scheme } from './schemes.ts';
import { isHalved, storedLayers } from './weightOnly.ts';
import { storedWeights } from './weights.ts';

/** A layer with weights that a quantized model computes as the model it came from. */
export interface FloatLayer {
  readonly name: string;
  readonly op: string;
  /** Why, for people. */
  readonly reason: string;
}

/** What a scheme makes small. */
const WHAT: Readonly<Record<Scheme, string>> = {
  int8: 'convolutions, dense and recurrent layers and embeddings',
  'int8-dynamic': 'dense and recurrent layers and embeddings',
  'int8-weights': 'weights of convolutions, dense and recurrent layers and embeddings',
  'int4-weights': 'weights of convolutions, dense and recurrent layers and embeddings',
  f16: 'constants of 64 floats or more',
};

/** Operators with weights; where those of `matmul` are constant, they differ from row to row. */
const WEIGHTED = new Set(['linear', 'conv2d', 'depthwiseConv2d', 'conv2dGradInput', 'matmul', 'gather', ...CELLS]);

const isConstant = (value: Value | undefined): boolean =>
  value?.dtype === 'f32' && (value.origin.kind === 'const' || value.origin.kind === 'state');

/** Why no scheme but `f16` makes the weights of a node small; undefined where one does, or it has none. */
function reasonOf(node: Node): string | undefined {
  const { op, inputs } = node;
  if (storedWeights(node) || !WEIGHTED.has(op)) return undefined;
  if (op === 'matmul') return inputs.some(isConstant) ? 'it has other weights for each item of the batch' : undefined;
  return op === 'gather' ? undefined : 'its weights are computed when the model runs';
}

/** Layers with weights that are not among `quantized`, in the order of the graph. */
export function floatLayers({ nodes }: Graph, scheme: Scheme, kept: ReadonlySet<Node>, quantized: ReadonlySet<Node>): FloatLayer[] {
  const skipped = (node: Node): string | undefined => {
    if (quantized.has(node)) return undefined;
    const own = storedWeights(node);
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
  const found = (scheme: Scheme, kept: ReadonlySet<Node>): boolean =>
    scheme === 'f16' ? graph.nodes.some((node) => !kept.has(node) && isHalved(node)) : storedLayers(graph, kept, scheme).length > 0;
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
