import { unpackPanels } from '../core/panels.ts';
import { packQuads, quadShape } from '../core/quads.ts';
import type { Shape } from '../core/shape.ts';
import { type Graph, type Node, producer, type Value } from '../ir/graph.ts';
import { add } from '../ops/add.ts';
import { clip } from '../ops/clip.ts';
import { dataOf } from '../ops/constants.ts';
import type { Epilogue } from '../ops/epilogue.ts';
import type { LinearAttributes } from '../ops/linear.ts';
import { dynamicOffsets, linearDynamicInt8, paddedUnits } from '../ops/linearDynamicInt8.ts';
import { columnTotals, linearScaledInt8, paddedColumns } from '../ops/linearScaledInt8.ts';
import { reshape } from '../ops/reshape.ts';
import type { RoundRowsAttributes } from '../ops/roundRows.ts';
import { rewrite } from './rewrite.ts';
import { RoundedRows, roundedConvolution } from './roundedConvolutions.ts';
import { wholeNumbers } from './steps.ts';

/**
 * Dense layers and convolutions of rounded rows whose constant weights are whole multiples of a step, as TFLite's hybrid ones and ONNX's dynamically
 * quantized ones are, become products of 8-bit numbers; so do those of dequantized numbers whose result stays in float.
 */
export function roundedProducts(source: Graph): Graph {
  let known: RoundedRows | undefined;
  return rewrite(source, (node, inputs, to) => {
    known ??= new RoundedRows(to);
    const rounded = known;
    if (node.attrs.ordered) return undefined;
    const found =
      node.op === 'linear'
        ? product(node, inputs, rounded)
        : node.op === 'conv2d' || node.op === 'depthwiseConv2d'
          ? to.target.named(node.name, () => roundedConvolution(node, inputs, rounded))
          : undefined;
    return found && [found];
  });
}

function product(node: Node, inputs: readonly Value[], rounded: RoundedRows): Value | undefined {
  const { units, low, high, residual } = node.attrs as unknown as LinearAttributes & Epilogue;
  const [x, w, ...rest] = inputs as [Value, Value, ...Value[]];
  const added = residual ? rest.pop() : undefined;
  const [bias] = rest;
  const y = w.origin.kind === 'const' ? (ofRows(x, w, bias, units) ?? ofBytes(x, w, bias, units, rounded)) : undefined;
  if (!y) return undefined;
  const sum = added ? add([y, added]) : y;
  return low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY ? sum : clip(sum, { min: low, max: high });
}

/** Row-major weights as whole numbers. */
const wholeRows = (w: Value, shape: Shape) =>
  wholeNumbers(unpackPanels(dataOf(w) as Float32Array, shape), shape[1] as number, { known: w.graph.steps });

const zeros = (graph: Graph, units: number): Value => graph.constant({ dtype: 'f32', shape: [units], data: new Float32Array(units) });

/** Of rows that are rounded, each to steps of its own. */
function ofRows(value: Value, w: Value, bias: Value | undefined, units: number): Value | undefined {
  const rounding = producer(value);
  if (rounding?.op !== 'roundRows') return undefined;
  const [x] = rounding.inputs as [Value];
  const { axis, asymmetric, even } = rounding.attrs as unknown as RoundRowsAttributes;
  if (even || (axis !== -1 && axis !== x.shape.length - 1)) return undefined;
  const shape = [x.shape.at(-1) as number, units];
  const whole = wholeRows(w, shape);
  if (!whole) return undefined;
  const { graph } = x;
  const scales = new Float32Array(paddedUnits(units));
  scales.set(whole.steps);
  return linearDynamicInt8(
    [
      x,
      graph.constant({ dtype: 'i8', shape: quadShape(shape), data: packQuads(whole.numbers, shape) }, w.name),
      graph.constant({ dtype: 'f32', shape: [scales.length], data: scales }),
      graph.constant({ dtype: 'i32', shape: [scales.length], data: dynamicOffsets(whole.numbers, units) }),
      bias ?? zeros(graph, units),
    ],
    { units, asymmetric },
  );
}

/** Of numbers that are dequantized, with one step for all. */
function ofBytes(value: Value, w: Value, bias: Value | undefined, units: number, rounded: RoundedRows): Value | undefined {
  const rows = rounded.of(value);
  if (rows?.unit.origin.kind !== 'const') return undefined;
  const shape = [value.shape.at(-1) as number, units];
  const whole = wholeRows(w, shape);
  if (!whole) return undefined;
  const { graph } = value;
  const scales = paddedColumns(whole.steps);
  const totals = columnTotals(whole.numbers, units);
  return linearScaledInt8(
    [
      rows.x,
      reshape(rows.zero, { shape: [] }),
      graph.constant({ dtype: 'i8', shape: quadShape(shape), data: packQuads(whole.numbers, shape) }, w.name),
      graph.constant({ dtype: 'i32', shape: [totals.length], data: totals }),
      reshape(rows.unit, { shape: [] }),
      graph.constant({ dtype: 'f32', shape: [scales.length], data: scales }),
      (bias && wholeBias(bias, scales, dataOf(rows.unit)[0] as number)) ?? bias ?? zeros(graph, units),
    ],
    { units },
  );
}

/** Whole numbers below have an f32 each. */
const EXACT = 2 ** 24;

/**
 * A bias of whole multiples of the steps of the sums, as quantized files have it: added before they are scaled it costs no rounding, which is the order of
 * ONNX Runtime, too (QGemm).
 */
function wholeBias(bias: Value, scales: Float32Array, unit: number): Value | undefined {
  if (bias.origin.kind !== 'const') return undefined;
  const numbers = new Int32Array(scales.length);
  const isWhole = dataOf(bias).every((value, c) => {
    const step = Math.fround((scales[c] as number) * unit);
    const number = Math.round(value / step);
    numbers[c] = number;
    return Math.abs(number) < EXACT && Math.fround(number * step) === value;
  });
  return isWhole ? bias.graph.constant({ dtype: 'i32', shape: [numbers.length], data: numbers }) : undefined;
}
