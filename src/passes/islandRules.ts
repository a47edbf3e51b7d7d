import { roundHalfEven } from '../core/fixedPoint.ts';
import { unpackPanels } from '../core/panels.ts';
import { foldedBias, packQuads, quadShape } from '../core/quads.ts';
import { type Shape, sameShape, sizeOf } from '../core/shape.ts';
import { inBytes, splitBytes } from '../core/wideWeights.ts';
import { type Node, producer, type Value } from '../ir/graph.ts';
import { addInt8, mulInt8 } from '../ops/arithmeticInt8.ts';
import { concat } from '../ops/concat.ts';
import { dataOf } from '../ops/constants.ts';
import { type Conv2dAttributes, filterShape, geometryOf, isPointwise } from '../ops/conv2d.ts';
import { conv2dInt8, runsOf } from '../ops/conv2dInt8.ts';
import type { DepthwiseAttributes } from '../ops/depthwiseConv2d.ts';
import { depthwiseConv2dInt8, packDepthwiseParts } from '../ops/depthwiseConv2dInt8.ts';
import type { Epilogue, Order } from '../ops/epilogue.ts';
import { gather } from '../ops/gather.ts';
import type { LinearAttributes } from '../ops/linear.ts';
import { linearInt8 } from '../ops/linearInt8.ts';
import { isRowwise, linearRowsInt8, packRows } from '../ops/linearRowsInt8.ts';
import type { MatmulAttributes } from '../ops/matmul.ts';
import { matmulInt8 } from '../ops/matmulInt8.ts';
import type { PadAttributes } from '../ops/pad.ts';
import { quantizeInt8 } from '../ops/quantizeInt8.ts';
import { reshape } from '../ops/reshape.ts';
import type { ResizeAttributes } from '../ops/resize.ts';
import { average, largest, overImages, probabilities } from './islandMeans.ts';
import { type Quantized, quantizedOf, type Rule, rescaled, type Target } from './islands.ts';
import { wholeNumbers, wideNumbers } from './steps.ts';

/** Scale, zero point and limits of the result, for operators with float rounding. */
const result = ({ zero, low, high }: Target) => ({ yZero: zero, low, high, rounding: 'float' as const });

/** What sums of products are scaled by, with the roundings of ONNX Runtime, which computes it in f32. */
const factorOf = (a: number, b: number, y: number): number => Math.fround(Math.fround(a * b) / y);

const constant = (value: Value | undefined): Float32Array | undefined =>
  value?.origin.kind === 'const' && value.dtype === 'f32' ? (dataOf(value) as Float32Array) : undefined;

/** Constant weights (row-major, output axis last) and bias of a product, in whole numbers of up to 9 bits (`core/wideWeights.ts`). */
function product(target: Target, x: Quantized, rows: Float32Array, columns: number) {
  const { node, scale } = target;
  const { residual } = node.attrs as { residual?: boolean };
  const bias = constant(node.inputs[2]);
  if (residual || (node.inputs.length > 2 && !bias)) return undefined;
  const { graph } = x.x;
  const whole = wholeNumbers(rows, columns, { known: graph.steps }) ?? wideNumbers(rows, columns, graph.steps);
  if (!whole) return undefined;
  const { numbers } = whole;
  const steps = bias ? countable(whole, bias, x.scale) : whole.steps;
  // A bias in floats is rounded to the steps of sums, as ONNX Runtime's optimizer does (WeightBiasQuantization).
  const sums = bias?.map((value, c) => roundHalfEven(Math.fround(value / Math.fround(x.scale * (steps[c] as number)))));
  if (sums?.some((sum) => Math.abs(sum) >= 2 ** 30)) return undefined;
  return {
    numbers,
    rest: [
      graph.constant({ dtype: 'i32', shape: [columns], data: foldedBias(numbers, columns, x.zero, sums) }),
      graph.constant({ dtype: 'f32', shape: [columns], data: steps.map((step) => factorOf(x.scale, step, scale)) }),
    ],
    attrs: { ...result(within(target, node.attrs as unknown as Epilogue)), xZero: x.zero },
  };
}

