import { ThimbleError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import { batchedMatmulScratch } from '../kernels/scratch.ts';
import { broadcastStrides } from './binary.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { logSumExp } from './softmax.ts';
import { offsetBy } from './step.ts';
import { axes6 } from './strided.ts';

/** Matrices of all heads as they lie in an input: element strides of batch, head, row and column. */
export interface Heads {
  readonly offset: number;
  readonly strides: readonly [number, number, number, number];
}

export interface HeadAttentionAttributes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** Columns of q and k. */
  readonly features: number;
  /** Columns of v. */
  readonly values: number;
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
  /** Multiplies the products of queries and keys. */
  readonly scale: number;
  /** Whether heads lie side by side in each row of y: [batch, queries, heads, values], not [batch, heads, queries, values]. */
  readonly merged: boolean;
}

/** Bytes of scores in work at a time: what a second-level cache holds beside the operands. */
const SCORES_BYTES = 65536;

const nowhere: Heads = { offset: 0, strides: [0, 0, 0, 0] };
const scoresShape = ({ batch, heads, queries, keys }: HeadAttentionAttributes): Shape => [batch, heads, queries, keys];

/** Element offset of row `m` of a head in y, and the distance of rows. */
function outputRows({ heads, queries, values, merged }: HeadAttentionAttributes, i: number, h: number, m: number) {
  return merged
    ? { at: ((i * queries + m) * heads + h) * values, stride: heads * values }
    : { at: ((i * heads + h) * queries + m) * values, stride: values };
}

const firstOf = ({ offset, strides }: Heads, i: number, h: number, row = 0): number =>
  offset + i * strides[0] + h * strides[1] + row * strides[2];

/**
 * Scaled dot-product attention softmax(scale q kᵀ + mask) v (Vaswani et al. 2017) of many heads that lie anywhere in their tensors (all three in
 * one, for instance), a block of scores at a time. Inputs: the tensors of q, k and v, optionally a mask that broadcasts to [batch, heads, queries, keys].
 */
