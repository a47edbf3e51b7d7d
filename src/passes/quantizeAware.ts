import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Variable } from '../ir/variable.ts';
import { abs } from '../ops/abs.ts';
import { add } from '../ops/add.ts';
import { movingAverage } from '../ops/batchNorm.ts';
import { clip } from '../ops/clip.ts';
import { concat } from '../ops/concat.ts';
import { div } from '../ops/div.ts';
import { equal } from '../ops/equal.ts';
import { fakeQuantize } from '../ops/fakeQuantize.ts';
import { max } from '../ops/max.ts';
import { min } from '../ops/min.ts';
import { mul } from '../ops/mul.ts';
import { reduceMax } from '../ops/reduceMax.ts';
import { reduceMin } from '../ops/reduceMin.ts';
import { reshape } from '../ops/reshape.ts';
import { round } from '../ops/round.ts';
import { slice } from '../ops/slice.ts';
import { sub } from '../ops/sub.ts';
import { planActivations } from './activationPlan.ts';
import { Rewriting } from './rewrite.ts';
import { type StoredWeights, storedWeights } from './storedWeights.ts';

/** The state of a range by name: low, high and the weight of both, moving averages from 0 (f32 [3]). */
export type RangeVariables = (name: string) => Variable;

const MOMENTUM = 0.95;
/** Until something was seen, ranges go from -6 to 6, as in TensorFlow's quantization-aware training. */
const UNSEEN = 6;
/** Smaller steps would vanish in f32. */
const SMALLEST = 2 ** -100;

/**
 * Puts rounding to 8 bits where `planActivations` has it, and behind the weights of layers. In training a batch is rounded to its own range and the
 * averages of the ranges move; else they count. Gradients pass straight through.
 */
export function quantizeAware(source: Graph, ranges: RangeVariables, training: boolean): Graph {
  const plan = planActivations(source, new Set());
  const planned = new Set(plan.values);
  const names = namesOf(plan.values.filter((value) => !plan.moved.has(value)));
  const to = new Rewriting(source);
  const rounded = new Map<Value, Value>();
  const round8 = (value: Value): Value => {
    // What only moves numbers moves rounded ones.
    if (plan.moved.has(value)) return to.of(value);
    let y = rounded.get(value);
    if (!y) {
      const x = to.of(value);
      const { scale, zero } = activationSteps(x, ranges(names.get(value) as string), training);
      y = x.graph.named(`${value.name}/fakeQuantize`, () => fakeQuantize([x, scale, zero]));
      rounded.set(value, y);
    }
    return y;
  };
  const read = (value: Value, reader?: Node): Value =>
    planned.has(value) && (plan.computed.has(value) || (reader && plan.readers.has(reader))) ? round8(value) : to.of(value);
  for (const node of source.nodes) {
    const inputs = node.inputs.map((input) => read(input, node));
    const weights = storedWeights(node);
    if (weights) inputs[weights.input] = roundedWeights(inputs[weights.input] as Value, weights);
    const outputs = to.apply(node, inputs);
    node.outputs.forEach((output, i) => {
      to.set(output, outputs[i] as Value);
    });
  }
  for (const { name, value } of source.outputs) to.target.output(name, read(value));
  return to.target;
}

interface Steps {
  readonly scale: Value;
  readonly zero: Value;
}

/** Names by layer: those of training and inference are the same, although some of their operators differ. */
function namesOf(values: readonly Value[]): Map<Value, string> {
  const counts = new Map<string, number>();
  return new Map(
    values.map((value) => {
      const layer = value.name.split('/').slice(0, -1).join('/') || value.name;
      const n = counts.get(layer) ?? 0;
      counts.set(layer, n + 1);
      return [value, `${layer}/range${n ? `_${n}` : ''}`];
    }),
  );
}

/** 256 steps over the range, one of them exactly 0. */
function activationSteps(x: Value, variable: Variable, training: boolean): Steps {
  const { graph } = x;
  const state = graph.state(variable);
  let low: Value;
  let high: Value;
  if (training) {
    low = reduceMin(x);
    high = reduceMax(x);
    const seen = concat([reshape(low, { shape: [1] }), reshape(high, { shape: [1] }), reshape(graph.scalar(1), { shape: [1] })], {
      axis: 0,
    });
    movingAverage.node([state, seen], { momentum: MOMENTUM });
  } else {
    const part = (i: number) => reshape(slice(state, { starts: [i], sizes: [1] }), { shape: [] });
    const weight = part(2);
    const unseen = mul([equal([weight, graph.scalar(0)]), graph.scalar(UNSEEN)]);
    const divisor = max([weight, graph.scalar(SMALLEST)]);
    low = sub([div([part(0), divisor]), unseen]);
    high = add([div([part(1), divisor]), unseen]);
  }
  const zero = graph.scalar(0);
  const [bottom, top] = [min([low, zero]), max([high, zero])];
  const scale = max([mul([sub([top, bottom]), graph.scalar(1 / 255)]), graph.scalar(SMALLEST)]);
  return { scale, zero: clip(round(sub([graph.scalar(-128), div([bottom, scale])])), { min: -128, max: 127 }) };
}

/** Symmetric steps, one an output column: of panels [groups, panels, K, 8] over K, of rows over all axes but the last. Tables have one step. */
function roundedWeights(w: Value, { columns }: StoredWeights): Value {
  const { graph, shape } = w;
  const isPanels = w.origin.kind === 'state' && w.origin.variable.layout.kind === 'panels';
  const own = isPanels ? [2] : shape.slice(0, -1).map((_, axis) => axis);
  const axes = columns === 1 ? shape.map((_, axis) => axis) : own;
  const largest = reduceMax(abs(w), { axes, keepDims: true });
  const scale = max([mul([largest, graph.scalar(1 / 127)]), graph.scalar(SMALLEST)]);
  const zero = mul([scale, graph.scalar(0)]);
  return fakeQuantize([w, scale, zero], { low: -127, high: 127 });
}
