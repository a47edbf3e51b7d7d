import type { Shape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { attention } from '../ops/attention.ts';
import { linear } from '../ops/linear.ts';
import { reshape } from '../ops/reshape.ts';
import { transpose } from '../ops/transpose.ts';
import { present } from './core.ts';
import type { Initializer, InitializerName } from './initializers.ts';
import { type CallContext, defineLayer, type LayerFactory } from './layer.ts';

/** Options of `multiHeadAttention`. */
export interface MultiHeadAttentionConfig {
  /** 1 where left out. */
  readonly numHeads: number;
  /** Features of each head's queries and keys. */
  readonly keyDim: number;
  /** Features of each head's values; keyDim where left out. */
  readonly valueDim: number | undefined;
  /** Of all four projections; true where left out. */
  readonly useBias: boolean;
  readonly kernelInitializer: InitializerName | Initializer;
}

/** [batch, steps, heads · features] → [batch, heads, steps, features]. */
function splitHeads(x: Value, heads: number): Value {
  const [batch, steps, width] = x.shape as [number, number, number];
  return transpose(reshape(x, { shape: [batch, steps, heads, width / heads] }), { perm: [0, 2, 1, 3] });
}

function project(x: Value, name: string, units: number, ctx: CallContext): Value {
  return linear([x, ...present(ctx, `${name}Kernel`, `${name}Bias`)], { units });
}

/** Multi-head attention (Vaswani et al. 2017). Inputs: [query, value] or [query, value, key], each [steps, features]; key is value where left out. */
export const multiHeadAttention: LayerFactory<MultiHeadAttentionConfig> = defineLayer<MultiHeadAttentionConfig>({
  type: 'multiHeadAttention',
  defaults: { numHeads: 1, keyDim: 1, valueDim: undefined, useBias: true, kernelInitializer: 'glorotUniform' },
  weights({ numHeads, keyDim, valueDim = keyDim, useBias, kernelInitializer }, inputs) {
    const [query, value, key = value] = inputs as [Shape, Shape, Shape?];
    const width = query.at(-1) as number;
    const weight = (name: string, from: Shape | number, to: number) => ({
      [`${name}Kernel`]: {
        shape: [typeof from === 'number' ? from : (from.at(-1) as number), to],
        initializer: kernelInitializer,
        panels: 1,
      },
      [`${name}Bias`]: useBias ? ({ shape: [to], initializer: 'zeros' } as const) : undefined,
    });
    return {
      ...weight('query', query, numHeads * keyDim),
      ...weight('key', key, numHeads * keyDim),
      ...weight('value', value, numHeads * valueDim),
      ...weight('output', numHeads * valueDim, width),
    };
  },
  call({ numHeads, keyDim, valueDim = keyDim }, inputs, ctx) {
    const [query, value, key = value] = inputs as [Value, Value, Value?];
    const q = splitHeads(project(query, 'query', numHeads * keyDim, ctx), numHeads);
    const k = splitHeads(project(key, 'key', numHeads * keyDim, ctx), numHeads);
    const v = splitHeads(project(value, 'value', numHeads * valueDim, ctx), numHeads);
    const heads = transpose(attention([q, k, v]), { perm: [0, 2, 1, 3] });
    const [batch, steps] = query.shape as [number, number];
    return project(reshape(heads, { shape: [batch, steps, numHeads * valueDim] }), 'output', query.shape.at(-1) as number, ctx);
  },
});
