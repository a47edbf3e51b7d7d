import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { type Graph, type Node, producer, type Value } from '../ir/graph.ts';
import type { Layout } from '../ir/variable.ts';
import { type Conv2dAttributes, filterShape } from '../ops/conv2d.ts';
import { headInput, logitsOf, rowOf } from './headInput.ts';

/** A constant of the backbone that can be trained. */
export interface BackboneWeight {
  /** The node's name and what the constant is to it. */
  readonly name: string;
  readonly kind: 'weights' | 'bias';
  readonly op: string;
  /** Which convolution or dense layer it belongs to, from 0 at the input. */
  readonly layer: number;
  /** As users see it; `layout` says how it lies in memory. */
  readonly shape: Shape;
  readonly layout: Layout;
  readonly node: Node;
  /** Which operand of the node. */
  readonly operand: number;
}

/** A network from its inputs to what a new head sees. */
export interface Backbone {
  /** The nodes that lead to the features, in order. */
  readonly nodes: readonly Node[];
  readonly inputs: readonly Value[];
  /** What the head sees, see `headInput`: [1, numbers], f32. */
  readonly features: Value;
  /** How many of these are what the classifier saw, and how many are of old classes. */
  readonly groups: readonly number[];
  /** What computed the classes. */
  readonly classifier: Node | undefined;
  /** Float weights before the classifier, in order. */
  readonly weights: readonly BackboneWeight[];
  /** Convolutions and dense layers with weights that can be trained. */
  readonly layers: number;
  /** Whether parts compute in whole numbers, and so stay as they are. */
  readonly isInt8: boolean;
}

const PRODUCTS = new Set(['conv2d', 'linear', 'matmul', 'conv2dInt8', 'linearInt8', 'linearRowsInt8']);

/** Operands that are weights, by operator; those after the first are biases. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  conv2d: [1, 2],
  depthwiseConv2d: [1, 2],
  linear: [1, 2],
  conv2dGradInput: [1, 2],
  matmul: [0, 1],
  prelu: [1],
  groupNorm: [1, 2],
  add: [0, 1],
  mul: [0, 1],
};
const LAYERS = new Set(['conv2d', 'depthwiseConv2d', 'linear', 'conv2dGradInput', 'matmul']);

export interface BackboneOptions {
  /** The output with the classes; the first where left out. */
  readonly output?: string | undefined;
  /** The node whose output the new head is to see, in place of what the classifier saw and said. */
  readonly features?: string | undefined;
  readonly sees: Seen;
}

/** What the head sees: the features as they are, their roots, or both roots and what the classifier says. See `headInput`. */
export type Seen = 'features' | 'roots' | 'roots and old classes';

/**
 * Finds the classifier of a simplified graph: the last product before the output. Everything before it is the backbone. What the head sees is
 * appended to the graph.
 * @throws INPUT where there is no classifier, or features are not one row for one item.
 */
export function backboneOf(graph: Graph, { output, features, sees }: BackboneOptions): Backbone {
  const found = graph.outputs.find(({ name }) => output === undefined || name === output);
  if (!found)
    throw new ThimbleError('INPUT', `the model has no output "${output}"`, { expected: graph.outputs.map(({ name }) => name).join(', ') });
  const classifier = features === undefined ? classifierOf(found.value) : undefined;
  if (features === undefined && !classifier) {
    throw new ThimbleError('INPUT', 'no classifier was found: the output is not computed by a dense layer or convolution', {
      node: found.name,
      hint: "say where the features are: fineTune(model, { features: 'name of a node' })",
    });
  }
  const value = classifier ? featuresOf(classifier) : namedValue(graph, features as string);
  const trainable = ancestors(value);
  const ordered = graph.nodes.filter((node) => trainable.has(node));
  checkFeatures(
    value,
    graph.inputs.filter((input) => value === input || ordered.some((node) => node.inputs.includes(input))),
  );
  const weights = weightsOf(ordered);
  const logits = classifier && sees === 'roots and old classes' ? logitsOf(found.value, classifier) : undefined;
  const row = rowOf(value, (classifier?.attrs.xZero as number | undefined) ?? 0);
  const seen = sees === 'features' ? { value: row, groups: [row.shape[1] as number] } : headInput(row, logits);
  const leading = ancestors(seen.value);
  const nodes = graph.nodes.filter((node) => leading.has(node));
  return {
    nodes,
    inputs: graph.inputs.filter((input) => nodes.some((node) => node.inputs.includes(input))),
    features: seen.value,
    groups: seen.groups,
    classifier,
    weights,
    layers: new Set(weights.map(({ layer }) => layer)).size,
    isInt8: ordered.some((node) => node.outputs.some(({ dtype }) => dtype === 'i8')),
  };
}

const isConstant = (value: Value): boolean => value.origin.kind === 'const';

/** What the classifier sees. Channels that stand twice at the end (weights of 9 bits are read in two parts) count once. */
function featuresOf(classifier: Node): Value {
  const value = classifier.inputs.find((operand) => !isConstant(operand)) as Value;
  const before = producer(value);
  const joined = before?.op === 'reshape' ? producer(before.inputs[0] as Value) : before;
  const [whole, again] = joined?.op === 'concat' ? joined.inputs : [];
  const taken = again && producer(again);
  return taken?.op === 'gather' && taken.inputs[0] === whole ? (whole as Value) : value;
}

