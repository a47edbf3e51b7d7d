import { ThimbleError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import { type Graph, type Node, producer, type Value } from '../ir/graph.ts';
import { mul, reduceMean, reduceSum, relu, reshape, resize } from '../ops/index.ts';
import { gradients } from '../passes/autodiff.ts';
import { broadcasts, ELEMENTWISE } from '../passes/layout.ts';
import type { Forward } from './subject.ts';

/** Names of methods, inputs and outputs that explain. The inputs of the model keep theirs. */
export const names = {
  scores: 'explain.scores',
  gradient: 'explain.gradient',
  gradCam: 'explain.gradCam',
  activations: 'explain.activations',
  /** f32 [batch, scores]: the weight of each score in what is derived. */
  target: 'explain.target',
  map: 'explain.map',
} as const;

/** Method `explain.scores`: the scores alone. */
export function scoresGraph({ graph, scores }: Forward): Graph {
  graph.output(names.scores, scores);
  return graph;
}

/** Σ target · score, and the input that says which. */
function targetOf({ graph, scores }: Forward): Value {
  const target = graph.input(names.target, { dtype: 'f32', shape: scores.shape });
  graph.output(names.scores, scores);
  return reduceSum(mul([scores, target]));
}

/** d value / d `of`. @throws UNSUPPORTED_OP where an operator between them has no gradient, INPUT where one does not depend on the other. */
function derivative(value: Value, of: Value, what: string): Value {
  let gradient: Value | undefined;
  try {
    gradient = gradients(value, [of]).get(of);
  } catch (error) {
    if (!(error instanceof ThimbleError && error.code === 'UNSUPPORTED_OP')) throw error;
    const { op, node } = error;
    throw new ThimbleError('UNSUPPORTED_OP', error.message, { op, node, hint: 'occlusion explains without gradients' });
  }
  if (gradient) return gradient;
  throw new ThimbleError('INPUT', `no gradient flows from the scores to ${what}`, {
    node: of.name,
    hint: 'occlusion explains without gradients',
  });
}

/** Method `explain.gradient`: d Σ target · score / d input. */
export function gradientGraph(forward: Forward): Graph {
  const { graph, input } = forward;
  if (input.dtype !== 'f32') {
    throw new ThimbleError('INPUT', `input "${input.name}" holds whole numbers, which have no gradient`, {
      hint: 'occlusion explains without gradients',
    });
  }
  graph.output(names.gradient, derivative(targetOf(forward), input, 'this input'));
  return graph;
}

/**
 * Method `explain.gradCam` (Selvaraju et al. 2017): relu(Σ_c w_c A_c), where A [batch, h, w, c] is what `layer` gives and w_c is the mean over its
 * pixels of d score / d A_c. `explain.map` is [batch, h, w]; with `size`, `explain.gradCam` is the map at that height and width.
 */
export function gradCamGraph(forward: Forward, layer: string | undefined, size: readonly [number, number] | undefined): Graph {
  const features = layer === undefined ? lastFeatures(forward) : featuresOf(forward, layer);
  const { graph } = forward;
  const slope = derivative(targetOf(forward), features, `layer "${layer ?? features.name}"`);
  const weights = reduceMean(slope, { axes: [1, 2], keepDims: true });
  const map = relu(reduceSum(mul([features, weights]), { axes: [3], keepDims: true }));
  const without = (value: Value) => reshape(value, { shape: value.shape.slice(0, 3) });
  graph.output(names.map, without(map));
  if (size) graph.output(names.gradCam, without(resize(map, { size, mode: 'bilinear', coordinates: 'halfPixel' })));
  return graph;
}

const CONVOLUTIONS = new Set(['conv2d', 'depthwiseConv2d', 'conv2dGradInput']);
const isMap = (shape: Shape): boolean => shape.length === 4 && (shape[1] as number) * (shape[2] as number) > 1;

/** The last convolution over more than one pixel between input and scores. */
function lastConvolution({ graph, input }: Forward, needed: ReadonlySet<Value>): Node | undefined {
  const reached = dependents(graph, input);
  return graph.nodes.findLast(
    ({ op, outputs: [y] }) => CONVOLUTIONS.has(op) && reached.has(y as Value) && needed.has(y as Value) && isMap((y as Value).shape),
  );
}

/** Whether there is a convolution for Grad-CAM to look at. */
export const hasFeatures = (forward: Forward): boolean => lastConvolution(forward, ancestors(forward.scores)) !== undefined;

/** What the last convolution over more than one pixel gives, with what is done to it element by element: its normalisation and activation. */
function lastFeatures(forward: Forward): Value {
  const needed = ancestors(forward.scores);
  const last = lastConvolution(forward, needed);
  if (!last) {
    if (forward.graph.nodes.some(({ op, inputs: [x] }) => op !== 'cast' && x?.dtype === 'i8')) {
      throw new ThimbleError('INPUT', 'the model computes in 8-bit numbers, which have no gradients', {
        hint: 'use occlusion, or explain the float model that it was made from',
      });
    }
    throw new ThimbleError('INPUT', 'the model has no convolution over more than one pixel', {
      hint: 'name a layer with `layer`, or use saliency or occlusion',
    });
  }
  let value = last.outputs[0] as Value;
  for (;;) {
    const [next, ...others] = forward.graph.nodes.filter(({ inputs, outputs: [y] }) => inputs.includes(value) && needed.has(y as Value));
    if (!next || others.length || !continues(next, value)) return value;
    value = next.outputs[0] as Value;
  }
}

/** Whether `node` changes the features element by element. A sum with another branch is no part of the convolution. */
function continues(node: Node, features: Value): boolean {
  const { op, inputs, outputs } = node;
  const [y] = outputs;
  if ((y as Value).shape.join() !== features.shape.join()) return false;
  if (ELEMENTWISE.has(op) || op === 'batchNormInference') return true;
  return broadcasts(node) && inputs.every((input) => input === features || input.origin.kind !== 'node');
}

/** The values that `source` leads to. */
function dependents(graph: Graph, source: Value): Set<Value> {
  const reached = new Set([source]);
  for (const { inputs, outputs } of graph.nodes)
    if (inputs.some((value) => reached.has(value))) for (const output of outputs) reached.add(output);
  return reached;
}

/** The values that lead to `value`. */
function ancestors(value: Value): Set<Value> {
  const found = new Set<Value>();
  const open = [value];
  for (let next = open.pop(); next; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(producer(next)?.inputs ?? []));
  }
  return found;
}

/** What layer `name` gives. @throws INPUT for an unknown name. */
export function layerOf({ layers }: Pick<Forward, 'layers'>, name: string): Value {
  const value = layers.get(name);
  if (value) return value;
  throw new ThimbleError('INPUT', `no layer "${name}"`, { expected: [...layers.keys()].join(', ') });
}

function featuresOf(forward: Forward, layer: string): Value {
  let value = layerOf(forward, layer);
  const turned = producer(value);
  if (turned?.op === 'transpose' && `${turned.attrs.perm}` === '0,3,1,2') value = turned.inputs[0] as Value;
  if (isMap(value.shape)) return value;
  throw new ThimbleError('INPUT', `layer "${layer}" gives no map`, {
    expected: '[batch, height, width, channels], more than one pixel',
    got: `[${value.shape}]`,
  });
}
