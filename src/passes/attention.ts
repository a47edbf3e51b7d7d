import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { type HeadAttentionAttributes, type Heads, headAttention } from '../ops/headAttention.ts';
import type { MatmulAttributes } from '../ops/matmul.ts';
import { reshape } from '../ops/reshape.ts';
import { rewrite, useCounts } from './rewrite.ts';
import { viewOf } from './views.ts';

/**
 * Joins the products and the softmax of attention, softmax(scale q kᵀ + mask) v, to one operator that reads its heads where they lie: no
 * slices, no transpositions, and the scores of one head at a time.
 */
export function joinAttention(source: Graph): Graph {
  const uses = useCounts(source);
  const once = (value: Value): boolean => uses.get(value) === 1;
  return rewrite(source, (node, inputs) => {
    if (node.op === 'transpose') return merged(node, inputs, once);
    if (node.op !== 'matmul') return undefined;
    const parts = partsOf(node, inputs, once);
    if (!parts) return undefined;
    const { tensors, attrs } = parts;
    const [y] = node.outputs as [Value];
    const heads = headAttention(tensors, attrs);
    return [y.shape.length === 4 ? heads : reshape(heads, { shape: y.shape })];
  });
}

type Once = (value: Value) => boolean;

/** The tensors and attributes of the attention that ends in the product `node`. */
function partsOf(node: Node, inputs: readonly Value[], once: Once): { tensors: Value[]; attrs: HeadAttentionAttributes } | undefined {
  const { transposeA, transposeB, alpha } = node.attrs as unknown as MatmulAttributes;
  const weights = producer(inputs[0] as Value);
  if (transposeA || alpha !== 1 || weights?.op !== 'softmax' || !once(node.inputs[0] as Value)) return undefined;
  const scores = scoresOf(weights, producer(node.inputs[0] as Value) as Node, once);
  if (!scores) return undefined;
  const { product, mask } = scores;
  const given = product.attrs as unknown as MatmulAttributes;
  const q = headsOf(product.inputs[0] as Value, given.transposeA);
  const k = headsOf(product.inputs[1] as Value, !given.transposeB);
  const v = headsOf(inputs[1] as Value, transposeB);
  if (!q || !k || !v || [k, v].some(({ extents }) => extents[0] !== q.extents[0] || extents[1] !== q.extents[1])) return undefined;
  const [batch, heads, queries, features] = q.extents;
  const [, , keys] = k.extents;
  const attrs = {
    batch,
    heads,
    queries,
    keys,
    features,
    values: v.extents[3],
    q: q.heads,
    k: k.heads,
    v: v.heads,
    scale: given.alpha,
    merged: false,
  };
  return { tensors: [q.base, k.base, v.base, ...(mask ? [mask] : [])], attrs };
}

/** The product of queries and keys behind the softmax `weights`, and the mask added to it. `old` is the softmax of the old graph. */
function scoresOf(weights: Node, old: Node, once: Once): { product: Node; mask?: Value } | undefined {
  const [scores] = weights.inputs as [Value];
  const before = producer(scores);
  if (!before || !once(old.inputs[0] as Value)) return undefined;
  if (before.op === 'matmul') return { product: before };
  if (before.op !== 'add') return undefined;
  const added = producer(old.inputs[0] as Value) as Node;
  for (const i of [0, 1]) {
    const product = producer(before.inputs[i] as Value);
    const mask = before.inputs[1 - i] as Value;
    const fits = product?.op === 'matmul' && once(added.inputs[i] as Value) && sameExtents(product.outputs[0] as Value, scores);
    // A mask of three axes would not line up with batch and head.
    if (fits && mask.shape.length <= (scores.shape.length === 4 ? 4 : 2)) return { product, mask };
  }
  return undefined;
}

const sameExtents = (a: Value, b: Value): boolean => a.shape.join() === b.shape.join();

interface Found {
  readonly base: Value;
  readonly heads: Heads;
  readonly extents: readonly [number, number, number, number];
}

/** The matrices in the last two axes of `value`, with `turned` rows and columns; the axes before are batch and head. */
function headsOf(value: Value, turned: boolean): Found | undefined {
  const rank = value.shape.length;
  if (rank !== 3 && rank !== 4) return undefined;
  const view = viewOf(value);
  if (view.base.dtype !== 'f32' || view.strides.some((stride) => stride < 0)) return undefined;
  const four = (list: readonly number[], lead: number) => {
    const all = rank === 3 ? [lead, ...list] : [...list];
    const [a, b, c, d] = all as [number, number, number, number];
    return turned ? ([a, b, d, c] as const) : ([a, b, c, d] as const);
  };
  return { base: view.base, heads: { offset: view.offset, strides: four(view.strides, 0) }, extents: four(view.shape, 1) };
}

/** Heads side by side in each row: the operator writes them there. */
function merged(node: Node, inputs: readonly Value[], once: Once): readonly Value[] | undefined {
  const heads = producer(inputs[0] as Value);
  const perm = node.attrs.perm as readonly number[];
  if (heads?.op !== 'headAttention' || heads.attrs.merged || perm.join() !== '0,2,1,3' || !once(node.inputs[0] as Value)) return undefined;
  return [headAttention(heads.inputs, { ...heads.attrs, merged: true })];
}
