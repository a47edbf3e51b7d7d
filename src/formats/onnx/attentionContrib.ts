import type { Value } from '../../ir/graph.ts';
import { add, concat, greater, matmul, reshape, slice, softmax, transpose, where } from '../../ops/index.ts';
import { attention, NEVER, toHeads } from './attention.ts';
import type { NodeContext, Result, Row, Rows } from './context.ts';
import { count, table } from './counted.ts';
import { dynamicContrib } from './dynamic.ts';
import type { Operand } from './operand.ts';
import { product } from './products.ts';
import { reshapedTo } from './shapes.ts';

/** What a query may attend to: inputs of a node by their numbers. */
interface Masks {
  /** Keys that are not padding: 1 or 0, or how many there are. */
  readonly padding: number;
  /** Added to the scores. */
  readonly bias: number;
}

/** [batch, heads, steps, size] → [batch, steps, heads · size]. */
function joined(x: Value): Value {
  const [batch, heads, steps, size] = x.shape as [number, number, number, number];
  return reshape(transpose(x, { perm: [0, 2, 1, 3] }), { shape: [batch, steps, heads * size] });
}

/** Zeros or the value that hides padding, to be added to scores [batch, heads, queries, keys]. */
function paddingBias(n: NodeContext, index: number, batch: number, keys: number): Value {
  const given = n.x(index);
  const { shape } = given;
  const hidden = n.graph.scalar(n.float('mask_filter_value', -10000));
  const shown = (mask: Value) => where([mask, n.graph.scalar(0), hidden]);
  if (shape.length === 2 && shape[1] === keys) return shown(reshapedTo(given, [shape[0] as number, 1, 1, keys]));
  if (shape.length === 3) return shown(reshapedTo(given, [shape[0] as number, 1, shape[1] as number, keys]));
  if (shape.length === 1 && (shape[0] === batch || shape[0] === 2 * batch)) {
    const position = n.integers(count(keys), [1, 1, 1, keys]);
    const part = (start: number) => reshapedTo(slice(given, { starts: [start], sizes: [batch] }), [batch, 1, 1, 1]);
    const before = shown(greater([part(0), position]));
    if (shape[0] === batch) return before;
    // Where the keys start follows where they end.
    return add([before, where([greater([part(batch), position]), hidden, n.graph.scalar(0)])]);
  }
  return n.refuse(`a mask of shape [${shape}]`, {
    expected: `[${batch}], [${2 * batch}], [${batch}, ${keys}] or [${batch}, queries, ${keys}]`,
  });
}

/** softmax(q · kᵀ · scale + masks) · v of heads, joined. */
function attended(n: NodeContext, q: Value, k: Value, v: Value, masks: Masks): Value {
  const [batch, , queries, size] = q.shape as [number, number, number, number];
  const keys = k.shape[2] as number;
  const scores = matmul([q, k], { transposeB: true, alpha: n.float('scale', 0) || 1 / Math.sqrt(size) });
  const added: Value[] = [];
  if (n.has(masks.padding)) added.push(paddingBias(n, masks.padding, batch, keys));
  if (n.has(masks.bias)) added.push(n.f32(masks.bias));
  if (n.int('unidirectional', 0)) {
    const isLater = (i: number) => (i % keys) - Math.floor(i / keys) > keys - queries;
    added.push(
      n.constant(
        table(queries * keys, (i) => (isLater(i) ? NEVER : 0)),
        [queries, keys],
      ),
    );
  }
  return joined(matmul([softmax(added.reduce((sum, bias) => add([sum, bias]), scores)), v]));
}

/** Rows [batch, steps, ..] of a joint projection apart, each with its heads. */
function headsOf(x: Value, widths: readonly number[], heads: number): Value[] {
  const [batch, steps] = x.shape as [number, number];
  return widths.map((width, i) => {
    const start = widths.slice(0, i).reduce((sum, size) => sum + size, 0);
    return toHeads(slice(x, { starts: [0, 0, start], sizes: [batch, steps, width] }), heads);
  });
}

