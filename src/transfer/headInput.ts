import { type Node, producer, type Value } from '../ir/graph.ts';
import { abs, add, concat, dequantizeInt8, div, exp, logSoftmax, mul, reduceMean, reshape, sqrt } from '../ops/index.ts';
import type { SoftmaxInt8Attributes } from '../ops/softmaxInt8.ts';

/** What a head sees of an item: one row of f32. */
export interface HeadInput {
  readonly value: Value;
  /** How many numbers are features, and how many are of old classes (none where they are left out). */
  readonly groups: readonly number[];
}

/** Range of 8-bit features from their zero point up: relu6's. Their true unit is not in the graph, and statistics of the data settle it. */
const INT8_REACH = 6;

/** Below this, the root of a feature is a line: its slope stays finite where features are trained. */
const SMOOTH = 1e-2;

/** The power old probabilities are raised to. From 1/2.5 to 1/6 the accuracy on photographs is the same. */
const POWER = 1 / 3;

/**
 * Appends to the graph what the head sees: the signed roots of a row of features; beside them the probabilities of the classes
 * that the model knew, to the power of 1/3, where `logits` gives them. Both powers bring out differences between small numbers (Tukey's ladder;
 * Perronnin et al. 2010, Hu et al. 2021): a cat is more than the one breed whose probability is largest.
 */
export function headInput(row: Value, logits: Value | undefined): HeadInput {
  const scalar = (number: number) => row.graph.scalar(number);
  const roots = div([row, sqrt(add([abs(row), scalar(SMOOTH)]))]);
  const own = row.shape[1] as number;
  if (!logits) return { value: roots, groups: [own] };
  const classes = reshape(logits, { shape: [1, -1] });
  const old = exp(mul([logSoftmax(classes), scalar(POWER)]));
  return { value: concat([roots, old], { axis: 1 }), groups: [own, classes.shape[1] as number] };
}

/** Features as one row of f32: maps are averaged, the rest is flattened. @param zero the zero point of 8-bit ones. */
export function rowOf(features: Value, zero: number): Value {
  const floats = features.dtype === 'i8' ? dequantizeInt8(features, { scale: INT8_REACH / (127 - zero), zero }) : features;
  const [, height = 1, width = 1] = features.shape;
  const isMap = features.shape.length === 4 && height * width > 1;
  return reshape(isMap ? reduceMean(floats, { axes: [1, 2] }) : floats, { shape: [1, -1] });
}

/**
 * The numbers in f32 whose softmax are the probabilities of the old classes: what a softmax between `classifier` and `output` reads, or the output
 * itself. Undefined where that is a single number, of several positions, of independent labels, or in whole numbers of unknown scale.
 */
export function logitsOf(output: Value, classifier: Node): Value | undefined {
  const path: Node[] = [];
  for (let node = producer(output); node && node !== classifier; node = producer(dataOf(node))) path.push(node);
  const last = path.find(({ op }) => ['softmax', 'softmaxInt8', 'logSoftmax', 'logSoftmaxInt8'].includes(op));
  const value = last ? dataOf(last) : output;
  const isRow = value.shape.every((extent, axis) => extent === 1 || axis === value.shape.length - 1) && (value.shape.at(-1) ?? 1) > 1;
  if (!isRow || path.some(({ op }) => op === 'sigmoid' || op === 'tanh')) return undefined;
  if (last?.op === 'softmaxInt8' || last?.op === 'logSoftmaxInt8') {
    const { multiplier, shift } = last.attrs as unknown as SoftmaxInt8Attributes;
    // The zero point is of no concern: softmax is the same for numbers shifted together.
    return dequantizeInt8(value, { scale: (multiplier / 2 ** 31) * 2 ** (shift - 26), zero: 0 });
  }
  return value.dtype === 'f32' ? value : undefined;
}

const dataOf = (node: Node): Value => node.inputs.find((value) => value.origin.kind !== 'const') as Value;