export const headAttention: Op<HeadAttentionAttributes> = defineOp<HeadAttentionAttributes>({
  name: 'headAttention',
  attrs: { batch: 1, heads: 1, queries: 0, keys: 0, features: 0, values: 0, q: nowhere, k: nowhere, v: nowhere, scale: 1, merged: false },
  infer(inputs, attrs) {
    const { batch, heads, queries, keys, features, values, merged } = attrs;
    const extents = { q: [queries, features], k: [keys, features], v: [keys, values] };
    (['q', 'k', 'v'] as const).forEach((name, index) => {
      const { shape } = expectInput(inputs, index);
      const { offset, strides } = attrs[name];
      const all = [batch, heads, ...extents[name]];
      const last = strides.reduce((sum, stride, axis) => sum + stride * ((all[axis] as number) - 1), offset);
      const size = shape.reduce((a, b) => a * b, 1);
      if (!all.includes(0) && !(offset >= 0 && last < size && strides.every((stride) => stride >= 0)))
        throw new ThimbleError('SHAPE', `the heads of ${name} reach beyond its ${size} elements`, { got: `element ${last}` });
    });
    if (inputs.length > 3) broadcastStrides(expectInput(inputs, 3).shape, scoresShape(attrs));
    return [{ dtype: 'f32', shape: merged ? [batch, queries, heads, values] : [batch, heads, queries, values] }];
  },
  ref(inputs, attrs) {
    const { batch, heads, queries, keys, features, values, q, k, v, scale } = attrs;
    const [qs, ks, vs, mask] = inputs as [RefTensor, RefTensor, RefTensor, RefTensor?];
    const masked = mask ? broadcastStrides(mask.shape, scoresShape(attrs)) : [];
    const y = new Float64Array(batch * heads * queries * values);
    for (let i = 0; i < batch; i++) {
      for (let h = 0; h < heads; h++) {
        for (let m = 0; m < queries; m++) {
          const scores = Float64Array.from({ length: keys }, (_, n) => {
            let sum = 0;
            for (let f = 0; f < features; f++) {
              sum +=
                (qs.data[firstOf(q, i, h, m) + f * q.strides[3]] as number) * (ks.data[firstOf(k, i, h, n) + f * k.strides[3]] as number);
            }
            const at = [i, h, m, n].reduce((total, index, axis) => total + index * (masked[axis] ?? 0), 0);
            return scale * sum + (mask?.data[at] ?? 0);
          });
          const total = logSumExp(scores);
          const { at } = outputRows(attrs, i, h, m);
          for (let c = 0; c < values; c++) {
            let sum = 0;
            for (let n = 0; n < keys; n++)
              sum += Math.exp((scores[n] as number) - total) * (vs.data[firstOf(v, i, h, n) + c * v.strides[3]] as number);
            y[at + c] = sum;
          }
        }
      }
    }
    return [y];
  },
  lower(ctx) {
    const { batch, heads, queries, keys, features, values, q, k, v, scale } = ctx.attrs;
    if (batch * heads * queries * values === 0) return;
    const block = Math.min(queries, Math.max(32, Math.floor(SCORES_BYTES / 4 / Math.max(1, keys))));
    const mask = ctx.inputs[3];
    const masked = mask ? broadcastStrides(mask.shape, scoresShape(ctx.attrs)) : [];
    const [maskBatch = 0, maskHead = 0, maskRow = 0, maskColumn = 0] = masked;
    const scores = ctx.scratch(block * keys * 4);
    const scratch = ctx.scratch(
      Math.max(
        batchedMatmulScratch({ rows: block, columns: keys, depth: features, aColumn: q.strides[3] }),
        batchedMatmulScratch({ rows: block, columns: values, depth: keys, aColumn: 1 }),
      ),
    );
    const one = { batch0: 1, batch1: 1, aBatch0: 0, aBatch1: 0, bBatch0: 0, bBatch1: 0, scratch };
    for (let i = 0; i < batch; i++) {
      for (let h = 0; h < heads; h++) {
        for (let m = 0; m < queries; m += block) {
          const rows = Math.min(block, queries - m);
          const y = outputRows(ctx.attrs, i, h, m);
          ctx.step('matmul_f32_batched', {
            ...one,
            a: ctx.in(0, 4 * firstOf(q, i, h, m)),
            b: ctx.in(1, 4 * firstOf(k, i, h)),
            y: scores,
            rows,
            columns: keys,
            depth: features,
            aRow: q.strides[2],
            aColumn: q.strides[3],
            bRow: k.strides[3],
            bColumn: k.strides[2],
            yRow: keys,
            alpha: scale,
          });
          if (mask && keys > 0) {
            ctx.step('add_f32', {
              a: scores,
              b: ctx.in(3, 4 * (i * maskBatch + h * maskHead + m * maskRow)),
              y: scores,
              ...axes6('n', [rows, keys], 1),
              ...axes6('a', [keys, 1], 0),
              ...axes6('b', [maskRow, maskColumn], 0),
            });
          }
          ctx.step('softmax_f32', { x: scores, y: scores, rows, columns: keys });
          ctx.step('matmul_f32_batched', {
            ...one,
            a: scores,
            b: ctx.in(2, 4 * firstOf(v, i, h)),
            y: offsetBy(ctx.out(), 4 * y.at),
            rows,
            columns: values,
            depth: keys,
            aRow: keys,
            aColumn: 1,
            bRow: v.strides[2],
            bColumn: v.strides[3],
            yRow: y.stride,
            alpha: 1,
          });
        }
      }
    }
  },
  grad: { none: 'it stands for its parts in graphs that only infer; networks in training are made of matmul and softmax' },
  macs: (_, { batch, heads, queries, keys, features, values }) => batch * heads * queries * keys * (features + values),
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});
