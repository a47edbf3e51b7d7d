import type { Value } from '../../ir/graph.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import {
  add,
  broadcast,
  cast,
  concat,
  equal,
  exp,
  gather,
  greater,
  matmul,
  mul,
  reduceMax,
  reshape,
  slice,
  softmax,
  sub,
  tanh,
  transpose,
  where,
} from '../../ops/index.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { count, table } from './counted.ts';
import { isSequence } from './operand.ts';
import { damaged } from './protobuf.ts';
import { padded, reshapedTo } from './shapes.ts';

/** What is added to the scores of keys that a query may not attend to. */
export const NEVER = Number.NEGATIVE_INFINITY;

/** [batch, steps, heads · size] → [batch, heads, steps, size]; four axes stay. */
export function toHeads(x: Value, heads: number): Value {
  if (x.shape.length === 4) return x;
  const [batch, steps, width] = x.shape as [number, number, number];
  return transpose(reshape(x, { shape: [batch, steps, heads, width / heads] }), { perm: [0, 2, 1, 3] });
}

/** Each head `times` times in a row. */
export function repeated(x: Value, times: number): Value {
  if (times === 1) return x;
  const [batch, heads, steps, size] = x.shape as [number, number, number, number];
  const spread = broadcast(reshape(x, { shape: [batch, heads, 1, steps, size] }), { shape: [batch, heads, times, steps, size] });
  return reshape(spread, { shape: [batch, heads * times, steps, size] });
}

/** 0 where attending is allowed, -∞ where not. */
const bias = (allowed: Value): Value => where([allowed, allowed.graph.scalar(0), allowed.graph.scalar(NEVER)]);

/** Additive bias [.., queries, keys] of everything that forbids attending; undefined where all is allowed. */
function maskOf(n: NodeContext, queries: number, keys: number, past: number): Value | undefined {
  const parts: Value[] = [];
  if (n.has(3)) {
    const given = n.operand(3);
    const additive = given.elem === 'bool' ? bias(given.value) : given.value;
    const missing = keys - (additive.shape.at(-1) as number);
    parts.push(
      missing > 0
        ? padded(
            additive,
            additive.shape.map((_, i): [number, number] => [0, i === additive.shape.length - 1 ? missing : 0]),
            'constant',
            NEVER,
          )
        : additive,
    );
  }
  const causal = n.int('is_causal', 0) !== 0;
  const [left, right] = [n.int('left_window_size', -1), n.int('right_window_size', -1)];
  const lengths = n.has(6) ? n.x(6) : undefined;
  if (causal || left >= 0 || right >= 0) {
    // How far query i, counted with the keys before it, is ahead of key j.
    const ahead = n.integers(
      table(queries * keys, (i) => Math.floor(i / keys) - (i % keys) + (lengths ? 0 : past)),
      [queries, keys],
    );
    const offset = lengths && reshapedTo(sub([lengths, n.integers([queries], [])]), [lengths.shape[0] as number, 1, 1, 1]);
    const distance = offset ? add([ahead, offset]) : ahead;
    const atLeast = (value: Value, bound: number) => greater([value, n.integers([bound - 1], [])]);
    if (causal) parts.push(bias(atLeast(distance, 0)));
    if (left >= 0) parts.push(bias(greater([n.integers([left + 1], []), distance])));
    if (right >= 0) parts.push(bias(atLeast(distance, -right)));
  }
  if (lengths) {
    const position = n.integers(count(keys), [1, 1, 1, keys]);
    parts.push(bias(greater([reshapedTo(lengths, [lengths.shape[0] as number, 1, 1, 1]), position])));
  }
  return parts.length ? parts.reduce((a, b) => add([a, b])) : undefined;
}

/** Probabilities; a query that may attend to nothing gets zeros. */
function probabilities(scores: Value, mask: Value | undefined): Value {
  const p = softmax(scores);
  if (!mask) return p;
  const largest = reduceMax(mask, { axes: [-1], keepDims: true });
  if (isConstant(largest) && evaluate(largest).every((value) => value !== NEVER)) return p;
  const nothing = equal([largest, mask.graph.scalar(NEVER)]);
  const live = greater([mask.graph.scalar(1), nothing]);
  return where([toInteger(live), p, mask.graph.scalar(0)]);
}

const toInteger = (value: Value): Value => cast(value, { to: 'i32' });

/** Scaled dot-product attention of ONNX: grouped heads, caches, masks, soft cap (Vaswani et al. 2017). */
function attentionRow(n: NodeContext): Result {
  const flat = n.shape(0).length === 3;
  const q = toHeads(n.f32(0), n.int('q_num_heads', 1));
  let k = toHeads(n.f32(1), n.int('kv_num_heads', 1));
  let v = toHeads(n.f32(2), n.int('kv_num_heads', 1));
  const past = n.has(4) ? (n.shape(4)[2] as number) : 0;
  if (n.has(4)) k = concat([n.f32(4), k], { axis: 2 });
  if (n.has(5)) v = concat([n.f32(5), v], { axis: 2 });
  const present = [k, v];
  const [, heads, queries, size] = q.shape as [number, number, number, number];
  const times = heads / (k.shape[1] as number);
  const scale = n.attribute('scale') ? n.float('scale') : 1 / Math.sqrt(size);
  const product = matmul([q, repeated(k, times)], { transposeB: true, alpha: scale });
  const cap = n.float('softcap', 0);
  const capped = cap > 0 ? mul([tanh(mul([product, n.graph.scalar(1 / cap)])), n.graph.scalar(cap)]) : product;
  const mask = maskOf(n, queries, k.shape[2] as number, past);
  const biased = mask ? add([capped, mask]) : capped;
  const p = probabilities(biased, mask);
  const y = matmul([p, repeated(v, times)]);
  const joined = flat
    ? reshape(transpose(y, { perm: [0, 2, 1, 3] }), { shape: [q.shape[0] as number, queries, heads * (v.shape[3] as number)] })
    : y;
  const exposed = [product, capped, biased, p][n.int('qk_matmul_output_mode', 0)];
  return [joined, ...present, exposed];
}