/** Steps of sums that are their bias alone: such a filter of zeros has a step of no meaning, in which its bias need not be whole. */
function countable({ numbers, steps }: { numbers: Int8Array | Int16Array; steps: Float32Array }, bias: Float32Array, scale: number) {
  const isZero = new Array<boolean>(steps.length).fill(true);
  numbers.forEach((number, i) => {
    if (number !== 0) isZero[i % steps.length] = false;
  });
  return steps.map((step, c) => (isZero[c] && bias[c] ? Math.abs(bias[c]) / scale / 2 ** 20 : step));
}

type Product = NonNullable<ReturnType<typeof product>>;

/** The limits of an epilogue too. */
function within(target: Target, { low, high }: Pick<Epilogue, 'low' | 'high'>): Target {
  const byte = (number: number) => Math.min(Math.max(Math.round(number / target.scale) + target.zero, target.low), target.high);
  return { ...target, low: byte(low), high: byte(high) };
}

/** x with channels `again` of each group behind the others of the group. */
export const widened = ({ x }: Pick<Quantized, 'x'>, again: readonly number[], groups = 1): Value => {
  if (again.length === 0) return x;
  const axis = x.shape.length - 1;
  const taken = (channels: readonly number[]) =>
    gather([x, x.graph.constant({ dtype: 'i32', shape: [channels.length], data: Int32Array.from(channels) })], { axis });
  if (groups === 1) return concat([x, taken(again)], { axis });
  const depth = (x.shape[axis] as number) / groups;
  const all = [...Array.from({ length: depth }, (_, i) => i), ...again];
  return taken(Array.from({ length: groups }, (_, group) => all.map((channel) => group * depth + channel)).flat());
};

const weights = (x: Quantized, shape: Shape, data: Int8Array): Value => x.x.graph.constant({ dtype: 'i8', shape, data });

/** A product over the last axis of few rows, or into few columns. */
function rowwise(x: Value, bytes: Int8Array, columns: number, { rest, attrs }: Product): Value {
  const depth = x.shape.at(-1) as number;
  const shaped = (value: Value, shape: Shape) => (sameShape(value.shape, shape) ? value : reshape(value, { shape }));
  const w = x.graph.constant({ dtype: 'i8', shape: [columns, depth], data: packRows(bytes, columns) });
  const y = linearRowsInt8([shaped(x, [sizeOf(x.shape.slice(0, -1)), depth]), w, ...rest], attrs);
  return shaped(y, [...x.shape.slice(0, -1), columns]);
}

const convolution: Rule = (target) => {
  const { node, to } = target;
  const x = quantizedOf(node.inputs[0], to);
  const packed = constant(node.inputs[1]);
  if (!x || !packed) return undefined;
  const {
    low: _low,
    high: _high,
    residual: _residual,
    ordered: _ordered,
    ...attrs
  } = node.attrs as unknown as Conv2dAttributes & Epilogue & Order;
  const channels = x.x.shape[3] as number;
  const rows = unpackPanels(packed, filterShape(channels, attrs), attrs.groups);
  const found = product(target, x, rows, attrs.filters);
  if (!found) return undefined;
  const { weights: bytes, again } = inBytes(found.numbers, attrs.kernel[0] * attrs.kernel[1], channels / attrs.groups, attrs.filters);
  const g = geometryOf(x.x.shape, attrs);
  if (isPointwise(g) && isRowwise(g.batch * g.outHeight * g.outWidth, attrs.filters))
    return rowwise(widened(x, again), bytes, attrs.filters, found);
  const shape = filterShape(channels + again.length * attrs.groups, attrs);
  const runs = runsOf(attrs);
  const w = weights(x, quadShape(shape, attrs.groups, runs), packQuads(bytes, shape, attrs.groups, runs));
  return conv2dInt8([widened(x, again, attrs.groups), w, ...found.rest], { ...attrs, ...found.attrs });
};

