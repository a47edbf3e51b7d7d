import { PANEL, unpackPanels } from '../core/panels.ts';
import { sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { add } from '../ops/add.ts';
import { clip } from '../ops/clip.ts';
import { dataOf } from '../ops/constants.ts';
import type { Epilogue } from '../ops/epilogue.ts';
import type { LinearAttributes } from '../ops/linear.ts';
import { type LinearWeightsAttributes, linearWeights, packWeights, scaleShape, weightShape } from '../ops/linearWeights.ts';
import { pad } from '../ops/pad.ts';
import { dequantizeInt8 } from '../ops/quantizeInt8.ts';
import { type Rewriting, rewrite } from './rewrite.ts';
import { wholeNumbers } from './steps.ts';

/** Fewer weights are in the first-level cache anyway. */
const WEIGHTS = 4096;
/** Of layers whose results are rounded as the reference rounds them, so many stay floats: inputs of 16 bits are not exact. */
const ORDERED_WEIGHTS = 65536;
/** Rows that quantizers give a scale of their own. */
const GROUPS = [32, 128, 64, 16];

/** Dense layers, and tables of which rows are taken, whose constant weights are whole multiples of a step, as dequantized ones are, keep them in 8 or 4 bits. */
export function fewBits(source: Graph): Graph {
  return rewrite(source, (node, inputs, to) => {
    const found = node.op === 'linear' ? quantized(node, inputs) : node.op === 'gather' ? rowsOfBytes(node, inputs, to) : undefined;
    return found && [found];
  });
}

function quantized(node: Node, inputs: readonly Value[]): Value | undefined {
  const { units, low, high, residual, ordered } = node.attrs as unknown as LinearAttributes & Epilogue;
  const [x, w, ...rest] = inputs as [Value, Value, ...Value[]];
  const added = residual ? rest.pop() : undefined;
  const [bias] = rest;
  const depth = x.shape.at(-1) as number;
  if (w.origin.kind !== 'const' || depth * units < (ordered ? ORDERED_WEIGHTS : WEIGHTS)) return undefined;
  const packed = dataOf(w) as Float32Array;
  // One column tells floats from steps: most weights need not be looked at.
  const column = Float32Array.from({ length: depth }, (_, k) => packed[k * PANEL] as number);
  if (!inBits(column, depth, 1)) return undefined;
  const rows = unpackPanels(packed, [depth, units]);
  const found = isMostlyZeros(rows) ? undefined : inBits(rows, depth, units);
  if (!found) return undefined;
  const { attrs, numbers, scales, held } = found;
  const { graph } = x;
  const operands = [
    held === depth ? x : widened(x, held),
    graph.constant({ dtype: 'i8', shape: weightShape(held, attrs), data: packWeights(numbers, held, attrs) }),
    graph.constant({ dtype: 'f32', shape: scaleShape(held, attrs), data: scales }),
    bias ?? graph.constant({ dtype: 'f32', shape: [units], data: new Float32Array(units) }),
  ];
  const y = linearWeights(operands, attrs);
  const sum = added ? add([y, added]) : y;
  return low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY ? sum : clip(sum, { min: low, max: high });
}

/** x with zeros behind its last axis. */
const widened = (x: Value, extent: number): Value =>
  pad(x, { pads: x.shape.map((size, axis) => (axis === x.shape.length - 1 ? [0, extent - size] : [0, 0])), mode: 'constant', value: 0 });

/** Elements of a table that tell whether the others need be looked at. */
const SAMPLE = 256;

/** Rows of a table of whole numbers times one step, as quantized embeddings are: taken as bytes, then dequantized. */
function rowsOfBytes(node: Node, inputs: readonly Value[], to: Rewriting): Value | undefined {
  const [table, at] = inputs as [Value, Value];
  if (table.origin.kind !== 'const' || table.dtype !== 'f32' || at.origin.kind === 'const' || sizeOf(table.shape) < WEIGHTS)
    return undefined;
  const data = dataOf(table) as Float32Array;
  if (!wholeNumbers(data.subarray(0, SAMPLE), 1)) return undefined;
  const whole = wholeNumbers(data, 1);
  if (!whole) return undefined;
  const bytes = table.graph.constant({ dtype: 'i8', shape: table.shape, data: whole.numbers }, table.name);
  return dequantizeInt8(to.apply(node, [bytes, at])[0] as Value, { scale: whole.steps[0] as number, zero: 0 });
}

interface Found {
  readonly attrs: LinearWeightsAttributes;
  readonly numbers: Int8Array;
  readonly scales: Float32Array;
  /** Rows, with those of zeros that fill up the last group. */
  readonly held: number;
}

/** Such matrices are not weights. */
const isMostlyZeros = (rows: Float32Array): boolean => rows.reduce((count, value) => count + (value === 0 ? 1 : 0), 0) * 2 > rows.length;

/** Weights in the fewest bits that hold them exactly: 4 with one scale a column, 4 with groups, 8. */
function inBits(rows: Float32Array, depth: number, units: number): Found | undefined {
  const groups = GROUPS.filter((group) => group < depth);
  for (const { bits, group } of [
    { bits: 4, group: 0 } as const,
    ...groups.map((group) => ({ bits: 4 as const, group })),
    { bits: 8, group: 0 } as const,
  ]) {
    const found = inGroups(rows, depth, { units, bits, group });
    if (found) return found;
  }
  return undefined;
}

function inGroups(given: Float32Array, depth: number, attrs: LinearWeightsAttributes): Found | undefined {
  const { units, bits } = attrs;
  const group = attrs.group || depth;
  const length = group * units;
  const held = Math.ceil(depth / group) * group;
  const [sets, width] = scaleShape(held, attrs) as [number, number];
  const rows = held === depth ? given : new Float32Array(held * units);
  if (held > depth) rows.set(given);
  const numbers = new Int8Array(rows.length);
  const scales = new Float32Array(sets * width);
  for (let set = 0; set < sets; set++) {
    const whole = wholeNumbers(rows.subarray(set * length, (set + 1) * length), units, { bits });
    if (!whole) return undefined;
    numbers.set(whole.numbers, set * length);
    scales.set(whole.steps, set * width);
  }
  return { attrs, numbers, scales, held };
}
