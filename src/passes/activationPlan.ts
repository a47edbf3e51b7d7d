import type { Shape } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { type Conv2dAttributes, filterShape } from '../ops/conv2d.ts';
import { ELEMENTWISE } from './layout.ts';
import { useCounts } from './rewrite.ts';
import { CELLS } from './sequences.ts';

/** Weights of a product: their logical shape, whose last axis is the output axis, and the groups of their panels (undefined: rows). */
export interface ProductWeights {
  readonly logical: Shape;
  readonly groups: number | undefined;
}

/** The weights of node `node`; undefined where it is no product, or its weights are computed. */
export function weightsOf(node: Node): ProductWeights | undefined {
  const [x, w] = node.inputs as [Value, Value | undefined];
  if (w?.origin.kind !== 'const' && w?.origin.kind !== 'state') return undefined;
  if (node.op === 'linear') return { logical: [x.shape.at(-1) as number, node.attrs.units as number], groups: 1 };
  if (node.op === 'depthwiseConv2d') return { logical: w.shape, groups: undefined };
  if (node.op !== 'conv2d') return undefined;
  const attrs = node.attrs as unknown as Conv2dAttributes;
  return { logical: filterShape(x.shape[3] as number, attrs), groups: attrs.groups };
}

/** Which values of a graph become 8-bit numbers, and which of them share one range. */
export interface ActivationPlan {
  /** In the order they are computed. */
  readonly values: readonly Value[];
  /** Products that compute on 8-bit numbers. */
  readonly products: readonly Node[];
  /** Products of which the weights alone become 8-bit numbers. */
  readonly projections: readonly Node[];
  /** Values whose operator computes on 8-bit numbers: everything that reads them reads the quantized ones. */
  readonly computed: ReadonlySet<Value>;
  /** Operators that read 8-bit numbers. */
  readonly readers: ReadonlySet<Node>;
  /** Values that are others moved, and which: their numbers are the same. */
  readonly moved: ReadonlyMap<Value, Value>;
  /** The value that stands for all that share its range. */
  readonly leader: (value: Value) => Value;
}

/** Operators of several operands, or of windows, that have 8-bit kernels. */
const ARITHMETIC = new Set(['add', 'sub', 'mul', 'averagePool2d', 'reduceMean', 'concat']);
/** Operators that only move numbers, or pick among them: input and output share one range. */
const MOVING = new Set(['maxPool2d', 'reshape', 'transpose', 'slice', 'pad', 'resize']);
/** In training: they become part of the product before them. */
const NORMALIZATIONS = new Set(['batchNorm', 'batchNormInference']);
const CLAMPS = new Set(['relu', 'clip']);
/** Functions of one number that are no 8-bit arithmetic, or give other numbers than floats. */
const NO_TABLES = new Set(['cast', 'copy', 'isNaN', 'isInf', 'quantizeInt8', 'dequantizeInt8']);
/** Operators that may follow on a result of the model. */
const TO_RESULTS = new Set([...ELEMENTWISE, 'softmax', 'logSoftmax', 'reshape', 'dropout']);

/**
 * Quantizes what products read and write, and what lies between them. A sum or pool is quantized where all its operands are, a function of one number (a table then)
 * where such an operator reads it: gates, and activations that residuals or several layers read; a clamp belongs to the operator before it. Where a product
 * or a mean gives a result of the model, it stays in float: sums are more exact than 8 bits, and the calibration data may not have seen its range.
 */
