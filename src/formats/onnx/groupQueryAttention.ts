import type { Value } from '../../ir/graph.ts';
import {
  add,
  broadcast,
  concat,
  gather,
  greater,
  matmul,
  min,
  mul,
  reshape,
  slice,
  softmax,
  sub,
  tanh,
  transpose,
  where,
} from '../../ops/index.ts';
import { attention, NEVER, repeated, toHeads } from './attention.ts';
import type { NodeContext, Result, Row, Rows } from './context.ts';
import { count, table } from './counted.ts';
import type { AttributeProto } from './proto.ts';
import { reshapedTo } from './shapes.ts';

/** Inputs of the node that thimble has no meaning for, and attributes whose value is another than that of the plain operator. */
function checkPlain(n: NodeContext): void {
  const names = ['k_scale', 'v_scale', 'q_norm_weight', 'k_norm_weight', 'query_seqlens'];
  names.forEach((name, i) => {
    if (n.has(12 + i)) n.refuse(`the input ${name}`, { expected: 'the inputs 0 to 11' });
  });
  for (const [name, plain] of Object.entries({ sliding_window_cache: 0, qk_output: 0, causal: 1 })) {
    if (n.int(name, plain) !== plain) n.refuse(`${name} = ${n.int(name)}`, { expected: `${plain}` });
  }
}

/** How a node lays its tokens out: `before` has how many tokens of each row came with earlier calls, as [batch]. */
interface Steps {
  readonly batch: number;
  readonly steps: number;
  /** Tokens of the longest row, with those of earlier calls. */
  readonly total: number;
  readonly before: Value;
}

function stepsOf(n: NodeContext): Steps {
  const [batch, steps] = n.shape(0) as [number, number, number];
  const total = n.number(6);
  const last = reshapedTo(n.x(5), [batch]);
  // All of a first prompt is new, however short a row is.
  const before = steps === total ? n.integers(table(batch, () => 0)) : sub([last, n.integers([steps - 1], [])]);
  return { batch, steps, total, before };
}

const columns = (value: Value): Value => reshapedTo(value, [value.shape[0] as number, 1]);

/** Queries or keys [batch, heads, steps, size] turned by their positions. */
function rotated(n: NodeContext, x: Value, { batch, steps, before }: Steps): Value {
  if (!n.int('do_rotary', 0)) return x;
  const cos = n.f32(7);
  const own = add([columns(before), n.integers(count(steps), [1, steps])]);
  const last = n.integers([(cos.shape[0] as number) - 1], []);
  const positions = n.has(9) ? reshapedTo(n.x(9), [batch, steps]) : min([own, last]);
  const attribute = (name: string, int: number): [string, AttributeProto] => [
    name,
    { name, reference: '', int, floats: [], ints: [], texts: [] },
  ];
  const attributes = new Map([
    attribute('interleaved', n.int('rotary_interleaved', 0)),
    attribute('rotary_embedding_dim', 2 * (cos.shape[1] as number)),
  ]);
  const inputs = [{ value: x, elem: n.elem(0) }, n.operand(7), n.operand(8), { value: positions, elem: 'int64' as const }];
  return (attention.RotaryEmbedding as Row)(n.with(inputs, 23, attributes)) as Value;
}

/** Keys or values of earlier calls with new ones behind those that each row has: [batch, heads, max(capacity, total), size]. */
function appended(n: NodeContext, past: Value | undefined, own: Value, { batch, steps, total, before }: Steps): Value {
  const capacity = past?.shape[2] ?? 0;
  if (!past || capacity === 0) return own;
  const whole = concat([past, own], { axis: 2 });
  if (batch === 1 && capacity + steps === total) return whole;
  const length = Math.max(capacity, total);
  const at = n.integers(count(length));
  const [, ...box] = whole.shape as [number, number, number, number];
  const rows = table(batch, (b) => {
    const start = reshapedTo(slice(before, { starts: [b], sizes: [1] }), []);
    const fresh = sub([at, start]);
    const isFresh = mul([greater([n.integers([1], []), greater([start, at])]), greater([n.integers([steps], []), fresh])]);
    const from = where([isFresh, add([fresh, n.integers([capacity], [])]), min([at, n.integers([capacity - 1], [])])]);
    return gather([slice(whole, { starts: [b, 0, 0, 0], sizes: [1, ...box] }), from], { axis: 2 });
  });
  return rows.length === 1 ? (rows[0] as Value) : concat(rows, { axis: 0 });
}