/** Attention with subgraphs that change the scores and the probabilities (ONNX FlexAttention). */
function flexAttention(n: NodeContext): Value {
  const [q, k, v] = [n.f32(0), n.f32(1), n.f32(2)];
  const [, heads, , size] = q.shape as [number, number, number, number];
  const times = heads / (k.shape[1] as number);
  const modified = (name: string, value: Value): Value => {
    if (!n.attribute(name)) return value;
    const [result] = n.inline(n.subgraph(name), [{ value, elem: 'float32' }]);
    if (!result || isSequence(result)) throw damaged(`${name} has no tensor as its output`);
    return result.value;
  };
  const scores = matmul([q, repeated(k, times)], { transposeB: true, alpha: n.float('scale', 1 / Math.sqrt(size)) });
  const p = modified('prob_mod', softmax(modified('score_mod', scores)));
  return matmul([p, repeated(v, times)]);
}

/** Rotary position embedding (Su et al. 2021). */
function rotaryEmbedding(n: NodeContext): Value {
  const given = n.f32(0);
  const four = given.shape.length === 4;
  const x = four ? transpose(given, { perm: [0, 2, 1, 3] }) : reshape(given, { shape: headShape(given.shape, n.int('num_heads', 1)) });
  const [batch, steps, heads, size] = x.shape as [number, number, number, number];
  const width = n.int('rotary_embedding_dim', 0) || size;
  const half = width / 2;
  const cache = (index: number) => {
    const table = n.f32(index);
    const rows = n.has(3) ? gather([table, n.x(3)], { axis: 0 }) : table;
    return reshapedTo(rows, [...rows.shape.slice(0, -1), 1, half]);
  };
  const [cos, sin] = [cache(1), cache(2)];
  const box = (start: number, count: number, step = 1) =>
    slice(x, { starts: [0, 0, 0, start], sizes: [batch, steps, heads, count], steps: [1, 1, 1, step] });
  const interleaved = n.int('interleaved', 0) !== 0;
  const [a, b] = interleaved ? [box(0, half, 2), box(1, half, 2)] : [box(0, half), box(half, half)];
  const real = sub([mul([cos, a]), mul([sin, b])]);
  const imaginary = add([mul([sin, a]), mul([cos, b])]);
  const column = (value: Value) => reshape(value, { shape: [batch, steps, heads, half, 1] });
  const turned = interleaved
    ? reshape(concat([column(real), column(imaginary)], { axis: 4 }), { shape: [batch, steps, heads, width] })
    : concat([real, imaginary], { axis: 3 });
  const whole = width < size ? concat([turned, box(width, size - width)], { axis: 3 }) : turned;
  return four ? transpose(whole, { perm: [0, 2, 1, 3] }) : reshape(whole, { shape: given.shape });
}

const headShape = ([batch, steps, width]: readonly number[], heads: number): number[] => [
  batch as number,
  steps as number,
  heads,
  (width as number) / heads,
];

/** Attention with a state instead of a softmax, step by step (ONNX LinearAttention). */
function linearAttention(n: NodeContext): Result {
  const [heads, kvHeads] = [n.int('q_num_heads'), n.int('kv_num_heads')];
  const rule = n.text('update_rule', 'gated_delta');
  const [q, k, v] = [toHeads(n.f32(0), heads), toHeads(n.f32(1), kvHeads), toHeads(n.f32(2), kvHeads)];
  const [batch, , steps, keySize] = q.shape as [number, number, number, number];
  const valueSize = v.shape[3] as number;
  const scale = n.float('scale', 0) || 1 / Math.sqrt(keySize);
  let state = n.has(3) ? n.f32(3) : broadcast(n.graph.scalar(0), { shape: [batch, kvHeads, keySize, valueSize] });
  const decay = n.has(4) ? exp(toHeads(n.f32(4), kvHeads)) : undefined;
  const beta = n.has(5) ? toHeads(n.f32(5), n.shape(5)[2] as number) : undefined;
  const at = (x: Value, t: number) => slice(x, { starts: [0, 0, t, 0], sizes: [...x.shape.slice(0, 2), 1, x.shape[3] as number] });
  const upright = (row: Value) => reshapedTo(row, [...row.shape.slice(0, 2), row.shape[3] as number, 1]);
  const outputs = table(steps, (t) => {
    const key = upright(at(k, t));
    let value = at(v, t);
    if (decay) state = mul([state, upright(at(decay, t))]);
    if (rule.includes('delta') && beta) value = mul([at(beta, t), sub([value, rowOf(matmul([state, key], { transposeA: true }))])]);
    state = add([state, matmul([key, value])]);
    return matmul([at(q, t), repeated(state, heads / kvHeads)], { alpha: scale });
  });
  const y = transpose(outputs.length === 1 ? (outputs[0] as Value) : concat(outputs, { axis: 2 }), { perm: [0, 2, 1, 3] });
  return [reshape(y, { shape: [batch, steps, heads * valueSize] }), state];
}

/** [.., size, 1] → [.., 1, size]. */
const rowOf = (column: Value): Value => reshapedTo(column, [...column.shape.slice(0, 2), 1, column.shape[2] as number]);

export const previews: Rows = { FlexAttention: flexAttention };

export const attention: Rows = {
  Attention: attentionRow,
  RotaryEmbedding: rotaryEmbedding,
  LinearAttention: linearAttention,
};