const depthwise: Rule = (target) => {
  const { node, to } = target;
  const x = quantizedOf(node.inputs[0], to);
  const rows = constant(node.inputs[1]);
  if (!x || !rows) return undefined;
  const { low: _low, high: _high, ordered: _ordered, ...attrs } = node.attrs as unknown as DepthwiseAttributes & Epilogue & Order;
  const { shape } = node.inputs[1] as Value;
  const found = product(target, x, rows, shape[2] as number);
  if (!found) return undefined;
  const { first, rest } = splitBytes(found.numbers);
  const packed = packDepthwiseParts(rest ? [first, rest] : [first], shape);
  return depthwiseConv2dInt8([x.x, weights(x, packed.shape, packed.data), ...found.rest], {
    ...attrs,
    ...found.attrs,
    parts: rest ? 2 : 1,
  });
};

const dense: Rule = (target) => {
  const { node, to } = target;
  const x = quantizedOf(node.inputs[0], to);
  const packed = constant(node.inputs[1]);
  if (!x || !packed) return undefined;
  const { units } = node.attrs as unknown as LinearAttributes;
  const depth = x.x.shape.at(-1) as number;
  const found = product(target, x, unpackPanels(packed, [depth, units]), units);
  if (!found) return undefined;
  const { weights: bytes, again } = inBytes(found.numbers, 1, depth, units);
  const shape = [depth + again.length, units];
  if (isRowwise(sizeOf(x.x.shape.slice(0, -1)), units)) return rowwise(widened(x, again), bytes, units, found);
  return linearInt8([widened(x, again), weights(x, quadShape(shape), packQuads(bytes, shape)), ...found.rest], {
    units,
    ...found.attrs,
  });
};

/** An operand of a sum or product: dequantized, or a constant of whole steps, which may have a zero point. */
function operand(value: Value, target: Target): Quantized | undefined {
  const found = quantizedOf(value, target.to);
  const data = constant(value);
  if (found || !data) return found;
  const { target: graph } = target.to;
  if (target.operand) {
    const { scale, zero } = target.operand;
    const numbers = Int8Array.from(data, (number) => Math.round(number / scale) + zero);
    return { x: graph.constant({ dtype: 'i8', shape: value.shape, data: numbers }), scale, zero };
  }
  const whole = wideNumbers(data, 1, graph.steps);
  if (!whole) return undefined;
  const { numbers, steps } = whole;
  const [low, high] = numbers.reduce(([least, most], number) => [Math.min(least, number), Math.max(most, number)], [0, 0]);
  if (high - low > 255) return undefined;
  const zero = Math.min(127 - high, 0) + Math.max(-128 - low, 0);
  const x = graph.constant({ dtype: 'i8', shape: value.shape, data: Int8Array.from(numbers, (number) => number + zero) });
  return { x, scale: steps[0] as number, zero };
}

/** Attributes of arithmetic on two numbers. */
const operands = (a: Quantized, b: Quantized, target: Target) => ({
  ...{ aZero: a.zero, bZero: b.zero, aScale: a.scale, bScale: b.scale, yScale: target.scale },
  arithmetic: target.arithmetic,
  ...result(target),
});

const sum =
  (subtract: boolean): Rule =>
  (target) => {
    const [a, b] = target.node.inputs.map((value) => operand(value, target));
    if (!a || !b) return undefined;
    return addInt8([a.x, b.x], { subtract, ...operands(a, b, target) });
  };

const times: Rule = (target) => {
  const [a, b] = target.node.inputs.map((value) => operand(value, target));
  if (!a || !b) return undefined;
  return mulInt8([a.x, b.x], operands(a, b, target));
};

/** An operand of a product of matrices, turned in its last two axes where that leaves a simpler transposition to make, or none. */
function matrixOf(value: Value, to: Target['to']): { readonly x: Quantized; readonly turned: boolean } | undefined {
  const node = producer(value);
  const [inner] = node?.inputs ?? [];
  const turned = inner && node?.op === 'transpose' ? quantizedOf(inner, to) : undefined;
  const perm = node?.attrs.perm as readonly number[];
  const rank = value.shape.length;
  if (!turned || perm[rank - 2] !== rank - 1) {
    const x = quantizedOf(value, to);
    return x && { x, turned: false };
  }
  const rest = [...perm.slice(0, -2), perm[rank - 1] as number, perm[rank - 2] as number];
  const isSame = rest.every((axis, i) => axis === i);
  return { x: isSame ? turned : { ...turned, x: to.apply(node as Node, [turned.x], { perm: rest })[0] as Value }, turned: true };
}

