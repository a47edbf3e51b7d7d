import { unpackPanels } from '../core/panels.ts';
import { packQuads, quadShape } from '../core/quads.ts';
import { type Graph, type Node, producer, type Value } from '../ir/graph.ts';
import { add } from '../ops/add.ts';
import { clip } from '../ops/clip.ts';
import { dataOf } from '../ops/constants.ts';
import type { Epilogue } from '../ops/epilogue.ts';
import type { LinearAttributes } from '../ops/linear.ts';
import { dynamicOffsets, linearDynamicInt8, paddedUnits } from '../ops/linearDynamicInt8.ts';
import type { RoundRowsAttributes } from '../ops/roundRows.ts';
import { rewrite } from './rewrite.ts';
import { RoundedRows, roundedConvolution } from './roundedConvolutions.ts';
import { wholeNumbers } from './steps.ts';

/**
 * Dense layers and convolutions of rounded rows whose constant weights are whole multiples of a step, as TFLite's hybrid ones and ONNX's dynamically
 * quantized ones are, become products of 8-bit numbers.
 */
export function roundedProducts(source: Graph): Graph {
  let known: RoundedRows | undefined;
  return rewrite(source, (node, inputs, to) => {
    known ??= new RoundedRows(to);
    const rounded = known;
    const found =
      node.op === 'linear'
        ? product(node, inputs)
        : node.op === 'conv2d' || node.op === 'depthwiseConv2d'
          ? to.target.named(node.name, () => roundedConvolution(node, inputs, rounded))
          : undefined;
    return found && [found];
  });
}

function product(node: Node, inputs: readonly Value[]): Value | undefined {
  const { units, low, high, residual } = node.attrs as unknown as LinearAttributes & Epilogue;
  const [rounded, w, ...rest] = inputs as [Value, Value, ...Value[]];
  const added = residual ? rest.pop() : undefined;
  const [bias] = rest;
  const rounding = producer(rounded);
  if (rounding?.op !== 'roundRows' || w.origin.kind !== 'const') return undefined;
  const [x] = rounding.inputs as [Value];
  const { axis, asymmetric, even } = rounding.attrs as unknown as RoundRowsAttributes;
  if (even || (axis !== -1 && axis !== x.shape.length - 1)) return undefined;
  const shape = [x.shape.at(-1) as number, units];
  const whole = wholeNumbers(unpackPanels(dataOf(w) as Float32Array, shape), units);
  if (!whole) return undefined;
  const { graph } = x;
  const scales = new Float32Array(paddedUnits(units));
  scales.set(whole.steps);
  const y = linearDynamicInt8(
    [
      x,
      graph.constant({ dtype: 'i8', shape: quadShape(shape), data: packQuads(whole.numbers, shape) }, w.name),
      graph.constant({ dtype: 'f32', shape: [scales.length], data: scales }),
      graph.constant({ dtype: 'i32', shape: [scales.length], data: dynamicOffsets(whole.numbers, units) }),
      bias ?? graph.constant({ dtype: 'f32', shape: [units], data: new Float32Array(units) }),
    ],
    { units, asymmetric },
  );
  const sum = added ? add([y, added]) : y;
  return low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY ? sum : clip(sum, { min: low, max: high });
}
