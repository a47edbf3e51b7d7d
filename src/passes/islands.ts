import type { Value } from '../ir/graph.ts';
import { type Graph, type Node, producer } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import type { RefTensor } from '../ops/define.ts';
import type { FakeQuantizeAttributes } from '../ops/fakeQuantize.ts';
import { lookup } from '../ops/lookup.ts';
import { dequantizeInt8, type QuantizeAttributes, quantizeInt8 } from '../ops/quantizeInt8.ts';
import { opOf } from '../ops/registry.ts';
import { INT8_RULES } from './islandRules.ts';
import { ELEMENTWISE } from './layout.ts';
import { type Rewriting, rewrite, useCounts } from './rewrite.ts';

/** An i8 of the new graph and what it stands for: (x - zero) · scale. */
export interface Quantized {
  readonly x: Value;
  readonly scale: number;
  readonly zero: number;
}

/** What a rule computes: y of the node in front of a quantization, its bounds included. */
export interface Target {
  readonly node: Node;
  readonly to: Rewriting;
  /** Scale and zero point of the result. */
  readonly scale: number;
  readonly zero: number;
  /** Limits of the result, as 8-bit numbers. */
  readonly low: number;
  readonly high: number;
  readonly ties: QuantizeAttributes['ties'];
  readonly arithmetic: QuantizeAttributes['arithmetic'];
  readonly operand: QuantizeAttributes['operand'];
}

/** The 8-bit form of a float operator, where it has one. */
export type Rule = (target: Target) => Value | undefined;

/** Operators that move elements of their first input as they are. */
const MOVES = new Set(['transpose', 'reshape', 'slice', 'gather']);

/** `value` of the old graph as an 8-bit number, where it is dequantized from one, or from several of one scale, and perhaps moved since. */
export function quantizedOf(value: Value | undefined, to: Rewriting): Quantized | undefined {
  const node = value && producer(value);
  if (!node) return undefined;
  if (MOVES.has(node.op)) {
    const [first, ...rest] = node.inputs;
    const inner = quantizedOf(first, to);
    return inner && { ...inner, x: to.apply(node, [inner.x, ...rest.map((other) => to.of(other))])[0] as Value };
  }
  if (node.op === 'concat') return together(node, to);
  if (node.op !== 'dequantizeInt8') return undefined;
  const { scale, zero } = node.attrs as unknown as Quantized;
  return { x: to.of(node.inputs[0] as Value), scale, zero };
}

/** A concatenation whose parts have one scale and zero point. */
function together(node: Node, to: Rewriting): Quantized | undefined {
  const parts: Quantized[] = [];
  for (const input of node.inputs) {
    const part = quantizedOf(input, to);
    const [first = part] = parts;
    if (!part || part.scale !== first?.scale || part.zero !== first.zero) return undefined;
    parts.push(part);
  }
  const [first] = parts;
  return (
    first && {
      ...first,
      x: to.apply(
        node,
        parts.map(({ x }) => x),
      )[0] as Value,
    }
  );
}

/**
 * Islands of float operators between dequantized inputs and a quantized result become 8-bit operators: convolutions and dense layers with constant
 * weights of whole steps, sums, products, pooling, functions of one number (as tables), and what only moves elements. The results are those of
 * ONNX's quantized operators: sums are exact, and rounded half to even once. What is left in float stays between the (de)quantizations.
 */
export function quantizeIslands(source: Graph): Graph {
  const split = rewrite(source, splitFakeQuantize);
  const uses = useCounts(split);
  return rewrite(split, (node, _, to) => {
    if (node.op !== 'quantizeInt8') return undefined;
    const found = island(node, to, (value) => uses.get(value) === 1);
    return found && [found];
  });
}

/** What an 8-bit fake quantization with one step for all does, as the two operators it consists of. */
function splitFakeQuantize(node: Node, inputs: readonly Value[]): readonly Value[] | undefined {
  if (node.op !== 'fakeQuantize') return undefined;
  const { low, high } = node.attrs as unknown as FakeQuantizeAttributes;
  const [x, scale, zero] = inputs as [Value, Value, Value];
  if (high - low > 255 || [scale, zero].some(({ origin }) => origin.kind !== 'const' || origin.data.length !== 1)) return undefined;
  const shift = low < 0 ? 0 : 128;
  const step = dataOf(scale)[0] as number;
  const attrs = { scale: step, zero: (dataOf(zero)[0] as number) - shift };
  return [dequantizeInt8(quantizeInt8(x, { ...attrs, low: low - shift, high: high - shift }), attrs)];
}

