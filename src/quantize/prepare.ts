import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { add } from '../ops/add.ts';
import { clip } from '../ops/clip.ts';
import { dataOf } from '../ops/constants.ts';
import { type Epilogue, unlimited } from '../ops/epilogue.ts';
import { relu } from '../ops/relu.ts';
import { type Rewriting, rewrite, useCounts } from '../passes/rewrite.ts';
import { packed, rowsOf, weightsOf } from './weights.ts';

/** Rows that are rounded when the model runs, as in TFLite models with dynamic ranges, are read as they are. */
export const withoutRoundedRows = (source: Graph): Graph =>
  rewrite(source, ({ op }, [x]) => (op === 'roundRows' ? [x as Value] : undefined));

/** Residuals become sums of their own: the result of the product and the sum have ranges of their own, as in other runtimes. */
export function splitResiduals(source: Graph): Graph {
  return rewrite(source, (node, inputs, to) => {
    if (!weightsOf(node) || !node.attrs.residual) return undefined;
    const { low, high } = node.attrs as unknown as Epilogue;
    const [product] = to.apply(node, inputs.slice(0, -1), { ...node.attrs, residual: false, ...unlimited }) as [Value];
    return to.target.named(`${node.name}/sum`, () => {
      const sum = add([product, inputs.at(-1) as Value]);
      if (low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY) return [sum];
      return [low === 0 && high === Number.POSITIVE_INFINITY ? relu(sum) : clip(sum, { min: low, max: high })];
    });
  });
}

/** A product whose result another alone reads, channel by channel the same whatever positive factor a channel has. */
interface Pair {
  readonly first: Node;
  readonly second: Node;
}

/** Between the two lie only operators that keep positive factors of channels. */
const HOMOGENEOUS = new Set(['relu', 'maxPool2d', 'averagePool2d']);
const ROUNDS = 20;

/**
 * Cross-layer equalisation (Nagel et al. 2019): factors move between the output channels of one layer and the input channels of the next, until
 * both have the same range, so that one step for all channels of the activation between them suits each.
 */
export function equalize(source: Graph): Graph {
  const uses = useCounts(source);
  const pairs = source.nodes.flatMap((second) => pairOf(second, uses) ?? []);
  if (pairs.length === 0) return source;
  const weights = new Map<Node, Float32Array>();
  const biases = new Map<Node, Float32Array>();
  for (const node of new Set(pairs.flatMap(({ first, second }) => [first, second]))) {
    weights.set(node, rowsOf(node, weightsOf(node) as NonNullable<ReturnType<typeof weightsOf>>).slice());
    if (node.inputs[2]) biases.set(node, Float32Array.from(dataOf(node.inputs[2])));
  }
  for (let round = 0; round < ROUNDS; round++) for (const pair of pairs) balance(pair, weights, biases);
  return rewrite(source, (node, inputs, to) => (weights.has(node) ? replaced(node, inputs, to, weights, biases) : undefined));
}

function pairOf(second: Node, uses: ReadonlyMap<Value, number>): Pair | undefined {
  if (!isScalable(second)) return undefined;
  let value = second.inputs[0] as Value;
  for (;;) {
    const node = producer(value);
    if (!node || uses.get(value) !== 1) return undefined;
    if (HOMOGENEOUS.has(node.op)) value = node.inputs[0] as Value;
    else {
      const { low, high } = node.attrs as unknown as Epilogue;
      const isHomogeneous = high === Number.POSITIVE_INFINITY && (low === 0 || low === Number.NEGATIVE_INFINITY);
      return isScalable(node) && isHomogeneous ? { first: node, second } : undefined;
    }
  }
}

/** One group, and for depthwise convolutions one filter a channel, so that channels are the weights' last two axes or the last. */
function isScalable(node: Node): boolean {
  if (!weightsOf(node) || node.attrs.residual || (node.inputs[2] && node.inputs[2].origin.kind !== 'const')) return false;
  if (node.op === 'conv2d') return node.attrs.groups === 1;
  return node.op === 'depthwiseConv2d' ? node.attrs.multiplier === 1 : node.op === 'linear';
}

/** The channel of input and output of element i of a node's row-major weights. */
function channels(node: Node, i: number): { input: number; output: number } {
  const { logical } = weightsOf(node) as NonNullable<ReturnType<typeof weightsOf>>;
  const columns = logical.at(-1) as number;
  const output = i % columns;
  return { output, input: node.op === 'depthwiseConv2d' ? output : Math.floor(i / columns) % (logical.at(-2) as number) };
}

function rangesOf(node: Node, data: Float32Array, side: 'input' | 'output', count: number): Float64Array {
  const ranges = new Float64Array(count);
  data.forEach((value, i) => {
    const channel = channels(node, i)[side];
    ranges[channel] = Math.max(ranges[channel] as number, Math.abs(value));
  });
  return ranges;
}

function balance({ first, second }: Pair, weights: Map<Node, Float32Array>, biases: Map<Node, Float32Array>): void {
  const [a, b] = [weights.get(first) as Float32Array, weights.get(second) as Float32Array];
  const count = (first.outputs[0] as Value).shape.at(-1) as number;
  const bias = biases.get(first);
  // A channel that is little else than its bias has the range of that: its weights alone would call for any factor.
  const own = rangesOf(first, a, 'output', count).map((range, c) => Math.max(range, Math.abs(bias?.[c] ?? 0)));
  const next = rangesOf(second, b, 'input', count);
  // A channel that one side does not use has nothing to balance.
  const factors = own.map((range, c) => (range > 0 && (next[c] as number) > 0 ? Math.sqrt((next[c] as number) / range) : 1));
  a.set(a.map((value, i) => value * (factors[channels(first, i).output] as number)));
  b.set(b.map((value, i) => value / (factors[channels(second, i).input] as number)));
  bias?.set(bias.map((value, c) => value * (factors[c] as number)));
}

function replaced(
  node: Node,
  inputs: readonly Value[],
  to: Rewriting,
  weights: ReadonlyMap<Node, Float32Array>,
  biases: ReadonlyMap<Node, Float32Array>,
): readonly Value[] {
  const [x, w, bias] = inputs as [Value, Value, Value?];
  const layout = weightsOf(node) as NonNullable<ReturnType<typeof weightsOf>>;
  const constant = (like: Value, data: Float32Array) => to.target.constant({ dtype: 'f32', shape: like.shape, data }, like.name);
  const own = biases.get(node);
  const rest = bias ? [own ? constant(bias, own) : bias] : [];
  return to.apply(node, [x, constant(w, packed(weights.get(node) as Float32Array, layout)), ...rest]);
}
