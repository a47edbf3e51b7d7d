import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { Graph, type Node, producer, type Value } from '../ir/graph.ts';
import type { RefTensor } from '../ops/define.ts';
import { broadcast } from '../ops/index.ts';
import { opOf } from '../ops/registry.ts';
import type { Slot } from '../program/format.ts';
import type { Inputs } from '../train/data.ts';
import type { Engine } from './engine.ts';
import { Histogram } from './histogram.ts';
import { layerOf, names } from './methods.ts';
import type { Forward } from './subject.ts';

/** Functions of one number that networks bend their values with. */
const ACTIVATIONS = new Set(
  'relu clip leakyRelu elu selu sigmoid tanh softplus softsign gelu geluTanh silu hardSigmoid hardSwish mish'.split(' '),
);

/** What each of `layers` gives for each row: f32 [rows, ...]. */
export async function activations(engine: Engine, x: Inputs, layers: readonly string[]): Promise<Record<string, Tensor>> {
  const columns = engine.columns(x);
  const { rows } = columns;
  const compiled = await engine.method(`${names.activations}:${layers.join()}`, (forward) => {
    for (const layer of layers) forward.graph.output(outputOf(layer), layerOf(forward, layer));
    return forward.graph;
  });
  const { batch } = engine.subject;
  const slots = compiled.session.program.methods[compiled.name]?.outputs ?? [];
  const results = layers.map((layer) => {
    const { shape } = slots.find(({ name }) => name === outputOf(layer)) as Slot;
    const item = shape[0] === batch ? shape.slice(1) : shape;
    return { layer, item, data: new Float32Array((rows * sizeOf(shape)) / batch) };
  });
  const item = (row: number) => ({ row, x: engine.row(columns, row) });
  engine.run(compiled, columns, rows, item, (row, part) => {
    for (const { layer, data } of results) data.set(part(outputOf(layer)), row * part(outputOf(layer)).length);
  });
  return Object.fromEntries(results.map(({ layer, item, data }) => [layer, { dtype: 'f32', shape: [rows, ...item], data }]));
}

const outputOf = (layer: string): string => `explain.layer:${layer}`;

/** How one activation function meets the data. */
export interface ActivationStatistics {
  /** The layer it is in. */
  readonly layer: string;
  /** `relu`, `sigmoid`, …; `relu6` and the like are `clip`. */
  readonly activation: string;
  /** What goes into the function, over all rows, units and positions. */
  readonly mean: number;
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
  /** How often: bins of equal width from `from` to `to`. */
  readonly histogram: { readonly from: number; readonly to: number; readonly counts: readonly number[] };
  /** The function over the range of the data. */
  readonly curve: readonly { readonly x: number; readonly y: number }[];
  /** Share of the values where the slope is under 5 % of the function's steepest: a sigmoid that saturates, a relu that is off. */
  readonly flat: number;
  /** The same of each unit (channel of the last axis). */
  readonly unitFlat: readonly number[];
  /** Units whose every value lies where the slope is flat: no row teaches them anything. */
  readonly dead: readonly number[];
}

const FLAT = 0.05;
const CURVE_POINTS = 201;

/** An activation in the graph, and what its reference and gradient rule say of it. */
interface Bend {
  readonly layer: string;
  readonly node: Node;
}

function bendsOf({ graph }: Forward, layers: readonly string[] | undefined): Bend[] {
  const all = graph.nodes.filter(({ op, inputs: [x] }) => ACTIVATIONS.has(op) && x?.origin.kind === 'node');
  const named = all.map((node) => ({ node, layer: node.name.includes('/') ? node.name.slice(0, node.name.lastIndexOf('/')) : node.name }));
  if (!layers) return named;
  for (const layer of layers) {
    if (named.some((bend) => bend.layer === layer)) continue;
    throw new ThimbleError('INPUT', `layer "${layer}" has no activation function`, {
      expected: named.map((bend) => bend.layer).join(', '),
    });
  }
  return named.filter(({ layer }) => layers.includes(layer));
}