/** Attention on a joint projection of queries, keys and values; the cache of `past` [2, batch, heads, steps, size] is the second output. */
function selfAttention(n: NodeContext, projected: Value, past: number, masks: Masks): Result {
  if (n.int('do_rotary', 0)) n.refuse('rotary positions in an attention', { expected: 'do_rotary = 0' });
  const width = (projected.shape[2] as number) / 3;
  const widths = n.ints('qkv_hidden_sizes');
  const parts = headsOf(projected, widths.length ? widths : [width, width, width], n.int('num_heads'));
  const cached = n.has(past) ? n.f32(past) : undefined;
  const [k, v] = [1, 2].map((i) => {
    const own = parts[i] as Value;
    if (!cached) return own;
    const [, batch, heads, steps, size] = cached.shape as [number, number, number, number, number];
    const half = slice(cached, { starts: [i - 1, 0, 0, 0, 0], sizes: [1, batch, heads, steps, size] });
    return concat([reshapedTo(half, [batch, heads, steps, size]), own], { axis: 2 });
  }) as [Value, Value];
  const y = attended(n, parts[0] as Value, k, v, masks);
  return n.wants(1)
    ? [
        y,
        concat(
          [k, v].map((x) => reshapedTo(x, [1, ...x.shape])),
          { axis: 0 },
        ),
      ]
    : [y];
}

function attentionRow(n: NodeContext): Result {
  const y = product(n.f32(0), n.f32(1));
  return selfAttention(n, n.has(2) ? add([y, n.f32(2)]) : y, 4, { padding: 3, bias: 5 });
}

/** Attention whose projection is a product of bytes: input, weights, bias, both scales, mask, both zero points, past. */
function qAttention(n: NodeContext): Result {
  const inputs = [0, 1, 3, 4, 6, 7, 2].map((i) => n.binding(i));
  const y = (dynamicContrib.MatMulIntegerToFloat as Row)(n.with(inputs)) as Operand;
  return selfAttention(n, y.value, 8, { padding: 5, bias: NONE });
}

/** An input that no node has. */
const NONE = -1;

/** Queries, keys and values in one input [batch, steps, heads, 3, size], or keys and values [.., 2, size], as inputs of their own. */
function unpacked(n: NodeContext): NodeContext {
  const parts = (index: number) => {
    const x = n.f32(index);
    const [batch, steps, heads, ways, size] = x.shape as [number, number, number, number, number];
    return count(ways).map((i) => {
      const own = slice(x, { starts: [0, 0, 0, i, 0], sizes: [batch, steps, heads, 1, size] });
      return { value: reshapedTo(own, [batch, steps, heads * size]), elem: n.elem(index) };
    });
  };
  if (n.has(1) && n.has(2)) return n;
  const packed = n.shape(0).length === 5 ? parts(0) : n.has(1) && n.shape(1).length === 5 ? [n.operand(0), ...parts(1)] : [];
  if (packed.length !== 3) n.refuse('queries without keys and values', { expected: '[batch, steps, heads, 3, size], or three inputs' });
  return n.with([...packed, ...n.bindings.slice(3)]);
}

/** Attention of projected queries, keys and values, each [batch, steps, heads · size]; keys and values may be heads already. */
function multiHeadAttention(given: NodeContext): Result {
  const n = unpacked(given);
  const heads = n.int('num_heads');
  const width = n.shape(0)[2] as number;
  const own = (index: number, start: number): Value => {
    const x = n.f32(index);
    if (!n.has(3) || x.shape.length === 4) return toHeads(x, heads);
    const size = x.shape[2] as number;
    return toHeads(add([x, slice(n.f32(3), { starts: [start], sizes: [size] })]), heads);
  };
  const cached = (x: Value, past: number) => (n.has(past) ? concat([n.f32(past), x], { axis: 2 }) : x);
  const [q, k, v] = [own(0, 0), cached(own(1, width), 6), cached(own(2, 2 * width), 7)];
  return [attended(n, q, k, v, { padding: 4, bias: 5 }), k, v];
}

/** ai.onnx's, with its inputs in another order; one position is that of the first step. */
function rotaryEmbedding(n: NodeContext): Value {
  const [x, cos] = [n.f32(0), n.f32(2)];
  const steps = x.shape.at(-2) as number;
  const elem = 'int64';
  const given = n.x(1);
  const positions = given.shape.length === 1 ? reshapedTo(add([given, n.integers(count(steps))]), [1, steps]) : given;
  const row = attention.RotaryEmbedding as Row;
  const turned = (value: Value): Value =>
    row(n.with([{ value, elem: 'float32' }, n.operand(2), n.operand(3), { value: positions, elem }])) as Value;
  if (x.shape.length === 4 || n.int('num_heads', 0)) return turned(x);
  return joined(turned(toHeads(x, (x.shape[2] as number) / (2 * (cos.shape[1] as number)))));
}

/** Attention as ONNX Runtime's optimizers fuse it (domain com.microsoft). */
export const attentionContrib: Rows = {
  Attention: attentionRow,
  QAttention: qAttention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: rotaryEmbedding,
};