function island(node: Node, to: Rewriting, once: (value: Value) => boolean): Value | undefined {
  const attrs = node.attrs as unknown as QuantizeAttributes;
  const chain: Node[] = [];
  let value = node.inputs[0] as Value;
  for (let at = producer(value); at && once(value) && !isOnNumbers(at, attrs); at = producer(value)) {
    const variable = variableOf(at);
    if (!variable) break;
    chain.unshift(at);
    value = variable;
  }
  const quantized = quantizedOf(value, to);
  if (quantized) return to.target.named((chain.at(-1) ?? node).name, () => asTable(quantized, chain, attrs));
  if (!once(value) || producer(value)?.attrs.ordered) return undefined;
  const line = lineOf(chain);
  const last = producer(value);
  if (!line || !last) return undefined;
  const byte = (number: number) => Math.min(Math.max(opAt(number, attrs), attrs.low), attrs.high);
  const { scale, zero, ties, arithmetic, operand } = attrs;
  const [low, high] = [byte(line.low), byte(line.high)];
  return to.target.named(last.name, () =>
    INT8_RULES[last.op]?.({ node: last, to, scale: scale / line.factor, zero, ties, arithmetic, operand, low, high }),
  );
}

/** Whether a sum or product is one of a number and a quantized constant, whose steps take part in how it is rounded. */
const isOnNumbers = ({ op }: Node, { arithmetic, operand }: QuantizeAttributes): boolean =>
  operand !== null && arithmetic !== 'float' && (op === 'add' || op === 'mul');

/** Operators of two floats that are functions of one where the other is a number. */
const ARITHMETIC = new Set(['add', 'sub', 'mul', 'div', 'min', 'max', 'pow']);

/** The number that all elements of a constant are: gammas of ones and betas of zeros too. */
function numberOf({ origin }: Value): number | undefined {
  if (origin.kind !== 'const') return undefined;
  const [first] = origin.data;
  return origin.data.every((element) => element === first) ? first : undefined;
}

/** x of an element-wise function of one float: of one operand, or of others that are numbers. */
function variableOf(node: Node): Value | undefined {
  const isKnown = ELEMENTWISE.has(node.op) ? node.op !== 'dequantizeInt8' && node.op !== 'quantizeInt8' : ARITHMETIC.has(node.op);
  const [y] = node.outputs as [Value];
  if (!isKnown || [y, ...node.inputs].some(({ dtype }) => dtype !== 'f32')) return undefined;
  const variables = new Set(node.inputs.filter((value) => numberOf(value) === undefined));
  const [x] = variables;
  return variables.size === 1 && x?.shape.join() === y.shape.join() ? x : undefined;
}

/** One number quantized. */
const opAt = (number: number, attrs: QuantizeAttributes): number =>
  (quantizeInt8.ref([vector(Float64Array.of(number))], attrs, [{ dtype: 'i8', shape: [1] }])[0] as Float64Array)[0] as number;

const vector = (data: Float64Array): RefTensor => ({ dtype: 'f32', shape: [data.length], data });

/** y = x · factor within low..high of a chain of relu, clip and positive factors; undefined for other functions. */
function lineOf(chain: readonly Node[]): { low: number; high: number; factor: number } | undefined {
  let [low, high, factor] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1];
  for (const { op, attrs, inputs } of chain) {
    const number = inputs.map(numberOf).find((given) => given !== undefined);
    if (number !== undefined && number > 0 && (op === 'mul' || (op === 'div' && numberOf(inputs[0] as Value) === undefined))) {
      const by = op === 'mul' ? number : 1 / number;
      [low, high, factor] = [low * by, high * by, factor * by];
      continue;
    }
    if (op !== 'relu' && op !== 'clip') return undefined;
    const [from, to] = op === 'relu' ? [0, Number.POSITIVE_INFINITY] : [attrs.min as number, attrs.max as number];
    low = Math.min(Math.max(low, from), to);
    high = Math.min(Math.max(high, from), to);
  }
  return { low, high, factor };
}

/** A quantized function of a dequantized number: a table of its 256 results. */
function asTable({ x, scale, zero }: Quantized, chain: readonly Node[], attrs: QuantizeAttributes): Value {
  const isSame = scale === attrs.scale && zero === attrs.zero && attrs.low === -128 && attrs.high === 127;
  if (chain.length === 0 && isSame) return x;
  let data = Float64Array.from({ length: 256 }, (_, i) => Math.fround((i - 128 - zero) * Math.fround(scale)));
  for (const node of chain) {
    const operands = node.inputs.map((value) => {
      const number = numberOf(value);
      return vector(number === undefined ? data : new Float64Array(256).fill(number));
    });
    const [next] = opOf(node).ref(operands, node.attrs, [{ dtype: 'f32', shape: [256] }]);
    data = (next as Float64Array).map(Math.fround);
  }
  const [table] = quantizeInt8.ref([vector(data)], attrs, [{ dtype: 'i8', shape: [256] }]);
  return lookup([x, x.graph.constant({ dtype: 'i8', shape: [256], data: Int8Array.from(table as Float64Array) })]);
}

/** `given` with another scale and zero point. */
export const rescaled = (given: Quantized, { scale, zero, low, high }: Pick<Target, 'scale' | 'zero' | 'low' | 'high'>): Value =>
  asTable(given, [], { scale, zero, low, high, ties: 'even', arithmetic: 'float', operand: null });
