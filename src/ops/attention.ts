import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import { matmul } from './matmul.ts';
import { softmax } from './softmax.ts';

export interface AttentionAttributes {
  /** Multiplies the products of queries and keys; 1 / √(features) where left out. */
  readonly scale?: number;
}

/**
 * Scaled dot-product attention softmax(scale q kᵀ + mask) v (Vaswani et al. 2017), composed of matrix products and softmax.
 * q [..., queries, features], k [..., keys, features], v [..., keys, values], optionally an additive mask that broadcasts to [..., queries, keys].
 */
export function attention([q, k, v, mask]: readonly [Value, Value, Value, Value?], { scale }: AttentionAttributes = {}): Value {
  const scores = matmul([q, k], { transposeB: true, alpha: scale ?? 1 / Math.sqrt(q.shape.at(-1) as number) });
  return matmul([softmax(mask ? add([scores, mask]) : scores), v]);
}