/** The last product, behind whatever changes one tensor: softmax, pooling, shapes, the way back to floats. */
function classifierOf(output: Value): Node | undefined {
  for (let node = producer(output); node; ) {
    const data = node.inputs.filter((value) => !isConstant(value));
    if (data.length !== 1) return undefined;
    if (PRODUCTS.has(node.op)) return node;
    node = producer(data[0] as Value);
  }
  return undefined;
}

function namedValue(graph: Graph, name: string): Value {
  const node = graph.nodes.findLast((candidate) => candidate.name === name || candidate.name.startsWith(`${name}/`));
  if (node) return node.outputs[0] as Value;
  throw new ThimbleError('INPUT', `the model has no node "${name}"`, { expected: graph.nodes.map((node) => node.name).join(', ') });
}

function checkFeatures(features: Value, inputs: readonly Value[]): void {
  const { dtype, shape } = features;
  if (shape.length >= 2 && shape[0] === 1 && (dtype === 'f32' || dtype === 'i8') && inputs.every((input) => input.shape[0] === 1)) return;
  throw new ThimbleError('INPUT', 'the features are not one row for one item', {
    node: features.name,
    expected: 'f32 or i8 [1, …] from inputs [1, …]',
    got: `${dtype} ${formatShape(shape)}`,
    hint: 'load the model for a batch of one',
  });
}

function ancestors(value: Value): Set<Node> {
  const found = new Set<Node>();
  const open = [value];
  for (let next = open.pop(); next; next = open.pop()) {
    const node = producer(next);
    if (!node || found.has(node)) continue;
    found.add(node);
    open.push(...node.inputs);
  }
  return found;
}

function weightsOf(nodes: readonly Node[]): BackboneWeight[] {
  const weights: BackboneWeight[] = [];
  const names = new Set<string>();
  let layer = -1;
  for (const node of nodes) {
    const operands = isIn8Bits(node) ? [] : (WEIGHTS[node.op] ?? []).filter((operand) => isWeight(node, operand));
    if (LAYERS.has(node.op) && operands.length > 0) layer++;
    // Sums and products before the first layer normalise the input.
    if (layer < 0) continue;
    for (const operand of operands) {
      const kind = node.op === 'add' || (operand > 1 && node.op !== 'mul') ? 'bias' : 'weights';
      let name = `${node.name}/${kind}`;
      for (let n = 1; names.has(name); n++) name = `${node.name}/${kind}_${n}`;
      names.add(name);
      weights.push({ name, kind, op: node.op, layer, node, operand, ...placed(node, operand) });
    }
  }
  return weights;
}

/** An f32 constant of more than one number beside something that is computed. */
function isWeight(node: Node, operand: number): boolean {
  const value = node.inputs[operand];
  if (!value || !isConstant(value) || value.dtype !== 'f32' || sizeOf(value.shape) < 2) return false;
  return node.inputs.some((input) => !isConstant(input));
}

/** Operators that give the numbers they are given. */
const MOVES = new Set(['transpose', 'reshape', 'copy', 'pad', 'maxPool2d']);

/** Whether a float node reads what was 8 bits: in the program it is a node of 8 bits, and stays as it is. */
function isIn8Bits({ inputs }: Node): boolean {
  return inputs.some((value) => {
    let node = producer(value);
    while (node && MOVES.has(node.op)) node = producer(node.inputs[0] as Value);
    return node?.op === 'dequantizeInt8';
  });
}

/** The shape users see, and how it lies in memory. */
function placed({ op, attrs, inputs, outputs }: Node, operand: number): { shape: Shape; layout: Layout } {
  const { shape } = inputs[operand] as Value;
  const channels = (inputs[0] as Value).shape.at(-1) as number;
  if (operand === 1 && op === 'linear') return { shape: [channels, attrs.units as number], layout: { kind: 'panels', groups: 1 } };
  if (operand === 1 && (op === 'conv2d' || op === 'conv2dGradInput')) {
    const convolution = attrs as unknown as Conv2dAttributes;
    // A transposed convolution is the gradient of one from its output to its input.
    const from = op === 'conv2d' ? channels : ((outputs[0] as Value).shape.at(-1) as number);
    return { shape: filterShape(from, convolution), layout: { kind: 'panels', groups: convolution.groups } };
  }
  return { shape, layout: { kind: 'rows' } };
}

/** Numbers in the backbone's constants, weights in their logical shape. */
export function constantsOf({ nodes, weights }: Backbone): number {
  const seen = new Set<Value>();
  let sum = 0;
  for (const node of nodes) {
    node.inputs.forEach((value, operand) => {
      if (value.origin.kind !== 'const' || seen.has(value)) return;
      seen.add(value);
      sum += sizeOf(weights.find((weight) => weight.node === node && weight.operand === operand)?.shape ?? value.shape);
    });
  }
  return sum;
}