/** What is added to scores [batch, heads, steps, keys]: a token sees itself and those before it, at most `local_window_size` of them. */
function causal(n: NodeContext, { batch, steps, before }: Steps, keys: number): Value {
  const apart = n.integers(
    table(steps * keys, (i) => Math.floor(i / keys) - (i % keys)),
    [1, 1, steps, keys],
  );
  const ahead = add([reshapedTo(before, [batch, 1, 1, 1]), apart]);
  const [zero, never] = [n.graph.scalar(0), n.graph.scalar(NEVER)];
  const window = n.int('local_window_size', -1);
  const past = where([greater([n.integers([0], []), ahead]), never, zero]);
  return window > 0 ? where([greater([ahead, n.integers([window - 1], [])]), never, past]) : past;
}

/** Probabilities of scores [batch, heads, steps, keys]; a score of its own for attending to nothing takes its share where there is one. */
function probabilities(n: NodeContext, scores: Value): Value {
  const [batch, heads, steps, keys] = scores.shape as [number, number, number, number];
  const isSmooth = n.int('smooth_softmax', 0) === 1;
  if (!n.has(11) && !isSmooth) return softmax(scores);
  const sink = n.has(11) ? reshapedTo(n.f32(11), [1, heads, 1, 1]) : n.graph.scalar(0);
  const column = broadcast(sink, { shape: [batch, heads, steps, 1] });
  return slice(softmax(concat([scores, column], { axis: 3 })), { starts: [0, 0, 0, 0], sizes: [batch, heads, steps, keys] });
}

/**
 * Attention with a cache, in which several heads of queries share one of keys and values (Ainslie et al. 2023), as language models that ONNX Runtime's
 * tools export have it: query, key, value (or the three in one), caches, the last position of each row, how many positions there are, cosines and sines.
 */
function groupQueryAttention(n: NodeContext): Result {
  checkPlain(n);
  const [heads, shared] = [n.int('num_heads'), n.int('kv_num_heads')];
  const at = stepsOf(n);
  const { batch, steps } = at;
  const size = (n.shape(0)[2] as number) / (n.has(1) ? heads : heads + 2 * shared);
  const part = (start: number, width: number) => slice(n.f32(0), { starts: [0, 0, start * size], sizes: [batch, steps, width * size] });
  const joint = () => [part(0, heads), part(heads, shared), part(heads + shared, shared)];
  const [query, key, value] = (n.has(1) ? [0, 1, 2].map((i) => n.f32(i)) : joint()) as [Value, Value, Value];
  const past = (index: number) => (n.has(index) ? n.f32(index) : undefined);
  const q = rotated(n, toHeads(query, heads), at);
  const k = appended(n, past(3), rotated(n, toHeads(key, shared), at), at);
  const v = appended(n, past(4), toHeads(value, shared), at);
  const times = heads / shared;
  const raw = matmul([q, repeated(k, times)], { transposeB: true, alpha: n.float('scale', 0) || 1 / Math.sqrt(size) });
  const cap = n.float('softcap', 0);
  const capped = cap > 0 ? mul([tanh(mul([raw, n.graph.scalar(1 / cap)])), n.graph.scalar(cap)]) : raw;
  const biased = n.has(10) ? add([capped, n.f32(10)]) : capped;
  const p = probabilities(n, add([biased, causal(n, at, k.shape[2] as number)]));
  const y = transpose(matmul([p, repeated(v, times)]), { perm: [0, 2, 1, 3] });
  return [reshape(y, { shape: [batch, steps, heads * size] }), k, v];
}

export const groupQuery: Rows = { GroupQueryAttention: groupQueryAttention };
