import { unpackPanels } from '../core/panels.ts';
import { packQuads } from '../core/quads.ts';
import { inBytes, splitBytes } from '../core/wideWeights.ts';
import { type Node, producer, type Value } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { type Conv2dAttributes, filterShape } from '../ops/conv2d.ts';
import { filterQuads, runsOf } from '../ops/conv2dInt8.ts';
import { conv2dScaledInt8 } from '../ops/conv2dScaledInt8.ts';
import { filterTotals } from '../ops/convScaledInt8.ts';
import type { DepthwiseAttributes } from '../ops/depthwiseConv2d.ts';
import { packDepthwiseParts } from '../ops/depthwiseConv2dInt8.ts';
import { depthwiseConv2dScaledInt8 } from '../ops/depthwiseConv2dScaledInt8.ts';
import type { Epilogue, Limits, Order } from '../ops/epilogue.ts';
import type { QuantizeAttributes } from '../ops/quantizeInt8.ts';
import { quantizeRowsInt8 } from '../ops/quantizeRowsInt8.ts';
import { widened } from './islandRules.ts';
import type { Rewriting } from './rewrite.ts';
import { wideNumbers } from './steps.ts';

/** Bytes, and what stands for one of each image: (number - zero) · unit. */
export interface Rows {
  readonly x: Value;
  readonly unit: Value;
  readonly zero: Value;
  /** TFLite rounded them. */
  readonly isHybrid: boolean;
}

/** The bytes of rounded rows, or what is dequantized from bytes: several products share them. */
export class RoundedRows {
  readonly #known = new Map<Value, Rows>();
  readonly #to: Rewriting;

  constructor(to: Rewriting) {
    this.#to = to;
  }

  /** Those of `value` of the new graph, which may be turned or reshaped where all of it is one row. */
  of(value: Value): Rows | undefined {
    const node = producer(value);
    if (node?.op === 'transpose' || node?.op === 'reshape') {
      const inner = this.of(node.inputs[0] as Value);
      return inner?.unit.shape[0] === 1 ? { ...inner, x: this.#to.apply(node, [inner.x])[0] as Value } : undefined;
    }
    if (node?.op === 'dequantizeInt8') return dequantized(node);
    if (node?.op !== 'roundRows') return undefined;
    const known = this.#known.get(value);
    if (known) return known;
    const [x, unit, zero] = this.#to.target.named(node.name, () => quantizeRowsInt8.all(node.inputs, node.attrs)) as readonly [
      Value,
      Value,
      Value,
    ];
    const rows = { x, unit, zero, isHybrid: !node.attrs.even };
    this.#known.set(value, rows);
    return rows;
  }
}

/** One scale and zero point for all, which are constants. */
function dequantized({ inputs: [x], attrs }: Node): Rows {
  const { scale, zero } = attrs as unknown as QuantizeAttributes;
  const { graph } = x as Value;
  return {
    x: x as Value,
    unit: graph.constant({ dtype: 'f32', shape: [1], data: Float32Array.of(scale) }),
    zero: graph.constant({ dtype: 'i32', shape: [1], data: Int32Array.of(zero) }),
    isHybrid: false,
  };
}

/** What follows x and w: a number or a constant for each filter. */
function rest({ x, unit, zero }: Rows, numbers: Int16Array, steps: Float32Array, bias: Value | undefined): Value[] {
  const { graph } = x;
  const shape = [steps.length];
  return [
    graph.constant({ dtype: 'i32', shape, data: filterTotals(numbers, steps.length) }),
    zero,
    unit,
    graph.constant({ dtype: 'f32', shape, data: steps }),
    bias ?? graph.constant({ dtype: 'f32', shape, data: new Float32Array(steps.length) }),
  ];
}

function dense(node: Node, rows: Rows, w: Value, bias: Value | undefined, added: Value | undefined): Value | undefined {
  const { ordered: _, ...attrs } = node.attrs as unknown as Conv2dAttributes & Epilogue & Order;
  const channels = rows.x.shape[3] as number;
  const weights = unpackPanels(dataOf(w) as Float32Array, filterShape(channels, attrs), attrs.groups);
  const whole = wideNumbers(weights, attrs.filters, w.graph.steps);
  if (!whole) return undefined;
  const bytes = inBytes(whole.numbers, attrs.kernel[0] * attrs.kernel[1], channels / attrs.groups, attrs.filters);
  const held = channels + bytes.again.length * attrs.groups;
  const data = packQuads(bytes.weights, filterShape(held, attrs), attrs.groups, runsOf(attrs));
  const quads = rows.x.graph.constant({ dtype: 'i8', shape: filterQuads(held, attrs), data }, w.name);
  const operands = [widened(rows, bytes.again, attrs.groups), quads, ...rest(rows, whole.numbers, whole.steps, bias)];
  // The order of TFLite's factors (HybridConvPerChannel), but for one scale of all filters; its depthwise convolutions have the other.
  const apart = rows.isHybrid && whole.steps.some((step) => step !== whole.steps[0]);
  return conv2dScaledInt8(added ? [...operands, added] : operands, { ...attrs, apart });
}

function depthwise(node: Node, rows: Rows, w: Value, bias: Value | undefined): Value | undefined {
  const { ordered: _, ...attrs } = node.attrs as unknown as DepthwiseAttributes & Limits & Order;
  const whole = wideNumbers(dataOf(w) as Float32Array, w.shape[2] as number, w.graph.steps);
  if (!whole) return undefined;
  const { first, rest: left } = splitBytes(whole.numbers);
  const parts = left ? [first, left] : [first];
  const quads = rows.x.graph.constant({ dtype: 'i8', ...packDepthwiseParts(parts, w.shape) }, w.name);
  return depthwiseConv2dScaledInt8([rows.x, quads, ...rest(rows, whole.numbers, whole.steps, bias)], {
    ...attrs,
    parts: left ? 2 : 1,
  });
}

/** A convolution of rounded or dequantized images whose constant weights are whole multiples of a step as one of bytes. */
export function roundedConvolution(node: Node, inputs: readonly Value[], rounded: RoundedRows): Value | undefined {
  const [image, w, ...more] = inputs as [Value, Value, ...Value[]];
  const rows = w.origin.kind === 'const' ? rounded.of(image) : undefined;
  if (!rows || ![1, image.shape[0]].includes(rows.unit.shape[0])) return undefined;
  const added = node.attrs.residual ? more.pop() : undefined;
  const [bias] = more;
  return node.op === 'conv2d' ? dense(node, rows, w, bias, added) : depthwise(node, rows, w, bias);
}