/** A product of two matrices that are both computed. */
const matrices: Rule = (target) => {
  const { node, to, scale, zero, low, high } = target;
  const { transposeA, transposeB, alpha } = node.attrs as unknown as MatmulAttributes;
  const [a, b] = node.inputs.map((value) => matrixOf(value, to));
  if (!a || !b || !(alpha > 0)) return undefined;
  const factor = Float32Array.of(factorOf(a.x.scale * alpha, b.x.scale, scale));
  return matmulInt8([a.x.x, b.x.x, to.target.constant({ dtype: 'f32', shape: [1], data: factor })], {
    transposeA: transposeA !== a.turned,
    transposeB: transposeB !== b.turned,
    aZero: a.x.zero,
    bZero: b.x.zero,
    yZero: zero,
    low,
    high,
  });
};

/** Operators that move elements, with `attrs` for 8-bit numbers. */
const moved =
  (attrs: (node: Node, x: Quantized) => object | undefined = (node) => node.attrs): Rule =>
  (target) => {
    const { node, to } = target;
    const x = quantizedOf(node.inputs[0], to);
    const own = x && attrs(node, x);
    if (!x || !own) return undefined;
    const [y] = to.apply(node, [x.x, ...node.inputs.slice(1).map((value) => to.of(value))], own) as [Value];
    return rescaled({ ...x, x: y }, target);
  };

/** Rows of a constant table: quantized before they are taken. */
const taken: Rule = (target) => {
  const { node, to, scale, zero, low, high, ties } = target;
  const [table, at] = node.inputs as [Value, Value];
  const data = constant(table);
  if (!data) return moved()(target);
  const { shape } = table;
  const [bytes] = quantizeInt8.ref(
    [{ dtype: 'f32', shape, data: Float64Array.from(data) }],
    { scale, zero, low, high, ties, arithmetic: 'float', operand: null },
    [],
  );
  const whole = to.target.constant({ dtype: 'i8', shape, data: Int8Array.from(bytes as Float64Array) }, table.name);
  return to.apply(node, [whole, to.of(at)])[0];
};

const joined: Rule = (target) => {
  const parts = target.node.inputs.map((value) => quantizedOf(value, target.to));
  if (parts.some((part) => !part)) return undefined;
  return concat(
    parts.map((part) => rescaled(part as Quantized, target)),
    target.node.attrs as { axis: number },
  );
};

/** Padding is a number of the input's scale, which an 8-bit number has to be. */
function padding({ attrs }: Node, { scale, zero }: Quantized): object | undefined {
  const { mode, value } = attrs as unknown as PadAttributes;
  const number = value / scale + zero;
  if (mode !== 'constant') return attrs;
  return Math.abs(number - Math.round(number)) < 1e-3 && number >= -128 && number <= 127
    ? { ...attrs, value: Math.round(number) }
    : undefined;
}

/** The 8-bit form of each float operator that has one. */
export const INT8_RULES: Readonly<Record<string, Rule>> = {
  conv2d: convolution,
  depthwiseConv2d: depthwise,
  linear: dense,
  matmul: matrices,
  add: sum(false),
  sub: sum(true),
  mul: times,
  maxPool2d: largest,
  averagePool2d: average,
  reduceMean: overImages,
  softmax: probabilities,
  concat: joined,
  reshape: moved(),
  transpose: moved(),
  slice: moved(),
  gather: taken,
  broadcast: moved(),
  pad: moved(padding),
  resize: moved(({ attrs }) => ((attrs as unknown as ResizeAttributes).mode === 'nearest' ? attrs : undefined)),
};
