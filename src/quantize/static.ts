import type { WeightEncoding } from '../formats/onnx/export/weights.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { fakeQuantize } from '../ops/fakeQuantize.ts';
import { type ActivationPlan, isRounded } from '../passes/activationPlan.ts';
import { Rewriting } from '../passes/rewrite.ts';
import { biasOf, corrected } from './biases.ts';
import type { Observed } from './calibrate.ts';
import { chooseRange, type Range, type RangeMethod, type Steps, stepsOf } from './ranges.ts';
import { replaced } from './weightOnly.ts';
import { encodeColumns, rowsOf, type StoredWeights, storedWeights } from './weights.ts';

/** A graph whose activations are rounded to steps and whose weights lie on them. */
export interface QuantizedGraph {
  readonly graph: Graph;
  readonly weights: ReadonlyMap<Value, WeightEncoding>;
  /** What was put in place of each product of the graph before. */
  readonly layers: readonly QuantizedLayer[];
}

export interface QuantizedLayer {
  readonly node: Node;
  /** Bits of a weight. */
  readonly bits: 4 | 8 | 16;
  /** Row-major weights that the whole numbers stand for. */
  readonly weights: Float32Array;
  readonly bias: Float32Array | undefined;
  /** What of it is not as the scheme has it, and why. */
  readonly note?: string | undefined;
}

/** Steps of every planned value; those that share a range get the union of theirs. What training has learned stays. */
export function chooseSteps(
  plan: ActivationPlan,
  observed: ReadonlyMap<Value, Observed>,
  method: RangeMethod,
  percentile: number,
): Map<Value, Steps> {
  const ranges = new Map<Value, Range>();
  const learned = new Map<Value, Steps>();
  for (const value of plan.values) {
    const leader = plan.leader(value);
    const rounding = producer(value);
    const source = plan.moved.get(value);
    const known = source && learned.get(source);
    if (known) {
      learned.set(value, known);
      continue;
    }
    if (rounding && isRounded(value)) {
      const [scale, zero] = rounding.inputs.slice(1).map((input) => dataOf(input)[0] as number) as [number, number];
      learned.set(value, { scale, zero });
      continue;
    }
    const statistics = observed.get(value);
    const found = statistics ? chooseRange(statistics, method, percentile) : { low: 0, high: 0 };
    const union = ranges.get(leader);
    ranges.set(leader, union ? { low: Math.min(union.low, found.low), high: Math.max(union.high, found.high) } : found);
  }
  return new Map(
    plan.values.map((value) => {
      const leader = plan.leader(value);
      return [value, learned.get(value) ?? stepsOf(ranges.get(leader) ?? { low: 0, high: 0 })];
    }),
  );
}

/** x rounded to `steps`. */
export function rounded(x: Value, { scale, zero }: Steps, name: string): Value {
  const scalar = (value: number, what: string) =>
    x.graph.constant({ dtype: 'f32', shape: [], data: Float32Array.of(value) }, `${name}/${what}`);
  return x.graph.named(`${name}/fakeQuantize`, () => fakeQuantize([x, scalar(scale, 'scale'), scalar(zero, 'zero')]));
}

/** A bias of i32 must be able to hold what the f32 one is: the largest number of steps it may have. */
const BIAS_STEPS = 2 ** 30;

/** What is said of layers that read floats. */
const ALONE = 'with activations in float';

export interface StaticOptions {
  readonly biasCorrection: boolean;
  /** Layers whose weights become small, products or not. */
  readonly stored: readonly Node[];
}

/** `source` with its planned values rounded and the weights of its layers on steps, one an output column. */
export function quantizeStatic(
  source: Graph,
  plan: ActivationPlan,
  steps: ReadonlyMap<Value, Steps>,
  observed: ReadonlyMap<Value, Observed>,
  { biasCorrection, stored }: StaticOptions,
): QuantizedGraph {
  const to = new Rewriting(source);
  const weights = new Map<Value, WeightEncoding>();
  const layers: QuantizedLayer[] = [];
  const rounds = new Map<Value, Value>();
  const roundedOf = (value: Value): Value => {
    const known = rounds.get(value) ?? (isRounded(value) ? to.of(value) : rounded(to.of(value), steps.get(value) as Steps, value.name));
    rounds.set(value, known);
    return known;
  };
  const isPlanned = new Set(plan.values);
  const read = (value: Value, reader?: Node): Value =>
    isPlanned.has(value) && (plan.computed.has(value) || (reader && plan.readers.has(reader))) ? roundedOf(value) : to.of(value);
  const isProduct = new Set([...plan.products, ...plan.projections]);
  const isStored = new Set(stored);
  for (const node of source.nodes) {
    const inputs = node.inputs.map((input) => read(input, node));
    const outputs = isProduct.has(node) ? product(node, inputs) : to.apply(node, isStored.has(node) ? small(node, inputs) : inputs);
    node.outputs.forEach((output, i) => void to.set(output, outputs[i] as Value));
  }
  for (const { name, value } of source.outputs) to.target.output(name, read(value));
  return { graph: to.target, weights, layers };

  /** The inputs of a layer that computes with floats, its weights on steps. */
  function small(node: Node, inputs: readonly Value[]): readonly Value[] {
    const layout = storedWeights(node) as StoredWeights;
    const replacement = replaced(node, inputs, layout, encodeColumns(rowsOf(node, layout), layout.columns));
    weights.set(replacement.value, replacement.encoding);
    layers.push({ node, bits: 8, weights: replacement.decoded, bias: undefined, note: ALONE });
    return replacement.inputs;
  }

  function product(node: Node, inputs: readonly Value[]): readonly Value[] {
    const [x] = node.inputs as [Value];
    const layout = storedWeights(node) as StoredWeights;
    const { columns } = layout;
    const original = rowsOf(node, layout);
    const given = biasOf(node);
    const scale = steps.get(x)?.scale;
    const least = (c: number) => (scale ? Math.fround(Math.abs(given?.[c] ?? 0) / BIAS_STEPS / scale) : 0);
    const replacement = replaced(node, inputs, layout, encodeColumns(original, columns, least));
    const { decoded } = replacement;
    const bias = biasCorrection ? corrected(node, original, decoded, observed.get(x)?.means) : given;
    weights.set(replacement.value, replacement.encoding);
    layers.push({ node, bits: 8, weights: decoded, bias, note: plan.projections.includes(node) ? ALONE : undefined });
    if (!bias) return to.apply(node, replacement.inputs);
    const shift = to.target.constant({ dtype: 'f32', shape: [columns], data: bias }, node.inputs[2]?.name ?? `${node.name}/bias`);
    return to.apply(node, [...replacement.inputs.slice(0, 2), shift]);
  }
}
