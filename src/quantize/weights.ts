import { packPanels, unpackPanels } from '../core/panels.ts';
import type { WeightEncoding } from '../formats/onnx/export/weights.ts';
import type { Node, Value } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { type ProductWeights, weightsOf } from '../passes/activationPlan.ts';
import { type StoredWeights, storedWeights } from '../passes/storedWeights.ts';

export { type ProductWeights, type StoredWeights, storedWeights, weightsOf };

/** Row-major weights of a node. */
export function rowsOf(node: Node, { logical, groups, input = 1 }: ProductWeights & { readonly input?: number }): Float32Array {
  const data = dataOf(node.inputs[input] as Value) as Float32Array;
  return groups === undefined ? data : unpackPanels(data, logical, groups);
}

/** Row-major weights as the node's operator takes them. */
export const packed = (rows: Float32Array, { logical, groups }: ProductWeights): Float32Array =>
  groups === undefined ? rows : packPanels(rows, logical, groups);

/** Smaller steps would vanish in f32. */
const SMALLEST = 2 ** -100;

/** One step for each output column, symmetric: w / step rounds to -127..127. `least(c)` is the smallest step that column c may have. */
export function encodeColumns(data: Float32Array, columns: number, least: (column: number) => number = () => 0): WeightEncoding {
  const scales = new Float32Array(columns);
  data.forEach((value, i) => {
    scales[i % columns] = Math.max(scales[i % columns] as number, Math.abs(value));
  });
  // A column of zeros gets the step of the largest: its bias is counted in it.
  const largest = scales.reduce((a, b) => Math.max(a, b), 0) || 1;
  for (let c = 0; c < columns; c++) scales[c] = Math.max(((scales[c] as number) || largest) / 127, least(c), SMALLEST);
  const whole = Int8Array.from(data, (value, i) => Math.min(Math.max(roundHalfEven(value / (scales[i % columns] as number)), -127), 127));
  return { bits: 8, data: whole, scales };
}

/**
 * Quotients of a block's largest weight and its steps that are tried: -8 meets it with the first, 7 with the third; with larger ones the largest weights are
 * cut off, which leaves finer steps to the others: 4 bits are few.
 */
const QUOTIENTS = [8, 7.5, 7, 7.25, 7.75, 8.25, 8.5, 8.75, 9, 9.25, 9.5, 10];

/** One step for each `block` rows of each column of a matrix, symmetric, with numbers in -8..7: the one of least squared error. */
export function encodeBlocks(data: Float32Array, columns: number, block: number): WeightEncoding {
  const rows = data.length / columns;
  const blocks = Math.ceil(rows / block);
  const scales = new Float32Array(blocks * columns);
  const whole = new Int8Array(data.length);
  for (let b = 0; b < blocks; b++) {
    const indexes = Array.from({ length: Math.min(block, rows - b * block) }, (_, i) => (b * block + i) * columns);
    for (let c = 0; c < columns; c++) {
      const part = indexes.map((at) => data[at + c] as number);
      const step = bestStep(part);
      scales[b * columns + c] = step;
      for (const [i, at] of indexes.entries()) whole[at + c] = nibble(part[i] as number, step);
    }
  }
  return { bits: 4, data: whole, scales, block };
}

const nibble = (value: number, step: number): number => Math.min(Math.max(roundHalfEven(value / step), -8), 7);

function bestStep(part: readonly number[]): number {
  const largest = part.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  if (largest < SMALLEST) return 1;
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (const quotient of QUOTIENTS) {
    const step = Math.fround(largest / quotient);
    const error = part.reduce((sum, value) => sum + (value - nibble(value, step) * step) ** 2, 0);
    if (error < least) [best, least] = [step, error];
  }
  return best;
}

/** The weights that an encoding stands for. */
export function decode({ data, scales, block }: WeightEncoding, columns: number): Float32Array {
  const perBlock = (block ?? Number.POSITIVE_INFINITY) * columns;
  return Float32Array.from(data, (value, i) => value * (scales[Math.floor(i / perBlock) * columns + (i % columns)] as number));
}

/** Bytes of an encoding with its steps. */
export const bytesOf = ({ bits, data, scales }: WeightEncoding): number => Math.ceil((data.length * bits) / 8) + scales.length * 4;

export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
