import { ThimbleError } from '../core/errors.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { InferenceModel } from '../inference/model.ts';
import { Graph, producer, type Value } from '../ir/graph.ts';
import { cast } from '../ops/cast.ts';
import { reshape } from '../ops/reshape.ts';
import { floatView } from '../passes/floatView.ts';
import { arrange } from '../passes/optimize.ts';
import { Rewriting } from '../passes/rewrite.ts';
import type { RuntimeModel } from '../runtime/model.ts';
import type { Model } from '../train/model.ts';
import { applyNetwork } from '../train/network.ts';

/** A model that can be explained; one of a `.thimble` file as far as its methods go. */
export type Explainable = Model | InferenceModel | RuntimeModel;

export interface SubjectOptions {
  /** The input to explain; the first where left out. */
  readonly input?: string | undefined;
  /** The output that scores; the first where left out. */
  readonly output?: string | undefined;
  /**
   * `logit`: what goes into a final softmax or sigmoid, whose slope does not fade where the model is sure. `output`: what the model gives.
   */
  readonly score?: 'logit' | 'output' | undefined;
  /** Items a call takes; a loaded model takes as many as it was loaded with. */
  readonly batchSize?: number | undefined;
}

/** One pass through a model in a graph of its own, ready for what is to be derived from it. */
export interface Forward {
  readonly graph: Graph;
  /** The explained input. */
  readonly input: Value;
  /** f32 [batch, scores]. */
  readonly scores: Value;
  /** What each layer gives: by the layer's name, or the name of the node in the file the model came from. */
  readonly layers: ReadonlyMap<string, Value>;
}

export interface NamedType extends TensorType {
  readonly name: string;
}

/** What there is to explain. Shapes are those of one item. */
export interface Subject {
  readonly inputs: readonly NamedType[];
  readonly input: NamedType;
  readonly batch: number;
  readonly scores: number;
  /** @throws INPUT where the model is a program without a graph. */
  forward(name: string): Forward;
}

const isLayered = (model: Explainable): model is Model => 'network' in model;

/** @throws INPUT for names the model does not have. */
export function subjectOf(model: Explainable, options: SubjectOptions): Subject {
  if (isLayered(model)) return subjectOfGraph((name) => layeredGraph(model, name, options.batchSize ?? 1), options);
  if (!(model instanceof InferenceModel && model.hasGraph)) return subjectOfProgram(model, options);
  const arranged = arrange(floatView(model.source));
  return subjectOfGraph((name) => copied(arranged, name), options);
}

function layeredGraph({ network }: Model, name: string, batch: number): Graph {
  const graph = new Graph(name);
  const inputs = network.inputs.map((tensor) => {
    return [tensor, graph.input(tensor.name, { dtype: tensor.dtype, shape: [batch, ...tensor.shape] })] as const;
  });
  const random = () => {
    throw new Error('a layer draws random numbers outside training');
  };
  graph.output('predictions', applyNetwork(network, graph, new Map(inputs), { training: false, random }));
  return graph;
}

/** Node by node; constants stay the same arrays, so that methods share them. */
function copied(source: Graph, name: string): Graph {
  const to = new Rewriting(source, name);
  for (const node of source.nodes) {
    const outputs = to.apply(
      node,
      node.inputs.map((input) => to.of(input)),
    );
    node.outputs.forEach((output, i) => {
      to.set(output, outputs[i] as Value);
    });
  }
  for (const output of source.outputs) to.target.output(output.name, to.of(output.value));
  return to.target;
}

function subjectOfGraph(make: (name: string) => Graph, options: SubjectOptions): Subject {
  const sample = make('explain');
  const input = named(sample.inputs, options.input, 'input');
  const output = named(sample.outputs, options.output, 'output').value;
  // Without a shared first axis the model takes one item at a time.
  const batched = input.shape.length > 1 && output.shape.length > 1 && input.shape[0] === output.shape[0];
  const batch = batched ? (input.shape[0] as number) : 1;
  const itemOf = ({ name, dtype, shape }: Value): NamedType => ({ name, dtype, shape: itemShape(shape, batch) });
  const inputs = sample.inputs.map(itemOf);
  return {
    inputs,
    input: itemOf(input),
    batch,
    scores: sizeOf(output.shape) / batch,
    forward(name) {
      const graph = make(name);
      const scored = named(graph.outputs, options.output, 'output').value;
      graph.outputs.length = 0;
      const layers = layersOf(graph);
      return {
        graph,
        input: named(graph.inputs, options.input, 'input'),
        scores: scoresOf(scored, batch, options.score ?? 'logit'),
        layers,
      };
    },
  };
}

/** The program's own methods are all there is. */
function subjectOfProgram(model: RuntimeModel, options: SubjectOptions): Subject {
  const input = named(model.inputs, options.input, 'input');
  const output = named(model.outputs, options.output, 'output');
  const batch = input.shape.length > 1 && input.shape[0] === output.shape[0] ? (input.shape[0] as number) : 1;
  const itemOf = ({ name, dtype, shape }: NamedType): NamedType => ({ name, dtype, shape: itemShape(shape, batch) });
  const isQuantized = model.program.kernels.some((kernel) => kernel.includes('_s8'));
  const others = isQuantized
    ? 'layers of 8 bits have no gradients, but those of the model of floats that they were made from have'
    : 'or export the model with `methods: explanationMethods(model)` (`thimble train --explain all`), or explain the model it was made from';
  return {
    inputs: model.inputs.map(itemOf),
    input: itemOf(input),
    batch,
    scores: sizeOf(output.shape) / batch,
    forward(name) {
      throw new ThimbleError('INPUT', `the file has no method "${name}", and a .thimble file holds no graph to make it of`, {
        node: model.program.name,
        hint: `occlusion needs none; ${others}`,
      });
    },
  };
}

/** The first axis counts items where it is as long as the batch. */
const itemShape = (shape: Shape, batch: number): Shape => (shape.length > 1 && shape[0] === batch ? shape.slice(1) : shape);

function named<T extends { readonly name: string }>(list: readonly T[], name: string | undefined, what: string): T {
  const found = name === undefined ? list[0] : list.find((candidate) => candidate.name === name);
  if (found) return found;
  throw new ThimbleError('INPUT', `the model has no ${what} ${name === undefined ? '' : `"${name}"`}`, {
    expected: list.map((candidate) => candidate.name).join(', '),
  });
}

const FINAL = new Set(['softmax', 'logSoftmax', 'sigmoid']);

/** The scores as rows, before the last softmax or sigmoid where logits are asked for. */
function scoresOf(output: Value, batch: number, score: 'logit' | 'output'): Value {
  let value = output;
  if (score === 'logit') {
    let node = producer(value);
    while (node && (node.op === 'reshape' || node.op === 'copy')) node = producer(node.inputs[0] as Value);
    if (node && FINAL.has(node.op)) value = node.inputs[0] as Value;
  }
  // Of quantized models: no gradient flows through whole numbers, but occlusion can compare them.
  if (value.dtype !== 'f32') value = cast(value, { to: 'f32' });
  return reshape(value, { shape: [batch, sizeOf(value.shape) / batch] });
}

/** Nodes are named `layer/operator`. The value of a layer is that of its last node. */
function layersOf(graph: Graph): Map<string, Value> {
  const layers = new Map<string, Value>();
  for (const { name, outputs } of graph.nodes) {
    const end = name.lastIndexOf('/');
    const layer = end > 0 ? name.slice(0, end) : name;
    // Later layers come later in the list.
    layers.delete(layer);
    if (outputs[0]?.dtype === 'f32') layers.set(layer, outputs[0]);
  }
  return layers;
}