export function planActivations(graph: Graph, kept: ReadonlySet<Node>): ActivationPlan {
  const readers = new Map<Value, Node[]>();
  for (const node of graph.nodes) for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  const uses = useCounts(graph);
  const values = new Set<Value>();
  const computed = new Set<Value>();
  const products: Node[] = [];
  const projections: Node[] = [];
  const ties = new Ties();
  const moved = new Map<Value, Value>();
  const eight = new Set<Node>();
  /** What may be a result of the model in float, and the node that it comes from. */
  const resting = new Map<Value, Node>();
  /** Results of tables, moved or not, and what gives them. */
  const tables = new Map<Value, Node>();
  const behind = (value: Value, isNext: (node: Node) => boolean): Value => {
    const [reader] = readers.get(value) ?? [];
    return reader && isNext(reader) && uses.get(value) === 1 ? (reader.outputs[0] as Value) : value;
  };
  /** The value that leaves an operator: behind the clamp that alone reads it, and the rounding of quantization-aware training. */
  const result = (node: Node): Value => {
    const normalized = behind(node.outputs[0] as Value, ({ op }) => NORMALIZATIONS.has(op));
    const clamped = behind(normalized, ({ op }) => CLAMPS.has(op));
    return behind(clamped, ({ op }) => op === 'fakeQuantize');
  };
  const compute = (node: Node) => {
    const y = result(node);
    values.add(y);
    computed.add(y);
    eight.add(node);
    return y;
  };
  /** Whether arithmetic on several numbers reads it, moved or not. */
  const isOperand = (value: Value): boolean =>
    (readers.get(value) ?? []).some(({ op, outputs: [y] }) => ARITHMETIC.has(op) || (MOVING.has(op) && isOperand(y as Value)));
  /** Whether it is read on the way to the model's results alone, by operators that compute with floats. */
  const isResult = (value: Value): boolean =>
    (readers.get(value) ?? []).every((node) => !eight.has(node) && TO_RESULTS.has(node.op) && isResult(node.outputs[0] as Value));
  for (const node of graph.nodes) {
    if (kept.has(node)) continue;
    const [x] = node.inputs;
    const operands = node.inputs.filter((input) => input.origin.kind !== 'const');
    const areQuantized = operands.length > 0 && operands.every((input) => values.has(input));
    if (weightsOf(node) && isProjection(node, readers)) {
      projections.push(node);
    } else if (weightsOf(node)) {
      products.push(node);
      values.add(undropped(x as Value));
      resting.set(compute(node), node);
    } else if (ARITHMETIC.has(node.op) && areQuantized && operands.length === node.inputs.length && isImage(node)) {
      const y = compute(node);
      if (node.op === 'reduceMean') resting.set(y, node);
      if (node.op === 'concat') {
        const whole = node.inputs.every(isPositive);
        for (const input of node.inputs) if (whole || !isPositive(input)) ties.join(input, y);
      }
    } else if (MOVING.has(node.op) && x && computed.has(undropped(x)) && isExact(node)) {
      const y = compute(node);
      moved.set(y, undropped(x));
      if (node.op === 'reshape') resting.set(y, node);
      if (tables.has(undropped(x))) tables.set(y, node);
      ties.join(undropped(x), y);
    } else if (isTable(node) && x && computed.has(undropped(x)) && isOperand(result(node))) {
      tables.set(compute(node), node);
    }
  }
  for (const value of [...computed].reverse()) {
    const table = tables.get(value);
    if (table && !(readers.get(value) ?? []).some((reader) => eight.has(reader))) {
      values.delete(value);
      computed.delete(value);
      eight.delete(table);
    }
    const node = resting.get(value);
    if (!node || isRounded(value) || !isResult(value)) continue;
    values.delete(value);
    computed.delete(value);
    if (node.op === 'reshape') eight.delete(node);
  }
  const order = [...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)];
  return {
    values: order.filter((value) => values.has(value)),
    products,
    projections,
    computed,
    readers: eight,
    moved,
    leader: (value) => ties.leader(value),
  };
}

/**
 * Whether recurrent layers alone read the result. They carry its rounding from step to step, and are one operator with the dense layer before them, in
 * files and when they run, where nothing is between the two: activations stay in float.
 */
function isProjection({ op, outputs }: Node, readers: ReadonlyMap<Value, readonly Node[]>): boolean {
  const [y] = outputs as [Value];
  const behind = readers.get(y) ?? [];
  return op === 'linear' && behind.length > 0 && behind.every((node) => CELLS.includes(node.op) && node.inputs[0] === y);
}

/**
 * Whether no element is below 0, which is the lowest number of its own range then. In the range of others it would not be: ONNX Runtime leaves a convolution in
 * float whose relu the range does not make up for.
 */
function isPositive(value: Value): boolean {
  const node = producer(value);
  if (!node) return false;
  const { op, attrs, inputs } = node;
  if (MOVING.has(op) || op === 'concat') return inputs.every(isPositive);
  if (op === 'fakeQuantize') return isPositive(inputs[0] as Value);
  if (op === 'clip') return (attrs.min as number) >= 0;
  return op === 'relu' || (weightsOf(node) !== undefined && (attrs.low as number) >= 0);
}

const isTable = ({ op, inputs, outputs }: Node): boolean =>
  ELEMENTWISE.has(op) && !NO_TABLES.has(op) && [...inputs, ...outputs].every(({ dtype }) => dtype === 'f32');

/** What dropout, which is there in training only, lets through. */
const undropped = (value: Value): Value => {
  const node = producer(value);
  return node?.op === 'dropout' ? undropped(node.inputs[0] as Value) : value;
};

/** Means are pools only over the positions of an image. */
const isImage = ({ op, attrs, inputs }: Node): boolean =>
  op !== 'reduceMean' || (inputs[0]?.shape.length === 4 && `${attrs.axes}` === '1,2');

/** A padding with another constant than 0 need not be one of the numbers, nor what is between two of them. */
const isExact = ({ op, attrs }: Node): boolean =>
  op === 'resize' ? attrs.mode === 'nearest' : op !== 'pad' || attrs.mode !== 'constant' || attrs.value === 0;

/** Sets of values that share one range. */
class Ties {
  readonly #parents = new Map<Value, Value>();

  leader(value: Value): Value {
    const parent = this.#parents.get(value);
    return parent ? this.leader(parent) : value;
  }

  join(a: Value, b: Value): void {
    const [left, right] = [this.leader(a), this.leader(b)];
    if (left !== right) this.#parents.set(right, left);
  }
}

/** Whether `value` was rounded to learned steps by quantization-aware training. */
export const isRounded = (value: Value): boolean => producer(value)?.op === 'fakeQuantize';

/** The planned values whose range is not known from training: they need calibration data. */
export const openValues = ({ values, moved }: ActivationPlan): Value[] => {
  const isKnown = (value: Value): boolean => {
    const source = moved.get(value);
    return isRounded(value) || (source !== undefined && isKnown(source));
  };
  return values.filter((value) => !isKnown(value));
};
