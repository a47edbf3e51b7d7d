import type { NodeContext, Row } from '../context.ts';
import { layers } from '../layers.ts';
import { math } from '../math.ts';
import { isSequence } from '../operand.ts';
import { rowOf } from '../operators.ts';
import * as computations from './computations.ts';
import { isOpenSize } from './extents.ts';
import * as moves from './moves.ts';
import { closed, openOf, type Rule } from './operand.ts';
import * as sizes from './sizes.ts';

const { batched, elementwise, reduced } = computations;

/** Rows of `layers` that look at more than one element. */
const ACROSS = /Softmax|Normalization|Dropout/;

/**
 * Operators that take results whose size is found at run time. Rows compute the padding with the rest; rules say which axis is open then, and keep the
 * padding out of what is computed along it.
 */
const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries([...Object.keys(math), ...Object.keys(layers)].filter((op) => !ACROSS.test(op)).map((op) => [op, elementwise])),
  BatchNormalization: batched(),
  Conv: batched(),
  ConvTranspose: batched(),
  MaxPool: batched(),
  AveragePool: batched(),
  GlobalAveragePool: batched(),
  GlobalMaxPool: batched(),
  RoiAlign: batched(1),
  MatMul: computations.productRows,
  Gemm: computations.productRows,
  Softmax: computations.normalized,
  LogSoftmax: computations.normalized,
  TopK: computations.best,
  ArgMax: computations.extremePlace(true),
  ArgMin: computations.extremePlace(false),
  ReduceMax: computations.largest,
  ReduceMin: computations.smallest,
  ReduceSum: reduced(0),
  ReduceSumSquare: reduced(0),
  ReduceL1: reduced(0),
  ReduceL2: reduced(0),
  ReduceProd: reduced(1),
  ReduceMean: computations.averaged,
  NonZero: computations.found,
  Compress: computations.compressed,
  NonMaxSuppression: computations.suppressed,
  Transpose: moves.transposed,
  Squeeze: moves.squeezed,
  Unsqueeze: moves.unsqueezed,
  Concat: moves.concatenated,
  Split: moves.split,
  Gather: moves.gathered,
  GatherND: moves.picked,
  GatherElements: moves.picked,
  ScatterND: moves.scattered,
  ScatterElements: moves.scattered,
  Reshape: sizes.reshaped,
  Flatten: sizes.reshaped,
  Shape: sizes.shapeOfOpen,
  Size: sizes.sizeOfOpen,
  Slice: sizes.sliced,
  Range: sizes.ranged,
  Expand: sizes.shaped(1),
  ConstantOfShape: sizes.shaped(0),
};

/** Inputs that say how large the result is. */
const SIZES: Readonly<Record<string, readonly number[]>> = {
  Reshape: [1],
  Slice: [2],
  Range: [1],
  Expand: [1],
  ConstantOfShape: [0],
  TopK: [1],
};

/** What imports the node: the row of its operator, with the rule for inputs and results of open size where there are such. */
export function rowFor(n: NodeContext): Row {
  const row = rowOf(n.node);
  const rule = n.node.domain === '' && Object.hasOwn(rules, n.node.op) ? rules[n.node.op] : undefined;
  const operands = n.bindings.map((binding) => (binding && !isSequence(binding) ? binding : undefined));
  const isSized = SIZES[n.node.op]?.some((i) => operands[i] && isOpenSize(operands[i].value));
  if (!rule || !(isSized || operands.some(openOf))) return row;
  const plain = n.with(n.bindings.map((binding, i) => (operands[i] ? closed(operands[i]) : binding)));
  return () => rule(n, plain, row);
}