/** Statistics of every activation function, or of those in `layers`, over the rows of `x`. */
export async function activationStatistics(
  engine: Engine,
  x: Inputs,
  layers: readonly string[] | undefined,
): Promise<ActivationStatistics[]> {
  const columns = engine.columns(x);
  const bends = bendsOf(engine.subject.forward(names.activations), layers);
  if (bends.length === 0) return [];
  const outputs = bends.map((_, i) => `explain.before:${i}`);
  const compiled = await engine.method(
    layers ? `${names.activations}:before:${layers.join()}` : `${names.activations}:before`,
    (forward) => {
      bendsOf(forward, layers).forEach(({ node }, i) => void forward.graph.output(outputs[i] as string, node.inputs[0] as Value));
      return forward.graph;
    },
  );
  const counters = bends.map((bend) => new Counter(bend));
  const item = (row: number) => ({ row, x: engine.row(columns, row) });
  engine.run(compiled, columns, columns.rows, item, (_, part) => {
    counters.forEach((counter, i) => void counter.add(Float64Array.from(part(outputs[i] as string))));
  });
  return counters.map((counter) => counter.result());
}

/** Counts what goes into one activation function. */
class Counter {
  readonly #bend: Bend;
  readonly #slope: (x: Float64Array) => Float64Array;
  readonly #steepest: number;
  readonly #flat: Float64Array;
  readonly #histogram = new Histogram();
  #sum = 0;
  #squares = 0;
  #count = 0;

  constructor(bend: Bend) {
    this.#bend = bend;
    this.#slope = slopeOf(bend.node);
    // Whatever the data is, the steepest of these functions is within ±8.
    this.#steepest = this.#slope(Float64Array.from({ length: 1601 }, (_, i) => i / 100 - 8)).reduce(
      (most, slope) => Math.max(most, Math.abs(slope)),
      0,
    );
    this.#flat = new Float64Array((bend.node.inputs[0] as Value).shape.at(-1) ?? 1);
  }

  add(x: Float64Array): void {
    const slopes = this.#slope(x);
    const units = this.#flat.length;
    x.forEach((value, i) => {
      this.#sum += value;
      this.#squares += value * value;
      if (Math.abs(slopes[i] as number) < FLAT * this.#steepest) this.#flat[i % units] = (this.#flat[i % units] as number) + 1;
    });
    this.#count += x.length;
    this.#histogram.add(x);
  }

  result(): ActivationStatistics {
    const { layer, node } = this.#bend;
    const { min, max } = this.#histogram;
    const mean = this.#sum / this.#count;
    const unitFlat = Array.from(this.#flat, (count) => count / (this.#count / this.#flat.length));
    const at = Float64Array.from({ length: CURVE_POINTS }, (_, i) => min + ((max - min) * i) / (CURVE_POINTS - 1));
    const values = applied(node, at);
    return {
      layer,
      activation: node.op,
      mean,
      deviation: Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean)),
      min,
      max,
      histogram: this.#histogram.result(),
      curve: Array.from(at, (x, i) => ({ x, y: values[i] as number })),
      flat: this.#flat.reduce((sum, count) => sum + count, 0) / this.#count,
      unitFlat,
      dead: unitFlat.flatMap((share, unit) => (share === 1 ? [unit] : [])),
    };
  }
}

const line = (data: Float64Array): RefTensor => ({ dtype: 'f32', shape: [data.length], data });

/** f(x), by the operator's float64 reference. */
const applied = (node: Node, x: Float64Array): Float64Array => opOf(node).ref([line(x)], node.attrs, [line(x)])[0] as Float64Array;

/** f'(x) as training sees it: by the operator's own gradient rule, in float64. */
function slopeOf(node: Node): (x: Float64Array) => Float64Array {
  const op = opOf(node);
  return (x) => {
    const graph = new Graph('slope');
    const input = graph.input('x', { dtype: 'f32', shape: [x.length] });
    const y = op(input, node.attrs);
    const ones = broadcast(graph.scalar(1), { shape: [x.length] });
    if (typeof op.grad !== 'function') throw new Error(`${node.op} has no gradient`);
    const [slope] = op.grad({ inputs: [input], outputs: [y], attrs: node.attrs, wants: [true] }, [ones]);
    const known = new Map<Value, Float64Array>([[input, x]]);
    const data = (value: Value): Float64Array => {
      const found = known.get(value) ?? (value.origin.kind === 'const' ? Float64Array.from(value.origin.data) : undefined);
      if (found) return found;
      const made = producer(value) as Node;
      const inputs = made.inputs.map((one): RefTensor => ({ dtype: one.dtype, shape: one.shape, data: data(one) }));
      opOf(made)
        .ref(inputs, made.attrs, made.outputs)
        .forEach((result, i) => void known.set(made.outputs[i] as Value, result));
      return known.get(value) as Float64Array;
    };
    return data(slope as Value);
  };
}
